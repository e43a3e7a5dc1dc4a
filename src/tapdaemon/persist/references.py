"""What is saved by name rather than by value: the table both styles share.

The law: a rule turns an object into a call that makes it again, as `object.__reduce__` does, or answers
NotImplemented, and then the object is saved as Python saves it.  Rules are found by the names of an object's classes,
so nothing is imported to look for them.  Every callable in a reduction is one of RECONSTRUCTORS.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from tapdaemon.persist import keys, rebuild
from tapdaemon.persist.functions import local_function, reduce_function, set_local_function

Reduction = Any
"""What `object.__reduce__` may return, or NotImplemented."""
Rule = Callable[[Any], Reduction]


class CannotSaveError(Exception):
    """An object that has no value and no name; the reason and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")


def rule_for(kind: type) -> Rule | None:
    """The rule for objects of a class, or None where Python's own way is right."""
    for base in kind.__mro__:
        rule = RULES.get(f"{base.__module__}.{base.__qualname__}")
        if rule is not None:
            return rule
    return _described_endpoint if _is_endpoint(kind) else None


def _is_endpoint(kind: type) -> bool:
    interfaces = sys.modules.get("twisted.internet.interfaces")
    return interfaces is not None and (
        interfaces.IStreamServerEndpoint.implementedBy(kind) or interfaces.IStreamClientEndpoint.implementedBy(kind)
    )


# ---- Twisted


def _reactor(_: Any) -> Reduction:
    return rebuild.the_reactor, ()


def _resolver(resolver: Any) -> Reduction:
    from twisted.internet import reactor

    if resolver is getattr(reactor, "nameResolver", None):
        return rebuild.of_reactor, ("nameResolver",)
    return NotImplemented


def _logger(logger: Any) -> Reduction:
    from twisted.logger import globalLogPublisher

    if logger.observer is not globalLogPublisher:
        return NotImplemented
    return rebuild.logger, (logger.namespace, logger.source)


def _publisher(publisher: Any) -> Reduction:
    from twisted.logger import globalLogPublisher

    return (rebuild.log_publisher, ()) if publisher is globalLogPublisher else NotImplemented


_PLAIN_ENDPOINTS = frozenset(
    {
        "TCP4ServerEndpoint",
        "TCP6ServerEndpoint",
        "UNIXServerEndpoint",
        "TCP4ClientEndpoint",
        "TCP6ClientEndpoint",
        "UNIXClientEndpoint",
    }
)
"""Saved by value: a host, a port, a path.  Parsing a description scans for plugins, which start-up does without."""


def _described_endpoint(endpoint: Any) -> Reduction:
    """An endpoint by the string it was made from, which also keeps keys and certificates out of the tap."""
    if type(endpoint).__name__ in _PLAIN_ENDPOINTS:
        return NotImplemented
    described = getattr(endpoint, rebuild.DESCRIPTION, None)
    if described is None:
        return NotImplemented
    side, description = described
    return (rebuild.server_endpoint if side == "server" else rebuild.client_endpoint), (description,)


def _client_service(service: Any) -> Reduction:
    """A ClientService by its constructor's arguments: the automat machine inside it has no value."""
    machine = service._machine  # noqa: SLF001 - the only place where Twisted keeps the arguments
    core = getattr(machine, "__automat_core__", machine)  # Twisted 22.4 keeps them on the machine, underscored
    names = ("endpoint", "factory", "timeoutForAttempt", "clock", "prepareConnection")
    arguments = tuple(getattr(core, name) if core is not machine else getattr(core, f"_{name}") for name in names)
    state = {name: value for name, value in service.__dict__.items() if name not in ("_machine", "running")}
    return rebuild.new, (type(service),), (arguments, state), None, None, rebuild.set_client_service


def _with(**fresh: Any) -> Rule:
    """A rule for objects saved by value, but for some attributes that belong to this run and are saved as new."""

    def rule(value: Any) -> Reduction:
        if all(vars(value).get(name, new) == new for name, new in fresh.items()):
            return NotImplemented
        reduction = list(value.__reduce_ex__(4))
        if len(reduction) > 2 and isinstance(reduction[2], dict):  # noqa: PLR2004 - the place of the state
            state = reduction[2]
            reduction[2] = state | {name: new for name, new in fresh.items() if name in state}
        return tuple(reduction)

    return rule


