"""What an application needs of its host, read off its service tree; it knows no units and binds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tapdaemon.core.tree import walk
from tapdaemon.tapfile import addresses
from tapdaemon.tapfile.manifest import Listen


def listens(application: Any) -> tuple[Listen, ...]:
    """The addresses that the tree's services listen on, as far as stock services and endpoints show them."""
    return tuple(found for node in walk(application) for found in service_listens(node.service, node.path))


def service_listens(service: Any, path: str) -> Iterator[Listen]:
    """The addresses of one service."""
    from twisted.application import internet

    if isinstance(service, internet.StreamServerEndpointService):
        yield from _endpoint(service.endpoint, path)
    elif isinstance(service, internet._AbstractServer):  # noqa: SLF001 - the only common class of TCPServer and its kin
        yield from addresses.of_call(str(service.method), service.args, service.kwargs, path)


def _endpoint(endpoint: Any, path: str) -> Iterator[Listen]:
    """By the attributes of Twisted's own endpoint classes; a wrapper (tls:, haproxy:) stands for what it wraps."""
    kind = type(endpoint).__name__
    if kind in ("TCP4ServerEndpoint", "TCP6ServerEndpoint", "SSL4ServerEndpoint"):
        arguments = {
            "port": endpoint._port,  # noqa: SLF001 - stock endpoints offer no other way
            "interface": endpoint._interface,  # noqa: SLF001 - the same
            "backlog": endpoint._backlog,  # noqa: SLF001 - the same
        }
        yield from addresses.of("tcp", arguments, path)
    elif kind == "UNIXServerEndpoint":
        arguments = {
            "path": endpoint._address,  # noqa: SLF001 - the same
            "mode": endpoint._mode,  # noqa: SLF001 - the same
            "backlog": endpoint._backlog,  # noqa: SLF001 - the same
        }
        yield from addresses.of("unix", arguments, path)
    elif hasattr(endpoint, "_wrappedEndpoint"):
        yield from _endpoint(endpoint._wrappedEndpoint, path)  # noqa: SLF001 - the same
