"""Twisted's own objects, by what makes them again; part of what `references` knows.

Some have no value (the reactor, what holds a socket), some have one that does not come back as it was: a context
without its context, a monitor without what its start needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tapdaemon.persist.rules import rebuild

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


def _with(**fresh: Any) -> Callable[[Any], Reduction]:
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


def _without(*names: str) -> Callable[[Any], Reduction]:
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
    "twisted.web.http.HTTPFactory": _with(_logFile=None, _logDateTime=None, _logDateTimeCall=None, numPorts=0),
    "twisted.internet.protocol.Factory": _with(numPorts=0),
    "twisted.internet.ssl.DefaultOpenSSLContextFactory": _context_factory,
    "twisted.internet._sslverify._ChooseDiffieHellmanEllipticCurve": _curve_chooser,
    "twisted.internet._sslverify.ClientTLSOptions": _client_tls,
    "twisted.python.failure.Failure": _failure,
    "twisted.application.app.ServerOptions": _twistd_options,
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
}
