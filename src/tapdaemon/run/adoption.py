"""Hands sockets that are already bound to the services that listen on their addresses, whatever API they use.

The law: a service that asks the reactor for an address gets the socket that is bound to it.  An address that nobody
holds is bound as ever; where a service manager keeps sockets for us it is bound first and then adopted, for a port
that bound its socket itself shuts it down for everybody when it stops (shutdown(2)), and the keeper holds it, too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from tapdaemon.run.sockets import Held, Key, bind_one, close, fd_name, key_of, wanted
from tapdaemon.run.unix_port import adopt_unix
from tapdaemon.tapfile.manifest import Listen


class Keeper(Protocol):
    """Who holds sockets beside us, so that they outlive this process: the service manager's fd store."""

    def store(self, fd: int, name: str) -> None: ...
    def discard(self, name: str) -> None: ...


class Listening:
    """Stands before a reactor's listen methods: hands out held sockets, and keeps count of ports and connections.

    :param reactor: the one that runs; its instance's methods are replaced by `install`.
    :param held: what was bound before.
    :param keeper: who holds the sockets that are bound from here on; None where nobody does.
    :param closed: adopted ports accept nothing until `open` is called.
    """

    def __init__(
        self, reactor: Any, held: Iterable[Held] = (), *, keeper: Keeper | None = None, closed: bool = False
    ) -> None:
        self._reactor = reactor
        self._keeper = keeper
        self._closed = closed
        self.held = list(held)
        self.ports: weakref.WeakSet[Any] = weakref.WeakSet()
        self.datagrams: weakref.WeakSet[Any] = weakref.WeakSet()
        self.connections: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        """Each with the port that it came in by."""
        self.adopted: weakref.WeakSet[Any] = weakref.WeakSet()
        self._names: dict[Key, str] = {}
        self.leaving = False
        """Whether the process ends: ports that close from now on stay with the keeper."""

    def install(self) -> None:
        for name, ours in (
            ("listenTCP", self._listen_tcp),
            ("listenUNIX", self._listen_unix),
            ("listenUDP", self._listen_udp),
            ("adoptStreamPort", self._adopt_stream),
        ):
            setattr(self._reactor, name, _Before(ours, getattr(self._reactor, name)))
        self.take(self.held)

    def take(self, held: Iterable[Held]) -> None:
        """Hold these for the services that will ask."""
        self.held = list(held)
        self._names = {one.key: one.name for one in self.held}
        if self.held:
            self._offer_to_systemd_endpoints()

    def _offer_to_systemd_endpoints(self) -> None:
        """`systemd:` endpoints look in LISTEN_FDS when Twisted's module is imported, and we took that first."""
        from twisted.internet import endpoints

        passed: Any = _Passed([(one.socket.fileno(), one.name) for one in self.held])
        endpoints._SystemdParser._sddaemon = passed  # noqa: SLF001 - there is no other way to hand them over

    def unclaimed(self) -> list[Held]:
        """Close what no service listens on, and say what it was."""
        left, self.held = self.held, []
        close(left)
        if self._keeper is not None:
            for one in left:
                if one.name == fd_name(one.key):
                    self._keeper.discard(one.name)
        return left

    def open(self) -> None:
        """Accept what waits, and receive."""
        self._closed = False
        for port in [*self.ports, *self.datagrams]:
            if port.connected:
                port.startReading()

    def close(self) -> None:
        """Leave newcomers to wait in the backlog, and datagrams in their buffer."""
        for port in [*self.ports, *self.datagrams]:
            with contextlib.suppress(AttributeError, KeyError):
                port.stopReading()

    def descriptors(self) -> list[tuple[int, str]]:
        """Every listening socket, under the name and in the order in which it was passed to us, for a successor.

        From here on no port of ours shuts its socket down.
        """
        order = list(self._names)
        found = []
        for port in [*self.ports, *self.datagrams]:
            if port.connected:
                port._shouldShutdown = False  # noqa: SLF001 - tcp.Port asks it before shutdown(2)
                key = key_of(port.socket)
                place = order.index(key) if key in self._names else len(order)
                found.append((place, port.fileno(), self._names.get(key) or fd_name(key)))
        return [(fd, name) for _, fd, name in sorted(found)]

    def let_go(self) -> None:
        """Hold no listening socket any more; the ports stay, for factories are stopped only with their services."""
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        for port in [*self.ports, *self.datagrams]:
            if port.connected:
                os.dup2(nothing, port.fileno(), inheritable=False)
        os.close(nothing)

    def port_name(self, connection: Any) -> str:
        """The name of the port that a connection came in by."""
        return fd_name(key_of(self.connections[connection].socket))

    def adopt_connections(self, passed: Iterable[tuple[int, str]]) -> None:
        """Go on with connections that another process accepted: descriptors, with the names of their ports."""
        ports = {fd_name(key_of(port.socket)): port for port in self.ports if port.connected}
        for fd, name in passed:
            with socket.socket(fileno=fd) as connected:
                port = ports.get(name)
                if port is None:
                    continue  # nobody listens there any more
                connected.setblocking(False)
                made = self._reactor.adoptStreamConnection(connected.fileno(), connected.family, port.factory)
                if made is not None:
                    made.socket.setblocking(False)  # the same as with ports
                    self.connections[made] = port

    # ---- in the place of the reactor's methods

    def _listen_tcp(
        self, original: Callable[..., Any], port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        key = wanted("tcp", interface, port)
        held = self._claim(key)
        if held is None and self._keeper is not None and port:
            held = self._bind(Listen(key[0], "", host=key[1], port=port, backlog=backlog), interface, port)
        if held is None:
            return self._watch(original(port, factory, backlog, interface), own=port != 0)
        return self._adopt(held, factory)

    def _listen_unix(
        self,
        original: Callable[..., Any],
        address: str,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: int = 0,  # noqa: N803 - IReactorUNIX's name
    ) -> Any:
        name = os.fsdecode(address)
        path = name if name.startswith("\0") else os.path.abspath(name)
        held = self._claim(("unix", path, 0))
        if held is None and self._keeper is not None and not path.startswith("\0"):
            held = self._bind(Listen("unix", "", path=path, mode=mode, backlog=backlog), None, path)
        if held is None:
            return self._watch(original(address, factory, backlog, mode, wantPID), own=True)
        return self._adopt(held, factory)

    def _listen_udp(
        self,
        original: Callable[..., Any],
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,  # noqa: N803 - IReactorUDP's name
    ) -> Any:
        key = wanted("udp", interface, port)
        held = self._claim(key)
        if held is None and self._keeper is not None and port:
            held = self._bind(Listen(key[0], "", host=key[1], port=port), interface, port)
        if held is None:
            made = original(port, protocol, interface, maxPacketSize)
        else:
            with held.socket as passed:
                made = self._reactor.adoptDatagramPort(passed.fileno(), passed.family, protocol, maxPacketSize)
            made.socket.setblocking(False)  # socket.setdefaulttimeout of the application's changed that
        if port:
            self.datagrams.add(made)
            self._gate(made)
        return made

    def _adopt_stream(self, original: Callable[..., Any], fd: int, family: int, factory: Any) -> Any:
        """A systemd: endpoint adopts by itself: what it was passed has found its service."""
        for held in self.held:
            if held.socket.fileno() == fd:
                self.held.remove(held)
                held.socket.detach()  # whoever adopts it closes this one
                break
        port = adopt_unix(self._reactor, fd, factory) if family == socket.AF_UNIX else original(fd, family, factory)
        port.socket.setblocking(False)  # the same as with datagrams
        self.adopted.add(port)
        return self._watch(port, own=True)

    # ---- the work

    def _bind(self, listen: Listen, interface: str | None, port: int | str) -> Held:
        from twisted.internet.error import CannotListenError

        try:
            held = bind_one(listen)
        except OSError as error:
            raise CannotListenError(interface, port, error) from error
        assert self._keeper is not None
        self._keeper.store(held.socket.fileno(), fd_name(held.key))
        return held._replace(name=fd_name(held.key))

    def _adopt(self, held: Held, factory: Any) -> Any:
        # The reactor works on a duplicate, and ours goes: the port is closed when its service stops.
        with held.socket as passed:
            port = self._reactor.adoptStreamPort(passed.fileno(), passed.family, factory)
        if self._keeper is not None and held.name == fd_name(held.key):
            self._release_with(port, held.name)
        return port

    def _release_with(self, port: Any, name: str) -> None:
        """A service that stops listening while the process goes on gives its address up."""
        lost = port.connectionLost

        def released(reason: Any) -> None:
            lost(reason)
            if not self.leaving and self._keeper is not None:
                self._keeper.discard(name)

        port.connectionLost = released

    def _claim(self, key: Key) -> Held | None:
        """The held socket of an address, which is ours no more."""
        if not self.held:
            return None
        found = next((held for held in self.held if held.key == key), None)
        if found is None and key[:2] == ("tcp4", "0.0.0.0"):  # noqa: S104 - an address to compare with
            # ListenStream=80 in a unit of the administrator's own is [::]:80, which takes IPv4 as well.
            found = next((held for held in self.held if held.key == ("tcp6", "::", key[2]) and _takes_both(held)), None)
        if found is not None:
            self.held.remove(found)
        return found

    def _gate(self, port: Any) -> None:
        if self._closed:
            port.stopReading()

    def _watch(self, port: Any, *, own: bool) -> Any:
        """Keep count of a port that a service owns (not of one for a single transfer) and of its connections."""
        if own:
            self.ports.add(port)
            self._gate(port)
        if hasattr(port, "transport"):
            make = port.transport

            def counted(*arguments: Any) -> Any:
                connection = make(*arguments)
                self.connections[connection] = port
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


class _Passed:
    """What `twisted.python.systemd.ListenFDs` offers in every version of it."""

    def __init__(self, found: list[tuple[int, str]]) -> None:
        self._found = found

    def inheritedDescriptors(self) -> list[int]:  # noqa: N802 - Twisted's name
        return [fd for fd, _ in self._found]

    def inheritedNamedDescriptors(self) -> dict[str, int]:  # noqa: N802 - Twisted's name
        return {name: fd for fd, name in self._found}


def _takes_both(held: Held) -> bool:
    return not held.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
