"""What an application needs of its host, read off its service tree; it knows no units and binds nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from tapdaemon.core.tree import walk
from tapdaemon.tapfile.manifest import Listen

# The parameters of reactor.listenX, in order, as IReactorTCP and its siblings have them; what follows is not needed.
_REACTOR_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "TCP": ("port", "factory", "backlog", "interface"),
    "SSL": ("port", "factory", "contextFactory", "backlog", "interface"),
    "UNIX": ("path", "factory", "backlog", "mode"),
    "UDP": ("port", "protocol", "interface"),
    "UNIXDatagram": ("path", "protocol", "maxPacketSize", "mode"),
}
_FAMILIES: Mapping[str, str] = {
    "TCP": "tcp",
    "SSL": "tcp",
    "UNIX": "unix",
    "UDP": "udp",
    "UNIXDatagram": "unixgram",
}


def listens(application: Any) -> tuple[Listen, ...]:
    """The addresses that the tree's services listen on, as far as stock services and endpoints show them."""
    return tuple(found for node in walk(application) for found in service_listens(node.service, node.path))


def service_listens(service: Any, path: str) -> Iterator[Listen]:
    """The addresses of one service."""
    from twisted.application import internet

    if isinstance(service, internet.StreamServerEndpointService):
        yield from _endpoint(service.endpoint, path)
    elif isinstance(service, internet._AbstractServer):  # noqa: SLF001 - the only common class of TCPServer and its kin
        method = str(service.method)
        names = _REACTOR_PARAMETERS.get(method)
        if names is not None:
            arguments = dict(zip(names, service.args, strict=False)) | dict(service.kwargs)
            yield from _listen(_FAMILIES[method], arguments, path)


def _endpoint(endpoint: Any, path: str) -> Iterator[Listen]:
    """By the attributes of Twisted's own endpoint classes; a wrapper (tls:, haproxy:) stands for what it wraps."""
    kind = type(endpoint).__name__
    if kind in ("TCP4ServerEndpoint", "TCP6ServerEndpoint", "SSL4ServerEndpoint"):
        arguments = {
            "port": endpoint._port,  # noqa: SLF001 - stock endpoints offer no other way
            "interface": endpoint._interface,  # noqa: SLF001 - the same
            "backlog": endpoint._backlog,  # noqa: SLF001 - the same
        }
        yield from _listen("tcp", arguments, path)
    elif kind == "UNIXServerEndpoint":
        arguments = {
            "path": endpoint._address,  # noqa: SLF001 - the same
            "mode": endpoint._mode,  # noqa: SLF001 - the same
            "backlog": endpoint._backlog,  # noqa: SLF001 - the same
        }
        yield from _listen("unix", arguments, path)
    elif hasattr(endpoint, "_wrappedEndpoint"):
        yield from _endpoint(endpoint._wrappedEndpoint, path)  # noqa: SLF001 - the same


def _listen(family: str, arguments: Mapping[str, Any], service: str) -> Iterator[Listen]:
    backlog = int(arguments.get("backlog") or 50)
    if family.startswith("unix") and "path" in arguments:
        path = os.path.abspath(os.fsdecode(arguments["path"]))
        yield Listen(family, service, path=path, mode=int(arguments.get("mode") or 0o666) & 0o777, backlog=backlog)
        return
    numeric = _numeric(str(arguments.get("interface") or ""))
    if numeric is not None and "port" in arguments:
        version, host = numeric
        yield Listen(f"{family}{version}", service, host=host, port=int(arguments["port"]), backlog=backlog)


def _numeric(interface: str) -> tuple[int, str] | None:
    """IP version and numeric address of an interface; None for a name that this host cannot resolve."""
    if not interface:
        return 4, "0.0.0.0"  # noqa: S104 - what reactor.listenTCP binds by default
    if ":" in interface:
        return 6, interface
    try:
        return 4, socket.gethostbyname(interface)
    except OSError:
        return None
