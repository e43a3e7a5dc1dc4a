"""Stops a service tree in reverse, with a bound on each service; it saves nothing and ends no process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred  # noqa: A004 - Twisted's own class
from twisted.internet.interfaces import IReactorTime

from tapdaemon.core.starting import Method, observed
from tapdaemon.core.tree import Node

Report = Callable[[str, object], None]


def stop(application: Any, clock: IReactorTime, limit: float, report: Report) -> Deferred[None]:
    """Stop the tree.

    stopService may return Deferreds that never fire, so each service has a bound of its own.

    :param clock: where time passes.
    :param limit: seconds that each service may take.
    :param report: told the path and the failure of every service that fails to stop, or takes too long.
    :returns: a Deferred that always fires, with None.
    """
    scope = ExitStack()

    def bounded(node: Node, method: Method) -> Deferred[Any]:
        deferred = maybeDeferred(method)
        deferred.addTimeout(limit, clock)

        def failed(failure: Any) -> None:
            if failure.check(TimeoutError):
                report(node.path, f"did not stop within {limit:g} s")
            else:
                report(node.path, failure)

        return deferred.addErrback(failed)

    def finish(_: Any) -> None:
        scope.close()

    scope.enter_context(observed(application, {"stopService": bounded}))
    return maybeDeferred(IService(application).stopService).addBoth(finish)
