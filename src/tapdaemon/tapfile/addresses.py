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


def of_description(description: str, service: str) -> Iterator[Listen]:
    """What a string endpoint listens on: ``tcp:80``, ``haproxy:tcp6:80``; none of kinds that only a plugin knows."""
    kind, *given = parts(description)
    while kind == "haproxy" and given:
        kind, *given = given
    names = {"tcp": ("port", "interface"), "tcp6": ("port", "interface"), "ssl": ("port",), "unix": ("path", "mode")}
    if kind not in names:
        return
    arguments: dict[str, Any] = {}
    for position, part in enumerate(given):
        name, mark, value = part.partition("=")
        if mark:
            arguments["path" if name == "address" else name] = unquoted(value)
        elif position < len(names[kind]):
            arguments[names[kind][position]] = unquoted(part)
    if kind == "tcp6":
        arguments.setdefault("interface", "::")
    if "mode" in arguments:
        arguments["mode"] = int(arguments["mode"], 8)
    yield from of("unix" if kind == "unix" else "tcp", arguments, service)


def parts(description: str) -> list[str]:
    """The arguments, still quoted: a colon behind a backslash is none between arguments."""
    parts, start, index = [], 0, 0
    while index < len(description):
        if description[index] == "\\":
            index += 1
        elif description[index] == ":":
            parts.append(description[start:index])
            start = index + 1
        index += 1
    return [*parts, description[start:]]


def unquoted(value: str) -> str:
    """A value without the backslashes that quote in it."""
    found, quoted = "", False
    for char in value:
        if char == "\\" and not quoted:
            quoted = True
        else:
            found, quoted = found + char, False
    return found


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
