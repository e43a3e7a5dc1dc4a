"""What belongs to one process alone: which objects are never saved, and which attributes of the others start afresh.

Facts that tests hold: most calls of `is_live` are one look-up by type.  No object is asked anything through its own
`__getattr__` or `__providedBy__`.  Nothing is imported to decide: classes are found by their qualified names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from copyreg import __newobj__ as newobj  # type: ignore[attr-defined]  # typeshed lacks it
from typing import Any

from tapdaemon.persist.rules import rebuild
from tapdaemon.persist.rules.live_now import NOW
from tapdaemon.persist.rules.live_rule import DROPPED, Resumed, Rule
from tapdaemon.persist.rules.live_table import TABLE

GROUP = "tapdaemon.rules"
"""The group of entry points by which a distribution registers the classes that it brings."""

_Answer = bool | Callable[[Any], bool]

_registered: dict[type, Rule] = {}
_rules: dict[type, Rule] = {}
_answers: dict[type, _Answer] = {}
_loaded: list[str] = []

_LIVE_INTERFACES = (
    "IListeningPort",
    "IConnector",
    "IDelayedCall",
    "ITransport",
    "IProcessTransport",
    "IUDPTransport",
    "IMulticastTransport",
    "IUNIXDatagramTransport",
    "IUNIXDatagramConnectedTransport",
    "IFileDescriptor",
    "IReadDescriptor",
    "IWriteDescriptor",
    "ISystemHandle",
    "IHostResolution",
)
"""Of twisted.internet.interfaces: whoever provides one holds a descriptor, a timer or a connection."""
_OWN_WAYS = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__")
_WHOLE = frozenset(
    {
        "twisted.application.service.Service",
        "twisted.application.internet._VolatileDataService",
        "twisted.internet.protocol.ReconnectingClientFactory",
        "twisted.internet.protocol.AbstractDatagramProtocol",
        "twisted.internet.ssl.DefaultOpenSSLContextFactory",
        "twisted.internet._sslverify.OpenSSLCertificateOptions",
        "twisted.names.cache.CacheResolver",
        "twisted.runner.procmon.ProcessMonitor",
        "twisted.web.distrib.ResourceSubscription",
        "twisted.web.server.Site",
    }
)
"""Classes whose own __getstate__ leaves out state that is kept here, or spoils the object that it is asked of."""
_PROTOCOLS = ("IProtocol", "IProcessProtocol")
"""Of twisted.internet.interfaces: live as long as they are bound to a transport."""


def is_live(value: Any) -> bool:
    """Whether an object cannot outlive its process, as it is now."""
    kind = type(value)
    try:
        answer = _answers[kind]
    except KeyError:
        answer = _answers[kind] = _decide(kind)
    return answer if isinstance(answer, bool) else answer(value)


def may_be_live(kind: type) -> bool:
    """Whether an object of a class is live, or can be at times."""
    if kind not in _answers:
        _answers[kind] = _decide(kind)
    return _answers[kind] is not False


def rule_of(kind: type) -> Rule:
    """The rules of a class and of its bases, as one; the nearest says whether its objects are live."""
    try:
        return _rules[kind]
    except KeyError:
        rule = _rules[kind] = _merged(kind)
        return rule


def register(
    kind: type,
    *,
    live: bool | None = None,
    volatile: Iterable[str] | Mapping[str, Callable[[], Any]] = (),
    resumed: Resumed | None = None,
) -> None:
    """Say how objects of a class, and of its subclasses, stand to the process that they are in.

    :param live: True: they are never saved; False: they are, whatever Twisted's interfaces say of them; None: as else.
    :param volatile: attributes that belong to the run.  In an object that the application made before its start they
        are never compared nor saved.  An object made later is saved with what the mapping's function returns for each;
        where only a name is given, the attribute is left out, and the class's default shows.
    :param resumed: called with each object that came from a snapshot, before services start.
    :raises TypeError: the first argument is no class.
    """
    if not isinstance(kind, type):
        raise TypeError(f"tapdaemon.register takes a class, and this is {type(kind).__name__}")
    names = volatile if isinstance(volatile, Mapping) else dict.fromkeys(volatile, DROPPED)
    _registered[kind] = Rule(live, names, resumed)
    _rules.clear()
    _answers.clear()


def load_entry_points() -> None:
    """Call what the installed distributions offer, once for a process: before the first save, and before its fork."""
    if _loaded:
        return
    _loaded.append(GROUP)
    from importlib.metadata import entry_points

    for one in entry_points(group=GROUP):
        try:
            one.load()(register)
        except Exception:  # noqa: BLE001 - a stranger's code; the application is saved without it
            _tell(one)


def reduction(value: Any) -> Any:
    """How an object that was made while the application ran is saved: whole, with its volatile attributes afresh.

    NotImplemented where no rule has such attributes: then Python's own way is right.
    """
    kind = type(value)
    fresh = rule_of(kind).volatile
    if not fresh:
        return NotImplemented
    if _drops_too_much(kind):
        state = _afresh(object.__getstate__(value), fresh)
        if not hasattr(kind, "__setstate__"):
            return newobj, (kind,), state
        return rebuild.new, (kind,), state, None, None, rebuild.set_attributes
    parts = list(value.__reduce_ex__(5))
    if len(parts) > 2:  # noqa: PLR2004 - the place of the state
        parts[2] = _afresh(parts[2], fresh)
    return tuple(parts)


def _decide(kind: type) -> _Answer:
    for base in kind.__mro__:
        said = _registered[base].live if base in _registered else None
        if said is not None:
            return said
        name = _name(base)
        if name in NOW:
            return _asking(NOW[name])
        said = TABLE[name].live if name in TABLE else None
        if said is not None:
            return said
    if _implements(kind, _LIVE_INTERFACES):
        return True
    return _asking(NOW["twisted.internet.protocol.BaseProtocol"]) if _implements(kind, _PROTOCOLS) else False


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _asking(question: Callable[[Any, Callable[[Any], bool]], bool]) -> Callable[[Any], bool]:
    return lambda value: question(value, is_live)


def _implements(kind: type, names: Iterable[str]) -> bool:
    """By the declarations that are there already: zope's own question would write one onto a stranger's class."""
    interfaces = sys.modules.get("twisted.internet.interfaces")
    if interfaces is None:
        return False
    declared: list[Any] = [vars(base).get("__implemented__") for base in kind.__mro__]
    wanted = [getattr(interfaces, name) for name in names if hasattr(interfaces, name)]
    return any(one.isOrExtends(interface) for one in declared if hasattr(one, "isOrExtends") for interface in wanted)


def _merged(kind: type) -> Rule:
    live: bool | None = None
    volatile: dict[str, Callable[[], Any]] = {}
    resumed: Resumed | None = None
    for base in kind.__mro__:
        for rule in (_registered.get(base), TABLE.get(_name(base))):
            if rule is not None:
                live = rule.live if live is None else live
                volatile = {**rule.volatile, **volatile}
                resumed = resumed or rule.resumed
    return Rule(live, volatile, resumed)


def _drops_too_much(kind: type) -> bool:
    """Whether the class's state is made by Twisted's own __getstate__ alone, which leaves out what is state here."""
    homes = [next((base for base in kind.__mro__ if name in vars(base)), object) for name in _OWN_WAYS]
    names = {_name(home) for home in homes} - {"builtins.object"}
    return bool(names) and names <= _WHOLE


def _afresh(state: Any, fresh: Mapping[str, Callable[[], Any]]) -> Any:
    """The state with its volatile attributes as new; one in a form of the class's own is left as the class wants it."""
    if isinstance(state, tuple) and len(state) == 2:  # noqa: PLR2004 - attributes and slots, as object.__getstate__ gives
        return tuple(_afresh(part, fresh) for part in state)
    if not isinstance(state, dict):
        return state
    kept = {name: part for name, part in state.items() if fresh.get(name) is not DROPPED}
    return kept | {name: make() for name, make in fresh.items() if name in kept}


def _tell(entry: Any) -> None:
    from twisted.logger import Logger

    Logger("tapdaemon").failure(
        "The rules of distribution {name} for live objects ({entry}) could not be loaded: "
        "objects of its classes are saved as if there were none.",
        name=getattr(entry.dist, "name", "?"),
        entry=entry.value,
    )
