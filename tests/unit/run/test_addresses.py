"""Sockets: bound, passed, adopted by whoever asks for the address, and handed over in a reload."""

from __future__ import annotations

import os
import socket

import pytest
from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory

from tapdaemon import errors
from tapdaemon.run import handover, sockets
from tapdaemon.run.adoption import Listening
from tapdaemon.tapfile.manifest import Listen


def listener(kind: str, path: str = "") -> Listen:
    host = {"tcp6": "::1", "udp6": "::1"}.get(kind, "127.0.0.1")
    return Listen(kind, "app/x", path=path) if path else Listen(kind, "app/x", host=host, port=0)


def test_what_is_bound_is_adopted_by_address(tmp_path, monkeypatch):
    """TCP, UNIX and UDP: the service that asks for the address gets the socket; the rest is closed."""
    path = str(tmp_path / "s")
    held = sockets.bind([listener("tcp4"), listener("unix", path), listener("udp4")], None)
    inodes = [os.fstat(one.socket.fileno()).st_ino for one in held]

    class Proxy:
        """A reactor of our own to patch, which does its work with the real one."""

        def __getattr__(self, name):
            return getattr(reactor, name)

    proxy = Proxy()
    # It offers them to systemd: endpoints as well, by an attribute of a class of Twisted's.
    monkeypatch.setattr(endpoints._SystemdParser, "_sddaemon", endpoints._SystemdParser._sddaemon)
    listening = Listening(proxy, held)
    listening.install()
    port = proxy.listenTCP(0, Factory(), interface="127.0.0.1")
    unix = proxy.listenUNIX(path, Factory())
    try:
        assert [os.fstat(one.fileno()).st_ino for one in (port, unix)] == inodes[:2]
        assert set(listening.ports) == {port, unix} == set(listening.adopted)
        assert [one.address for one in listening.unclaimed()] == ["udp4:127.0.0.1:0"]
        other = proxy.listenTCP(0, Factory(), interface="127.0.0.1")
        assert other not in listening.adopted
        other.stopListening()
    finally:
        port.stopListening()
        unix.stopListening()


def test_a_held_address_is_not_a_method_of_whoever_keeps_it():
    """A class that keeps reactor.listenTCP as an attribute (FTP does) still calls it without itself."""

    class Port:
        """Keeps what listenTCP was called with."""

        def __init__(self, *arguments):
            self.arguments = arguments

    class Reactor:
        def listenTCP(self, *arguments):
            return Port(*arguments)

        listenUNIX = listenUDP = adoptStreamPort = listenTCP

    patched = Reactor()
    Listening(patched, []).install()

    class Keeps:
        listen = patched.listenTCP

    assert Keeps().listen(1, "factory").arguments == (1, "factory", 50, "")


def test_what_cannot_be_bound_is_told_and_lets_go():
    """69 and the service's path for a port in use; nothing stays bound."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = Listen("tcp4", "app/web", host="127.0.0.1", port=holder.getsockname()[1])
        with pytest.raises(errors.AddressError, match="app/web: cannot listen on tcp4") as caught:
            sockets.bind([listener("tcp4"), taken], None)
    assert caught.value.status == 69


def test_a_dead_unix_socket_is_no_obstacle(tmp_path):
    """What a killed process left is removed; what somebody listens on is not."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    (held,) = sockets.bind([listener("unix", path)], None)
    with pytest.raises(errors.AddressError):
        sockets.bind([listener("unix", path)], None)
    held.socket.close()


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        ("", ("tcp4", "0.0.0.0", 80)),
        ("127.0.0.1", ("tcp4", "127.0.0.1", 80)),
        ("localhost", ("tcp4", "127.0.0.1", 80)),
        ("::0", ("tcp6", "::", 80)),
        ("FE80::1%lo", ("tcp6", "fe80::1%lo", 80)),
        ("not::an::address", ("tcp6", "not::an::address", 80)),
    ],
)
def test_what_an_application_asks_for(interface, expected):
    """As the reactor understands an interface, in the kernel's own spelling."""
    assert sockets.wanted("tcp", interface, 80) == expected


def test_names_in_the_fd_store():
    """ASCII without a colon, and no longer than systemd takes."""
    assert sockets.fd_name(("tcp6", "::1", 80)) == "tcp6-__1-80"
    assert sockets.fd_name(("unix", "/run/\n\u00e9:x", 0)) == "unix-/run/___x"
    assert len(sockets.fd_name(("unix", "/" + "x" * 300, 0))) == 255


def test_descriptors_beyond_one_message_arrive_in_order():
    """SCM_MAX_FD is 253."""
    ours, theirs = handover.Channel.pair()
    other = handover.Channel(socket.socket(fileno=theirs))
    pipes = [os.pipe() for _ in range(300)]
    try:
        fds = [fd for pair in pipes for fd in pair]
        ours.send(handover.Say.GO, fds, names=[str(fd) for fd in fds])
        message = other.receive()
        assert message.say is handover.Say.GO
        assert [os.fstat(fd).st_ino for fd in message.fds] == [os.fstat(fd).st_ino for fd in fds]
        assert not any(os.get_inheritable(fd) for fd in message.fds)
        handover.close_all(message.fds)
        ours.close()
        assert other.receive() is None
    finally:
        other.close()
        handover.close_all(fds)
