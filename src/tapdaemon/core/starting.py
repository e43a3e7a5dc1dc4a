"""Starts a service tree and tells when all of it is ready; it knows no reactor, no time limit and no systemd.

Ready means that every listen is bound and every Deferred that a startService returned has fired.  Twisted's own
MultiService drops what its children return, and StreamServerEndpointService logs a failed listen and carries on, so
each service is observed while the tree starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IService
from twisted.internet.defer import Deferred, DeferredList, FirstError
from twisted.python.failure import Failure

from tapdaemon.core.tree import Node, walk
from tapdaemon.errors import FOREIGN

Method = Callable[[], Any]
Watch = Callable[[Node, Method], Any]
_ABSENT = object()


class ServiceStartError(Exception):
    """A service that did not start: its path, and why."""

    def __init__(self, path: str, failure: Failure) -> None:
        super().__init__(path, failure)
        self.path = path
        self.failure = failure


@contextmanager
def observed(application: Any, watches: Mapping[str, Watch]) -> Iterator[None]:
    """While open, the named methods of every service in the tree are called through their watch.

    A watch gets the node and the method to call, and returns what the caller is to have.
    """
    undo: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for node in walk(application):
            attributes = getattr(node.service, "__dict__", None)
            if attributes is None:  # slots: such a service cannot be observed, and runs as it is
                continue
            for name, watch in watches.items():
                undo.append((attributes, name, attributes.get(name, _ABSENT)))
                attributes[name] = _through(watch, node, getattr(node.service, name))
        yield
    finally:
        for attributes, name, before in reversed(undo):
            if before is _ABSENT:
                attributes.pop(name, None)
            else:
                attributes[name] = before


def _through(watch: Watch, node: Node, method: Method) -> Method:
    return lambda: watch(node, method)


class Starter:
    """Starts the tree of one application, once."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._waiting: dict[str, Deferred[Any]] = {}
        self._pending: set[str] = set()

    def start(self) -> Deferred[None]:
        """Start every service.

        :returns: a Deferred that fires when the tree is ready, or fails with the first ServiceStartError.
        """
        root = IService(self._application)
        watches = {"privilegedStartService": self._listen, "startService": self._start}
        try:
            with observed(self._application, watches):
                root.privilegedStartService()
                root.startService()
        except ServiceStartError:
            failure = Failure()
            for deferred in self._waiting.values():
                deferred.addErrback(lambda _: None)  # the first failure is the one to tell
            return _failed(failure)
        everything = DeferredList(list(self._waiting.values()), fireOnOneErrback=True, consumeErrors=True)
        return everything.addCallbacks(lambda _: None, _first_failure)

    def waiting_for(self) -> list[str]:
        """The paths of the services that are not ready yet."""
        return sorted(self._pending)

    def _listen(self, node: Node, method: Method) -> Any:
        service = node.service
        if not isinstance(service, StreamServerEndpointService):
            return self._call(node, method)
        endpoint = service.endpoint
        spy = service.endpoint = _EndpointSpy(endpoint)
        service._raiseSynchronously = True  # noqa: SLF001 - strports sets it too; else a failed listen is only logged
        try:
            return self._call(node, method)
        finally:
            service.endpoint = endpoint
            if spy.listening is not None:
                self._wait(f"{node.path} (listening)", node.path, spy.listening)

    def _start(self, node: Node, method: Method) -> Any:
        result = self._call(node, method)
        if isinstance(result, Deferred):
            watched: Deferred[Any] = Deferred()
            result.addCallbacks(_tee(watched.callback), _tee(watched.errback))
            self._wait(node.path, node.path, watched)
        return result

    def _call(self, node: Node, method: Method) -> Any:
        try:
            return method()
        except ServiceStartError:
            raise
        except FOREIGN as error:
            raise ServiceStartError(node.path, Failure()) from error

    def _wait(self, what: str, path: str, deferred: Deferred[Any]) -> None:
        self._pending.add(what)

        def done(result: Any) -> Any:
            self._pending.discard(what)
            if isinstance(result, Failure):
                return Failure(ServiceStartError(path, result))
            return result

        self._waiting[what] = deferred.addBoth(done)


class _EndpointSpy:
    """Stands before an endpoint for one call and keeps how the listening went, which the service forgets."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint
        self.listening: Deferred[Any] | None = None

    def listen(self, factory: Any) -> Any:
        self.listening = Deferred()
        deferred = self._endpoint.listen(factory)
        deferred.addCallbacks(_tee(self.listening.callback), _tee(self.listening.errback))
        return deferred

    def __getattr__(self, name: str) -> Any:
        return getattr(self._endpoint, name)


def _tee(tell: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def passed(result: Any) -> Any:
        tell(result)
        return result

    return passed


def _first_failure(failure: Failure) -> Failure:
    assert isinstance(failure.value, FirstError)
    return failure.value.subFailure


def _failed(failure: Failure) -> Deferred[None]:
    deferred: Deferred[None] = Deferred()
    deferred.errback(failure)
    return deferred
