"""Listening sockets that precede the application or outlive it: inherited, or bound here.

What a socket is for is told by its address (getsockname(2)), never by its position; who gets it is `adoption`'s.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable
from typing import NamedTuple

from tapdaemon.errors import EX_NOPERM, AddressError, os_reason
from tapdaemon.run.privileges import Identity
from tapdaemon.tapfile.manifest import Listen

ADOPTED_KINDS = ("tcp4", "tcp6", "unix", "udp4", "udp6")
"""What `Listening` can hand to the service that asks for it; any other is the service's own to bind."""
Key = tuple[str, str, int]
"""Kind, host or path, port."""


class Held(NamedTuple):
    """A bound socket that waits for the service that listens on it.

    :param name: the name that the service manager passed it under.
    """

    key: Key
    socket: socket.socket
    name: str = ""

    @property
    def address(self) -> str:
        kind, host, port = self.key
        return f"{kind}:{host}" if kind.startswith("unix") else f"{kind}:{host}:{port}"


def address_error(service: str, address: str, error: OSError) -> AddressError:
    """The error that a failed bind is: 69 for an address in use, 77 for one that this user may not have."""
    remedy = "choose another address when making the tap"
    if error.errno == errno.EADDRINUSE:
        remedy = "stop what listens there (ss -ltnp shows it), or choose another address when making the tap"
    failure = AddressError(service, f"cannot listen on {address}: {os_reason(error)}", remedy)
    failure.__cause__ = error  # with its errno, for ERRNO= of sd_notify(3)
    if error.errno in (errno.EACCES, errno.EPERM):
        failure.remedy = "choose a port from 1024 up, or let root start it, with a user to become (mktap -u)"
        failure.status = EX_NOPERM
    return failure


def inherit(fds: Iterable[tuple[int, str]]) -> list[Held]:
    """The sockets that systemd passed: close-on-exec and non-blocking, for a blocking one hangs the reactor."""
    held = []
    for fd, name in fds:
        os.set_inheritable(fd, False)
        passed = socket.socket(fileno=fd)
        passed.setblocking(False)
        held.append(Held(key_of(passed), passed, name))
    return held


def key_of(bound: socket.socket) -> Key:
    """What a bound socket is matched by."""
    stream = bound.type == socket.SOCK_STREAM
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return ("unix" if stream else "unixgram"), os.fsdecode(name), 0
    if bound.family == socket.AF_INET6:
        scope = f"%{socket.if_indextoname(name[3])}" if name[3] else ""
        return ("tcp6" if stream else "udp6"), f"{name[0].partition('%')[0]}{scope}", int(name[1])
    return ("tcp4" if stream else "udp4"), str(name[0]), int(name[1])


def wanted(family: str, interface: str, port: int) -> Key:
    """What an application asks for with an interface and a port, as the reactor understands it.

    :param family: tcp or udp.
    """
    if not interface:
        return f"{family}4", "0.0.0.0", port  # noqa: S104 - what the reactor binds then
    if ":" in interface:
        host, mark, scope = interface.partition("%")
        try:
            host = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))
        except OSError:
            return f"{family}6", interface, port  # no address: whoever binds it says so
        return f"{family}6", f"{host}{mark}{scope}", port
    with contextlib.suppress(OSError):  # no address, so a name; asking for an address as for one imports IDNA
        return f"{family}4", socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, interface)), port
    try:
        return f"{family}4", socket.gethostbyname(interface), port
    except OSError:
        return f"{family}4", interface, port


def fd_name(key: Key) -> str:
    """The name of a socket in the fd store (FDNAME= of sd_notify(3): ASCII, no colon)."""
    text = "-".join(str(part) for part in key if part)
    return "".join(char if char.isascii() and char.isprintable() and char != ":" else "_" for char in text)[:255]


def bind(listens: Iterable[Listen], identity: Identity | None) -> list[Held]:
    """Bind what the manifest declares, while we may.

    :param identity: who is to own the UNIX sockets.
    :raises AddressError: with the service's path and the address; nothing stays bound.
    """
    held: list[Held] = []
    try:
        for listen in listens:
            try:
                held.append(bind_one(listen, identity))
            except OSError as error:
                raise address_error(listen.service, listen.address, error) from error
    except BaseException:
        close(held)
        raise
    return held


def bind_one(listen: Listen, identity: Identity | None = None) -> Held:
    """Bind one address as the reactor would, but for good: no port of its own shuts this socket down.

    :raises OSError: as bind(2) does.
    """
    family = socket.AF_UNIX if listen.path else socket.AF_INET6 if listen.kind.endswith("6") else socket.AF_INET
    stream = listen.kind in ("tcp4", "tcp6", "unix")
    bound = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if listen.path:
            _remove_dead_socket(listen.path)
            bound.bind(listen.path)
            os.chmod(listen.path, listen.mode)
            if identity is not None:
                os.chown(listen.path, identity.uid, identity.gid, follow_symlinks=False)
        else:
            if stream:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((listen.host, listen.port))
        if stream:
            bound.listen(listen.backlog)
    except BaseException:
        bound.close()
        raise
    return Held((listen.kind, listen.path or listen.host, listen.port), bound)


def _remove_dead_socket(path: str) -> None:
    """Remove the socket that a process left behind when it was killed; one that answers stays."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return  # somebody has it, and bind says so


def close(held: Iterable[Held]) -> None:
    for one in held:
        one.socket.close()
