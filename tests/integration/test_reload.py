"""A reload by successor, with a stand-in for systemd: what goes over to it, what does not, and what undoes it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from conftest import free_port, mktap, until

SITE = """
import os, time
if os.path.exists("slow"):
    time.sleep(3)
from twisted.application import service, strports
from twisted.internet import protocol, reactor, task
from twisted.protocols.basic import LineReceiver
from twisted.web import resource, server

class Counter(resource.Resource):
    isLeaf = True
    count = 0
    spoilt = None
    def render_GET(self, request):
        self.count += 1
        if request.path == b"/spoil":
            self.spoilt = (byte for byte in b"a generator")
        if request.path == b"/mend":
            self.spoilt = None
        return b"%d %d" % (os.getpid(), self.count)

class Session(LineReceiver):
    def connectionMade(self):
        self.factory.members.append(self)
    def connectionLost(self, reason):
        self.factory.members.remove(self)
    def lineReceived(self, line):
        self.sendLine(b"%d" % len(self.factory.members))

class Room(protocol.Factory):
    protocol = Session
    def __init__(self):
        self.members = []

counter = Counter()
application = service.Application("site")
strports.service({web!r}, server.Site(counter)).setServiceParent(application)
strports.service("tcp:{room}:interface=127.0.0.1", Room()).setServiceParent(application)
"""


class Served:
    """A running site under a stand-in for systemd, and whoever succeeds it."""

    def __init__(self, server, manager, port: int, room: int) -> None:
        self.server, self.manager, self.port, self.room = server, manager, port, room

    def main_pid(self) -> int:
        self.manager.read()
        told = [found for one in self.manager.messages for found in re.findall(r"^MAINPID=(\d+)", one, re.MULTILINE)]
        return int(told[-1])

    def hang_up(self) -> None:
        os.kill(self.main_pid(), signal.SIGHUP)

    def reload(self) -> tuple[int, int]:
        """The pids before and after."""
        before = self.main_pid()
        self.hang_up()
        until(lambda: self.main_pid() != before and self.log.count("ready: ") > 1, "the switch")
        return before, self.main_pid()

    def others(self, folder) -> list[int]:
        """Processes of this site beside its main one."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "cwd").readlink() == folder and int(entry.name) != self.main_pid():
                    found.append(int(entry.name))
        return found

    @property
    def log(self) -> str:
        return self.server.log

    def connect(self, port: int = 0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.port), 10)


