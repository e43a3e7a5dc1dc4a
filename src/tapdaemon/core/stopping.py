"""Stops a service tree in reverse, with a bound on each service; it saves nothing and ends no process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import (
    AlreadyCalledError,
    CancelledError,
    Deferred,
    TimeoutError,  # noqa: A004 - Twisted's own class
    maybeDeferred,
)
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tapdaemon.core.starting import Method, observed
from tapdaemon.core.tree import Node

Report = Callable[[str, object], None]


class Stopper:
    """Stops one tree, once.

    stopService may return Deferreds that never fire, so each service has a bound of its own.

    :param clock: where time passes.
    :param limit: seconds that each service may take.
    :param report: told the path and the failure of every service that fails to stop, or takes too long.
    """

    def __init__(self, application: Any, clock: IReactorTime, limit: float, report: Report) -> None:
        self._application = application
        self._clock = clock
        self._limit = limit
        self._report = report
        self._waiting: list[Deferred[Any]] = []

    def stop(self) -> Deferred[None]:
        """:returns: a Deferred that always fires, with None."""
        scope = ExitStack()
        scope.enter_context(observed(self._application, {"stopService": self._bounded}))

        def finish(_: Any) -> None:
            scope.close()

        return maybeDeferred(IService(self._application).stopService).addBoth(finish)

    def hurry(self) -> None:
        """Wait for none of them any longer."""
        for deferred in self._waiting:
            if not deferred.called:  # one that was may have others chained to it by now
                deferred.cancel()

    def _bounded(self, node: Node, method: Method) -> Deferred[Any]:
        # A Deferred of ours stands before the service's: cancelling it leaves the service at its work.
        bounded: Deferred[Any] = Deferred()
        maybeDeferred(method).addCallbacks(_unless_called(bounded.callback), _unless_called(bounded.errback))
        bounded.addTimeout(self._limit, self._clock)
        self._waiting.append(bounded)

        def failed(failure: Failure) -> None:
            if failure.check(TimeoutError):
                self._report(node.path, f"did not stop within {self._limit:g} s")
            elif failure.check(CancelledError):
                self._report(node.path, "did not stop before the hurry")
            else:
                self._report(node.path, failure)

        return bounded.addErrback(failed)


def _unless_called(tell: Callable[[Any], Any]) -> Callable[[Any], None]:
    def told(result: Any) -> None:
        with suppress(AlreadyCalledError):  # it took too long, and nobody waits any more
            tell(result)

    return told
