"""Listen addresses from the arguments of reactor.listenX, as IReactorTCP and its siblings have them; it binds none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tapdaemon.tapfile.manifest import Listen

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "TCP": ("port", "factory", "backlog", "interface"),
    "SSL": ("port", "factory", "contextFactory", "backlog", "interface"),
    "UNIX": ("path", "factory", "backlog", "mode"),
    "UDP": ("port", "protocol", "interface"),
    "UNIXDatagram": ("path", "protocol", "maxPacketSize", "mode"),
}
"""The parameters of each, in order; what follows them is not needed."""
_FAMILIES: Mapping[str, str] = {
    "TCP": "tcp",
    "SSL": "tcp",
    "UNIX": "unix",
    "UDP": "udp",
    "UNIXDatagram": "unixgram",
}


def of_call(method: str, arguments: Sequence[Any], keywords: Mapping[str, Any], service: str) -> Iterator[Listen]:
    """What a call of reactor.listenMETHOD listens on.

    :param service: the path of the service that makes it.
    """
    names = PARAMETERS.get(method)
    if names is not None:
        yield from of(_FAMILIES[method], dict(zip(names, arguments, strict=False)) | dict(keywords), service)


def of(family: str, arguments: Mapping[str, Any], service: str) -> Iterator[Listen]:
    """One address, written out in full; none where the interface is a name that this host cannot resolve.

    :param family: tcp, udp, unix or unixgram.
    :param arguments: port, interface, path, mode, backlog.
    """
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