def ask(connection, path: str = "/") -> tuple[int, int, bool]:
    """Pid and number that a kept connection is answered with, and whether that was the last answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data or not data.partition(b"\r\n\r\n")[2]:
        part = connection.recv(65536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    pid, number = body.split()
    return int(pid), int(number), b"connection: close" in head.lower()


@pytest.fixture
def start(tmp_path, manager, tapd):
    """Start a site; whoever is its main process at the end is ended."""
    begun: list[Served] = []

    def begin(web: str = "tcp:{port}:interface=127.0.0.1") -> Served:
        port, room = free_port(), free_port()
        (tmp_path / "site.tac").write_text(SITE.format(web=web.format(port=port), room=room))
        mktap("-y", "site.tac", cwd=tmp_path)
        server = tapd("--keepalive-grace=5", "site.tap", ready=False, env={"NOTIFY_SOCKET": str(manager.path)})
        until(lambda: manager.has("READY=1"), "READY")
        begun.append(Served(server, manager, port, room))
        return begun[-1]

    yield begin
    for one in begun:
        pid = one.main_pid()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: manager.read() and is_gone(pid), "the end")


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_state_and_an_idle_connection_go_over(start):
    """One connection, one count, two processes; the second is nobody's child but PID 1's, and the first is gone."""
    site = start()
    with site.connect() as kept:
        first = ask(kept)
        before, after = site.reload()
        second = ask(kept)
    assert (first, second) == ((before, 1, False), (after, 2, False))
    until(lambda: site.server.process.poll() is not None, "the end of the old process")
    assert site.server.process.returncode == 0
    assert f"process {after} has taken over" in site.log
    assert "saved" not in site.log
    before, after = site.reload()
    with site.connect() as other:
        assert ask(other) == (after, 3, False)


def test_more_connections_than_a_message_may_carry(start):
    """SCM_MAX_FD is 253."""
    site = start()
    with contextlib.ExitStack() as open_ones:
        kept = [open_ones.enter_context(site.connect()) for _ in range(450)]
        for connection in kept:
            ask(connection)
        _, after = site.reload()
        answers = [ask(connection) for connection in kept]
    assert {pid for pid, _, _ in answers} == {after}
    assert [number for _, number, _ in answers] == list(range(451, 901))


def test_half_a_request_stays_where_it_was_begun(start):
    """What was read of it is known to the old process alone; the answer says that it is the last."""
    site = start()
    with site.connect() as begun:
        begun.sendall(b"GET / HTTP/1.1\r\nHo")
        with site.connect() as other:
            ask(other)
        before, _ = site.reload()
        begun.sendall(b"st: x\r\n\r\n")
        data = begun.recv(65536)
    assert f"\r\n\r\n{before} ".encode() in data
    assert b"connection: close" in data.lower()


def test_a_session_ends_before_the_state_is_handed_over(start):
    """A member of a room that only the old process knows would be a ghost in it for ever."""
    site = start()
    with site.connect(site.room) as member:
        member.sendall(b"who\r\n")
        assert member.recv(100) == b"1\r\n"
        site.reload()
        assert member.recv(100) == b""
    with site.connect(site.room) as member:
        member.sendall(b"who\r\n")
        assert member.recv(100) == b"1\r\n"


def test_a_tls_connection_gets_its_last_answer_from_the_old_process(start, tmp_path):
    """Its keys are in that process: the next request is answered, with Connection: close."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    site = start(f"ssl:{{port}}:interface=127.0.0.1:privateKey={tmp_path}/key.pem:certKey={tmp_path}/cert.pem")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with site.connect() as plain, context.wrap_socket(plain) as kept:
        ask(kept)
        before, after = site.reload()
        assert ask(kept) == (before, 2, True)
    with site.connect() as plain, context.wrap_socket(plain) as fresh:
        assert ask(fresh)[0] == after


def test_an_object_that_cannot_be_saved_is_left_out(start):
    """The reload names it, and all that can be saved goes along."""
    site = start()
    with site.connect() as kept:
        ask(kept, "/spoil")
        _, after = site.reload()
        assert ask(kept) == (after, 2, False)
    assert "not kept: " in site.log
    assert "(builtins.generator)" in site.log


def test_a_stop_during_a_reload_stops(start, tmp_path):
    """The successor is given up, and the old process leaves its snapshot."""
    site = start()
    with site.connect() as kept:
        ask(kept)
    site.hang_up()
    until(lambda: "starting a successor" in site.log, "the start of the successor")
    site.server.process.send_signal(signal.SIGTERM)
    assert site.server.process.wait(20) == 0
    assert "the running process was told to stop" in site.log
    assert (tmp_path / "site-shutdown.tap").exists()
    until(lambda: not site.others(tmp_path), "the end of the successor")


def test_a_successor_that_is_killed_is_a_failed_reload(start, tmp_path):
    """Whatever ends it before it counts: the old process goes on at once."""
    site = start()
    pid = site.main_pid()
    (tmp_path / "slow").touch()
    site.hang_up()
    until(lambda: site.others(tmp_path), "the start of the successor")
    for other in site.others(tmp_path):
        os.kill(other, signal.SIGKILL)
    until(lambda: site.manager.has("the last reload failed"), "the refusal")
    assert "the successor ended before it was ready" in site.log
    with site.connect() as other:
        assert ask(other)[:2] == (pid, 1)