def _without(*names: str) -> Rule:
    """A rule for objects that make these attributes anew when they start."""

    def rule(value: Any) -> Reduction:
        if not any(name in vars(value) for name in names):
            return NotImplemented
        reduction = list(value.__reduce_ex__(4))
        reduction[2] = {name: part for name, part in reduction[2].items() if name not in names}
        return tuple(reduction)

    return rule


def _context_factory(factory: Any) -> Reduction:
    """A DefaultOpenSSLContextFactory by the names of its files: Twisted's own comes back without a context."""
    state = {name: value for name, value in vars(factory).items() if name != "_context"}
    return rebuild.new, (type(factory),), state, None, None, rebuild.set_context_factory


def _process_monitor(monitor: Any) -> Reduction:
    """A ProcessMonitor by value: its own __getstate__ leaves out what its start needs.  What runs now is not kept."""
    running = ("protocols", "timeStarted", "murder", "restart")
    state = {name: value for name, value in vars(monitor).items() if name != "running"}
    state["delay"] = dict.fromkeys(state["delay"], monitor.minRestartDelay)
    return rebuild.new, (type(monitor),), state | {name: {} for name in running if name in state}


def _ssh_factory(factory: Any) -> Reduction:
    """An SSHFactory with the host keys that were put on its class, as `twisted.conch.manhole_tap` does."""
    names = ("publicKeys", "privateKeys")
    of_class = {name: dict(getattr(factory, name)) for name in names if getattr(factory, name, None)}
    state = {name: value for name, value in vars(factory).items() if name != "numPorts"}
    return rebuild.new, (type(factory),), of_class | state


def _log_file(file: Any) -> Reduction:
    """A LogFile by its arguments; its __getstate__ would destroy the live one (it deletes from the live dict)."""
    names = ("rotateLength", "defaultMode", "maxRotatedFiles")
    arguments = {name: getattr(file, name) for name in names if hasattr(file, name)}
    return rebuild.log_file, (type(file), file.name, file.directory, arguments)


def _dropped(_: Any) -> Reduction:
    return rebuild.nothing, ()


# ---- Python


def check_class(kind: type) -> Reduction:
    """NotImplemented, for Python saves classes by name; an error for one that cannot be imported again."""
    if kind.__module__ == "__main__":
        raise CannotSaveError(
            f"class {kind.__qualname__} lives in the program that was started",
            "put it into a module, or make the tap from the file with mktap -y",
        )
    if "<locals>" in kind.__qualname__:
        raise CannotSaveError(
            f"class {kind.__qualname__} is defined inside a function",
            "define it at the top level of its module",
        )
    return NotImplemented


def _method(method: types.MethodType) -> Reduction:
    owner, name = method.__self__, method.__func__.__name__
    if name.startswith("__") and not name.endswith("__"):
        kind = owner if isinstance(owner, type) else type(owner)
        definer = next((base for base in kind.__mro__ if method.__func__ in vars(base).values()), kind)
        name = f"_{definer.__name__.lstrip('_')}{name}"
    return rebuild.method, (owner, name)


def _builtin(function: Any) -> Reduction:
    """A method of a built-in object, bound; Python's own way is getattr, which no payload may call."""
    owner = function.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return NotImplemented
    return rebuild.method, (owner, function.__name__)


def _module(module: types.ModuleType) -> Reduction:
    return rebuild.module, (module.__name__,)


def _file(file: Any) -> Reduction:
    for name in ("stdin", "stdout", "stderr"):
        if file in (getattr(sys, name), getattr(sys, f"__{name}__")):
            return rebuild.standard_stream, (name,)
    path = getattr(file, "name", None)
    if not isinstance(path, (str, bytes)):
        raise CannotSaveError("an open file without a path", "open it in startService")
    if file.closed:
        raise CannotSaveError(f"a closed file ({path!r})", "set the attribute to None when closing it")
    import os

    # What was opened for writing is appended to: reopening must not empty it.
    mode = file.mode.replace("w", "a").replace("x", "a")
    return rebuild.reopen, (os.path.abspath(path), mode, getattr(file, "encoding", None))


