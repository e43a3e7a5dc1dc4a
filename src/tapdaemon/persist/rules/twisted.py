"""Twisted's own objects, by what makes them again; part of what `references` knows.

Some have no value (the reactor, what holds a socket), some have one that does not come back as it was: a context
without its context, a monitor without what its start needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tapdaemon.persist.rules import live, rebuild

Reduction = Any


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


_PLAIN = (str, int, bool, type(None))
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


def described_endpoint(endpoint: Any) -> Reduction:
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


def _context_factory(factory: Any) -> Reduction:
    """A DefaultOpenSSLContextFactory by the names of its files: Twisted's own comes back without a context."""
    state = {name: value for name, value in vars(factory).items() if name != "_context"}
    return rebuild.new, (type(factory),), state, None, None, rebuild.set_context_factory


def _ssh_factory(factory: Any) -> Reduction:
    """An SSHFactory with the host keys that were put on its class, as `twisted.conch.manhole_tap` does."""
    run = live.rule_of(type(factory)).volatile
    names = ("publicKeys", "privateKeys")
    of_class = {name: dict(getattr(factory, name)) for name in names if getattr(factory, name, None)}
    state = {name: value for name, value in (of_class | vars(factory)).items() if name not in run}
    return rebuild.new, (type(factory),), state


def _log_file(file: Any) -> Reduction:
    """A LogFile by its arguments; its __getstate__ would destroy the live one (it deletes from the live dict)."""
    names = ("rotateLength", "defaultMode", "maxRotatedFiles")
    arguments = {name: getattr(file, name) for name in names if hasattr(file, name)}
    return rebuild.log_file, (type(file), file.name, file.directory, arguments)


def _database_pool(pool: Any) -> Reduction:
    """A ConnectionPool by its arguments: its own __getstate__ loses what is called for each new connection."""
    named = {f"cp_{name}": vars(pool)[name] for name in pool.CP_ARGS if name in vars(pool)}
    keywords = {**pool.connkw, **named, "cp_reactor": pool._reactor}  # noqa: SLF001 - Twisted keeps it there alone
    of_constructor = {*pool.CP_ARGS, "dbapiName", "dbapi", "connargs", "connkw", "_reactor", "threadID"}
    run = {"connections", "running", "startID", "shutdownID", "threadpool"}
    others = {name: part for name, part in vars(pool).items() if name not in of_constructor | run}
    state = (pool.dbapiName, pool.connargs, keywords, others)
    return rebuild.new, (type(pool),), state, None, None, rebuild.set_database_pool


def _thread_pool(pool: Any) -> Reduction:
    """The reactor's own by name."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return (rebuild.of_reactor, ("threadpool",)) if pool is getattr(reactor, "threadpool", None) else NotImplemented


def _deferred(deferred: Any) -> Reduction:
    """One that has fired by its result, any other as new; what waits for it is not kept."""
    run = {"callbacks", "_callbacks", "_canceller", "_debugInfo", "_chainedTo", "paused", "_runningCallbacks"}
    of_list = {"_deferredList", "resultList"}
    state = {name: part for name, part in vars(deferred).items() if name not in run | of_list}
    chain = "_callbacks" if "_callbacks" in vars(deferred) else "callbacks"
    canceller = None if deferred.called else vars(deferred).get("_canceller")
    return rebuild.new, (type(deferred),), {**state, chain: [], "_canceller": canceller}


def _curve_chooser(_: Any) -> Reduction:
    """It holds a library of cffi's."""
    return rebuild.curve_chooser, ()


def _client_tls(client: Any) -> Reduction:
    """By name and options, where it holds a context (before Twisted 26)."""
    context = vars(client).get("_ctx")
    options = getattr(context, rebuild.OPTIONS, None)
    if options is None:
        return NotImplemented
    return rebuild.client_tls, (type(client), client._hostname, options)  # noqa: SLF001 - Twisted keeps it there alone


def _failure(failure: Any) -> Reduction:
    """By what it says of itself; its own reduction calls a __new__ by name."""
    return rebuild.new, (type(failure),), failure.__getstate__()


def _twistd_options(options: Any) -> Reduction:
    """The parent of a maker's own options: made anew, with the values that differ from a fresh one's."""
    name = str(getattr(options, "subCommand", None) or "")
    fresh = rebuild.twistd_options(name)
    values = {key: value for key, value in options.items() if type(value) in _PLAIN and value != fresh.get(key)}
    sub = getattr(options, "subOptions", None)
    return rebuild.twistd_options, (name,), (values, sub), None, None, rebuild.set_twistd_options


def _dropped(_: Any) -> Reduction:
    return rebuild.nothing, ()


def is_endpoint(kind: type) -> bool:
    """Whether it is an endpoint, of anybody's: those are known by their interfaces, which only Twisted brings."""
    interfaces = sys.modules.get("twisted.internet.interfaces")
    return interfaces is not None and (
        interfaces.IStreamServerEndpoint.implementedBy(kind) or interfaces.IStreamClientEndpoint.implementedBy(kind)
    )


RULES: dict[str, Callable[[Any], Reduction]] = {
    "twisted.internet.base.ReactorBase": _reactor,
    "twisted.internet._resolver.ComplexResolverSimplifier": _resolver,
    "twisted.internet._resolver.GAIResolver": _resolver,
    "twisted.logger._logger.Logger": _logger,
    "twisted.logger._observer.LogPublisher": _publisher,
    "twisted.application.internet.ClientService": _client_service,
    "twisted.application._client_service.ClientService": _client_service,
    "twisted.internet.ssl.DefaultOpenSSLContextFactory": _context_factory,
    "twisted.internet._sslverify._ChooseDiffieHellmanEllipticCurve": _curve_chooser,
    "twisted.internet._sslverify.ClientTLSOptions": _client_tls,
    "twisted.python.failure.Failure": _failure,
    "twisted.application.app.ServerOptions": _twistd_options,
    "tapdaemon.core.parent.ParentOptions": _twistd_options,
    "twisted.conch.ssh.factory.SSHFactory": _ssh_factory,
    "twisted.python.logfile.BaseLogFile": _log_file,
    "twisted.enterprise.adbapi.ConnectionPool": _database_pool,
    "twisted.python.threadpool.ThreadPool": _thread_pool,
    # What belongs to this run alone: a resumed application opens it anew.
    "twisted.internet.defer.Deferred": _deferred,
    "twisted.internet.base.DelayedCall": _dropped,
    "twisted.internet.base.BasePort": _dropped,
    "twisted.internet.base.BaseConnector": _dropped,
    "twisted.internet.tcp.Port": _dropped,
    "twisted.internet.udp.Port": _dropped,
    "twisted.internet.abstract.FileDescriptor": _dropped,
    "twisted.protocols.tls.TLSMemoryBIOProtocol": _dropped,
}
