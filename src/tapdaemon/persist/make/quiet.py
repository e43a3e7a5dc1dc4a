"""The reactor while a recipe is only looked at: nothing is bound and nothing connects, and what was asked is told.

mktap must not need the port that production holds, nor leave one bound behind a maker that listens at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tapdaemon.tapfile import addresses
from tapdaemon.tapfile.manifest import TOP, Listen


class Asked:
    """What the making asked of the reactor.

    :param listens: addresses that it listens on itself, without a service.
    :param others: methods that it called, in order; what they asked is not part of any object.
    """

    def __init__(self) -> None:
        self.listens: list[Listen] = []
        self.others: list[str] = []


_LISTENS = {"listenTCP": "TCP", "listenSSL": "SSL", "listenUDP": "UDP", "listenUNIX": "UNIX"}
_NOTED = (
    "callWhenRunning", "addSystemEventTrigger", "callLater", "suggestThreadPoolSize", "callInThread", "installResolver",
    "installNameResolver", "addReader", "addWriter",
)  # fmt: skip
_CONNECTS = ("connectTCP", "connectSSL", "connectUNIX", "connectUDP")


class NotConnected:
    """What a method of a quiet reactor returns: a port, a connector; it does nothing."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory

    def startListening(self) -> None:  # noqa: N802 - IListeningPort's name
        """Nothing is bound."""

    def stopListening(self) -> None:  # noqa: N802 - the same
        """Nothing was."""

    def getHost(self) -> None:  # noqa: N802 - the same
        """It has no address."""

    def connect(self) -> None:
        """Nothing connects."""

    stopConnecting = disconnect = connect  # noqa: N815 - IConnector's name


@contextmanager
def quiet(reactor: Any) -> Iterator[Asked]:
    """While open, the reactor binds and connects nothing, and notes what it is asked."""
    asked = Asked()
    before: dict[str, Any] = {}

    def put(name: str, ours: Any) -> None:
        if hasattr(reactor, name):
            before[name] = vars(reactor).get(name)
            setattr(reactor, name, ours)

    for name, kind in _LISTENS.items():
        put(name, _listening(asked, name, kind))
    for name in _CONNECTS:
        put(name, _connecting(asked, name))
    for name in _NOTED:
        put(name, _noting(asked, name, getattr(reactor, name, None)))
    try:
        yield asked
    finally:
        for name, own in before.items():
            if own is None:
                delattr(reactor, name)
            else:
                setattr(reactor, name, own)


def _listening(asked: Asked, name: str, kind: str) -> Any:
    def listen(*arguments: Any, **keywords: Any) -> NotConnected:
        asked.others.append(name)
        asked.listens += addresses.of_call(kind, arguments, keywords, TOP)
        return NotConnected(keywords.get("factory", arguments[1] if len(arguments) > 1 else None))

    return listen


def _connecting(asked: Asked, name: str) -> Any:
    def connect(*arguments: Any, **keywords: Any) -> NotConnected:
        asked.others.append(name)
        factories = [one for one in (*arguments, *keywords.values()) if hasattr(one, "buildProtocol")]
        return NotConnected(factories[0] if factories else None)

    return connect


class _Noting:
    """A method that is noted and done; whoever keeps it has the reactor's own, when it is called."""

    def __init__(self, asked: Asked, name: str, method: Any) -> None:
        self._asked, self._name, self._method = asked, name, method

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        others = self._asked.others
        if not _is_twisteds(arguments):
            others.append(self._name)
        count = len(others)
        try:
            return self._method(*arguments, **keywords)
        finally:
            del others[count:]  # what the reactor asked of itself

    def __reduce__(self) -> tuple[Any, ...]:
        from tapdaemon.persist.rules import rebuild

        return rebuild.method, (rebuild.the_reactor(), self._name)


def _noting(asked: Asked, name: str, method: Any) -> _Noting:
    return _Noting(asked, name, method)


def _is_twisteds(arguments: tuple[Any, ...]) -> bool:
    """Whether the call is the reactor's own housekeeping: its threads, its resolver, its signals."""
    found = next((argument for argument in arguments if callable(argument)), None)
    owner = getattr(found, "__self__", None)
    return str(getattr(type(owner), "__module__", "")).startswith("twisted.internet.") and hasattr(owner, "callLater")