def _sqlite(connection: Any) -> Reduction:
    """A connection by its file and its settings; what was not committed is not kept, as after any end of a process."""
    cursor = connection.cursor()
    cursor.row_factory = None
    path = next((row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"), "")
    if not path:
        raise CannotSaveError("a database in memory has no file", "keep it in a file, or fill it in startService")
    pragmas = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in rebuild.SQLITE_PRAGMAS}
    settings = {name: getattr(connection, name) for name in ("isolation_level", "row_factory", "text_factory")}
    return rebuild.sqlite, (path, pragmas, settings)


def _environ(environ: Any) -> Reduction:
    import os

    return (rebuild.environ, ()) if environ is os.environ else NotImplemented


def _lock(_: Any) -> Reduction:
    return rebuild.lock, ()


def _rlock(_: Any) -> Reduction:
    return rebuild.rlock, ()


def _weak_reference(reference: Any) -> Reduction:
    return rebuild.weak_reference, (reference(),)


def _weak_dict(mapping: Any) -> Reduction:
    return rebuild.new, (type(mapping),), dict(mapping), None, None, rebuild.set_weak_dict


def _weak_set(values: Any) -> Reduction:
    return rebuild.new, (type(values),), list(values), None, None, rebuild.set_weak_set


def _mapping_proxy(proxy: Any) -> Reduction:
    return rebuild.mapping_proxy, (dict(proxy),)


RULES: dict[str, Rule] = {
    **keys.RULES,
    "twisted.internet.base.ReactorBase": _reactor,
    "twisted.internet._resolver.ComplexResolverSimplifier": _resolver,
    "twisted.internet._resolver.GAIResolver": _resolver,
    "twisted.logger._logger.Logger": _logger,
    "twisted.logger._observer.LogPublisher": _publisher,
    "twisted.application.internet.ClientService": _client_service,
    "twisted.application._client_service.ClientService": _client_service,
    "twisted.web.http.HTTPFactory": _with(_logFile=None, _logDateTime=None, _logDateTimeCall=None, numPorts=0),
    "twisted.internet.protocol.Factory": _with(numPorts=0),
    "twisted.internet.ssl.DefaultOpenSSLContextFactory": _context_factory,
    # It reads its keys from their folder when it starts.
    "twisted.conch.openssh_compat.factory.OpenSSHFactory": _without("publicKeys", "privateKeys", "numPorts"),
    "twisted.conch.ssh.factory.SSHFactory": _ssh_factory,
    "twisted.runner.procmon.ProcessMonitor": _process_monitor,
    "twisted.python.logfile.BaseLogFile": _log_file,
    # What belongs to this run alone: a resumed application opens it anew.
    "twisted.internet.defer.Deferred": _dropped,
    "twisted.internet.base.DelayedCall": _dropped,
    "twisted.internet.base.BasePort": _dropped,
    "twisted.internet.base.BaseConnector": _dropped,
    "twisted.internet.tcp.Port": _dropped,
    "twisted.internet.udp.Port": _dropped,
    "twisted.internet.abstract.FileDescriptor": _dropped,
    "twisted.protocols.tls.TLSMemoryBIOProtocol": _dropped,
    "builtins.function": reduce_function,
    "builtins.method": _method,
    "builtins.builtin_function_or_method": _builtin,
    "builtins.method-wrapper": _builtin,
    "builtins.module": _module,
    "builtins.mappingproxy": _mapping_proxy,
    "_io.TextIOWrapper": _file,
    "_io.BufferedWriter": _file,
    "_io.BufferedReader": _file,
    "_io.BufferedRandom": _file,
    "_io.FileIO": _file,
    "sqlite3.Connection": _sqlite,
    "os._Environ": _environ,
    "_thread.lock": _lock,
    "_thread.RLock": _rlock,
    "weakref.ReferenceType": _weak_reference,
    "builtins.weakref": _weak_reference,
    "weakref.WeakValueDictionary": _weak_dict,
    "weakref.WeakKeyDictionary": _weak_dict,
    "weakref.WeakSet": _weak_set,
    "_weakrefset.WeakSet": _weak_set,
}


RECONSTRUCTORS: tuple[Callable[..., Any], ...] = (
    local_function,
    set_local_function,
    *(
        value
        for value in vars(rebuild).values()
        if getattr(value, "__module__", None) == rebuild.__name__ and callable(value)
    ),
)
"""The functions that a payload of ours may call while loading, besides classes."""
