"""Listening sockets that outlive or precede the application: inherited, or bound as root; and their adoption.

The law: a service that asks the reactor for an address gets the socket that is already bound to it, whatever API it
uses; an address that nobody holds is bound as ever.  Which service asks is decided by the address, never by a
position.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tapdaemon.errors import EX_NOPERM, AddressError, os_reason
from tapdaemon.run.privileges import Identity
from tapdaemon.tapfile.manifest import Listen

ADOPTED_KINDS = ("tcp4", "tcp6", "unix", "udp4", "udp6")
"""What `Listening` can hand to the service that asks for it; any other is the service's own to bind."""
Key = tuple[str, str, int]
"""Kind, host or path, port."""


class Held(NamedTuple):
    """A bound socket that waits for the service that listens on it."""

    key: Key
    socket: socket.socket

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
    for fd, _ in fds:
        os.set_inheritable(fd, False)
        passed = socket.socket(fileno=fd)
        passed.setblocking(False)
        held.append(Held(_key_of(passed), passed))
    return held


def _key_of(bound: socket.socket) -> Key:
    stream = bound.type == socket.SOCK_STREAM
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return ("unix" if stream else "unixgram"), os.fsdecode(name), 0
    version = "6" if bound.family == socket.AF_INET6 else "4"
    return ("tcp" if stream else "udp") + version, str(name[0]), int(name[1])


def bind(listens: Iterable[Listen], identity: Identity | None) -> list[Held]:
    """Bind what the manifest declares, while we may.

    :param identity: who is to own the UNIX sockets.
    :raises AddressError: with the service's path and the address; nothing stays bound.
    """
    held: list[Held] = []
    try:
        for listen in listens:
            held.append(_bind(listen, identity))  # noqa: PERF401 - what was bound is let go of when the next fails
    except BaseException:
        close(held)
        raise
    return held


def _bind(listen: Listen, identity: Identity | None) -> Held:
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
    except OSError as error:
        bound.close()
        raise address_error(listen.service, listen.address, error) from error
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


class Listening:
    """Stands before a reactor's listen methods: hands out held sockets, and keeps count of ports and connections.

    :param reactor: the one that runs; its instance's methods are replaced by `install`.
    """

    def __init__(self, reactor: Any, held: Iterable[Held]) -> None:
        self._reactor = reactor
        self.held = list(held)
        self.ports: weakref.WeakSet[Any] = weakref.WeakSet()
        self.connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self.adopted: weakref.WeakSet[Any] = weakref.WeakSet()

    def install(self) -> None:
        for name, ours in (
            ("listenTCP", self._listen_tcp),
            ("listenUNIX", self._listen_unix),
            ("listenUDP", self._listen_udp),
            ("adoptStreamPort", self._adopted),
        ):
            original = getattr(self._reactor, name)
            setattr(self._reactor, name, _Before(ours, original))

    def unclaimed(self) -> list[Held]:
        """Close what no service listens on, and say what it was."""
        left, self.held = self.held, []
        close(left)
        return left

    def _listen_tcp(
        self, original: Callable[..., Any], port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        held = self._claim("tcp", interface, port)
        if held is None:
            return self._watch(original(port, factory, backlog, interface), own=port != 0)
        return self._adopt_stream(held, factory)

    def _listen_unix(
        self,
        original: Callable[..., Any],
        address: str,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: int = 0,  # noqa: N803 - IReactorUNIX's name
    ) -> Any:
        held = self._claim("unix", os.path.abspath(os.fsdecode(address)), 0)
        if held is None:
            return self._watch(original(address, factory, backlog, mode, wantPID), own=True)
        return self._adopt_stream(held, factory)

    def _listen_udp(
        self,
        original: Callable[..., Any],
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,  # noqa: N803 - IReactorUDP's name
    ) -> Any:
        held = self._claim("udp", interface, port)
        if held is None:
            return original(port, protocol, interface, maxPacketSize)
        with held.socket as passed:
            return self._reactor.adoptDatagramPort(passed.fileno(), passed.family, protocol, maxPacketSize)

    def _adopt_stream(self, held: Held, factory: Any) -> Any:
        # The reactor works on a duplicate, and ours goes: the port is closed when its service stops.
        with held.socket as passed:
            return self._reactor.adoptStreamPort(passed.fileno(), passed.family, factory)

    def _adopted(self, original: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Whoever adopts (we, or a systemd: endpoint): the socket is not ours alone to shut."""
        port = original(*arguments, **keywords)
        self.adopted.add(port)
        return self._watch(port, own=True)

    def _claim(self, family: str, place: str, port: int) -> Held | None:
        """The held socket of an address, which is ours no more."""
        if not self.held:
            return None
        key = (family, place, port) if family == "unix" else (*_numeric(family, place), port)
        found = next((held for held in self.held if held.key == key), None)
        if found is not None:
            self.held.remove(found)
        return found

    def _watch(self, port: Any, *, own: bool) -> Any:
        """Keep count of a port that a service owns (not of one for a single transfer) and of its connections."""
        if own:
            self.ports.add(port)
        if hasattr(port, "transport"):
            make = port.transport

            def counted(*arguments: Any) -> Any:
                connection = make(*arguments)
                self.connections.add(connection)
                return connection

            with contextlib.suppress(AttributeError):
                port.transport = counted
        return port


class _Before:
    """Calls ours with the original.  No function, for those bind where a class keeps reactor.listenTCP (FTP does)."""

    def __init__(self, ours: Callable[..., Any], original: Callable[..., Any]) -> None:
        self._ours = ours
        self._original = original

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._ours(self._original, *arguments, **keywords)


def _numeric(family: str, interface: str) -> tuple[str, str]:
    """Kind and numeric address of an interface, as the reactor understands it."""
    if not interface:
        return f"{family}4", "0.0.0.0"  # noqa: S104 - what the reactor binds then
    if ":" in interface:
        return f"{family}6", interface
    try:
        return f"{family}4", socket.gethostbyname(interface)
    except OSError:
        return f"{family}4", interface
