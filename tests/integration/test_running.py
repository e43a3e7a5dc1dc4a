"""tapd as a process: daemon, pidfile, signals, readiness, drain, what it tells systemd, and how it fails."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from conftest import LIMIT, clean_environment, command, free_port, mktap, run, until

SLOW_TAC = """
from twisted.application import internet, service, strports
from twisted.internet import defer, reactor, task
from twisted.web import resource, server

class Slow(resource.Resource):
    isLeaf = True
    def render_GET(self, request):
        def done():
            request.write(b"finished")
            request.finish()
        reactor.callLater(float(request.path[1:] or 0), done)
        return server.NOT_DONE_YET

application = service.Application("slow")
strports.service("tcp:{port}:interface=127.0.0.1", server.Site(Slow())).setServiceParent(application)
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def web(tmp_path: Path, port: int) -> str:
    """A web.tap in the folder; its name."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("hello")
    mktap("web", "--path", "www", "--listen", f"tcp:{port}:interface=127.0.0.1", cwd=tmp_path)
    return "web.tap"


@pytest.fixture
def slow(tmp_path: Path, port: int) -> str:
    """A tap whose answers take as long as the path says; its name."""
    (tmp_path / "slow.tac").write_text(SLOW_TAC.format(port=port))
    mktap("-y", "slow.tac", cwd=tmp_path)
    return "slow.tap"


def get(port: int, path: str = "/") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def gone(pid: int) -> bool:
    """Ended; what is left of a child of ours is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def ended():
    """Pids of daemons to end."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


# ---- as a daemon


def test_the_parent_returns_when_the_daemon_answers(tmp_path, web, port, ended):
    """tapd returns 0, and the next request is answered; the pidfile names the daemon."""
    done = run("tapd", web, cwd=tmp_path)
    ended.append(int((tmp_path / "twistd.pid").read_text()))
    assert (done.returncode, done.stderr) == (0, "")
    assert get(port) == b"hello"
    os.kill(ended[0], signal.SIGTERM)
    until(lambda: gone(ended[0]), "the end")
    assert not (tmp_path / "twistd.pid").exists()
    assert (tmp_path / "web-shutdown.tap").exists()
    assert "ready: " in (tmp_path / "twistd.log").read_text()


def test_the_parent_tells_why_the_daemon_failed(tmp_path, web, port):
    """A port in use reaches the caller: status 69 and one line with service, address and remedy."""
    with socket.create_server(("127.0.0.1", port)):
        done = run("tapd", web, cwd=tmp_path)
    assert done.returncode == 69
    assert done.stderr.count("\n") == 1
    assert f"web/MultiService[0]/StreamServerEndpointService[0]: cannot listen on tcp4:127.0.0.1:{port}" in done.stderr
    assert not (tmp_path / "twistd.pid").exists()


def test_a_daemon_whose_starter_gave_up_does_not_run(tmp_path):
    """The caller was told of a failure, so there must be no daemon: it ends when it would be ready."""
    (tmp_path / "late.tac").write_text(
        "import time\nfrom twisted.application import service\n"
        "class Late(service.Service):\n    def startService(self):\n        time.sleep(1.5)\n"
        "application = service.Application('late')\nLate().setServiceParent(application)\n"
    )
    mktap("-y", "late.tac", cwd=tmp_path)
    starter = subprocess.Popen(command("tapd", "late.tap"), cwd=tmp_path, env=clean_environment())
    until(lambda: (tmp_path / "twistd.pid").exists() and (tmp_path / "twistd.pid").read_text() != "", "the daemon")
    pid = int((tmp_path / "twistd.pid").read_text())
    starter.kill()
    starter.wait()
    until(lambda: gone(pid), "the end")
    assert "has given up waiting" in (tmp_path / "twistd.log").read_text()


def test_an_interrupt_while_it_loads(tmp_path, tapd):
    """Ctrl-C is 130 and no traceback, and leaves no pidfile."""
    (tmp_path / "slow.tac").write_text(
        "import time\nfrom twisted.application import service\napplication = service.Application('slow')\n"
        "print('sleeping', flush=True)\ntime.sleep(20)\n"
    )
    server = tapd("--pidfile=slow.pid", "-y", "slow.tac", ready=False)
    until(lambda: "sleeping" in server.log, "the load")
    assert server.stop(signal.SIGINT) == 130
    assert "Traceback" not in server.log
    assert not (tmp_path / "slow.pid").exists()


def test_a_second_start_says_which_pid_runs(tmp_path, web, port, ended):
    """The pidfile's lock ends a second start with status 75, and leaves the first alone."""
    assert run("tapd", web, cwd=tmp_path).returncode == 0
    ended.append(int((tmp_path / "twistd.pid").read_text()))
    again = run("tapd", web, cwd=tmp_path)
    assert again.returncode == 75
    assert f"process {ended[0]} runs" in again.stderr
    assert get(port) == b"hello"


@pytest.mark.parametrize("content", ["", "1\n", "999999999\n", "no number"])
def test_a_stale_pidfile_blocks_nothing(tmp_path, web, tapd, content):
    """Empty, of a living stranger, of nobody, of nonsense: only the lock counts."""
    (tmp_path / "x.pid").write_text(content)
    server = tapd("--pidfile=x.pid", web)
    assert int((tmp_path / "x.pid").read_text()) == server.process.pid
    assert server.stop() == 0


def test_the_original_title_stays(web, tapd):
    """--originalname."""
    server = tapd("--originalname", web)
    assert b"tapdaemon.cli.tapd" in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()


def test_no_pidfile_in_the_foreground(tmp_path, web, tapd):
    """-n writes none, and two may run side by side."""
    tapd(web)
    assert not (tmp_path / "twistd.pid").exists()


def test_the_title_shows_the_tap(tmp_path, web, tapd):
    """ps shows what runs, and the process is still the one that was started."""
    server = tapd(web)
    assert Path(f"/proc/{server.process.pid}/cmdline").read_bytes().startswith(b"tapd: web")


# ---- signals and drain


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_in_flight_finish(tmp_path, slow, port, tapd, number):
    """While a request is being answered the port is closed, and the answer arrives whole."""
    server = tapd(slow)
    answers: list[bytes] = []
    client = threading.Thread(target=lambda: answers.append(get(port, "/1.0")))
    client.start()
    time.sleep(0.3)
    server.process.send_signal(number)
    until(lambda: "stopping" in server.log, "the stop")
    time.sleep(0.1)
    with pytest.raises(ConnectionRefusedError):
        get(port)
    client.join(LIMIT)
    assert answers == [b"finished"]
    assert server.process.wait(LIMIT) == 0
    assert "cut" not in server.log


def test_the_drain_has_an_end(tmp_path, slow, port, tapd):
    """What is still in flight after --drain-timeout is cut, and the log says so."""
    server = tapd("--drain-timeout", "0.5", slow)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/60")
    time.sleep(0.3)
    began = time.monotonic()
    assert server.stop() == 0
    assert 0.4 < time.monotonic() - began < 10
    assert "1 connections still in flight are cut" in server.log


def test_a_second_signal_hurries(tmp_path, slow, port, tapd):
    """The second TERM ends the wait, and the snapshot is written all the same."""
    server = tapd("--drain-timeout", "60", slow)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/60")
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in server.log, "the stop")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LIMIT) == 0
    assert (tmp_path / "slow-shutdown.tap").exists()


def test_an_idle_keep_alive_connection_does_not_hold_the_stop(tmp_path, web, port, tapd):
    """A client that keeps its connection open after the answer is not in flight."""
    server = tapd("--drain-timeout", "30", web)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/")
    assert client.getresponse().read() == b"hello"
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_hup_and_usr1_reopen_the_log_and_kill_nothing(tmp_path, web, port, tapd, number):
    """After logrotate moved the file, the signal makes a new one; twistd died of both."""
    server = tapd("-l", "web.log", web, ready=False)
    log = tmp_path / "web.log"
    until(lambda: log.exists() and "ready" in log.read_text(), "ready")
    log.rename(tmp_path / "web.log.1")
    server.process.send_signal(number)
    until(lambda: log.exists() and "log reopened" in log.read_text(), "the new log")
    assert get(port) == b"hello"
    assert server.stop() == 0


def test_usr1_without_a_log_file_kills_nothing(tmp_path, web, port, tapd):
    """twistd died of USR1 when it did not log to a file."""
    server = tapd(web)
    server.process.send_signal(signal.SIGUSR1)
    until(lambda: "log reopened" in server.log, "the answer")
    assert get(port) == b"hello"


def test_an_application_that_stops_its_reactor_ends_in_order(tmp_path, tapd):
    """reactor.stop() from inside leads through the same phases, snapshot included."""
    (tmp_path / "brief.tac").write_text(
        "from twisted.application import service\nfrom twisted.internet import reactor\n"
        "class Brief(service.Service):\n"
        "    def startService(self):\n        reactor.callLater(0.1, reactor.stop)\n"
        "application = service.Application('brief')\nBrief().setServiceParent(application)\n"
    )
    mktap("-y", "brief.tac", cwd=tmp_path)
    server = tapd("brief.tap", ready=False)
    assert server.process.wait(LIMIT) == 0, server.log
    assert (tmp_path / "brief-shutdown.tap").exists()


# ---- readiness

WAITING_TAC = """
from twisted.application import service
from twisted.internet import defer, reactor, task
class Waiting(service.Service):
    name = "waiting"
    def startService(self):
        service.Service.startService(self)
        return {result}
class Parent(service.MultiService):
    name = "parent"
    def startService(self):
        service.MultiService.startService(self)
application = service.Application("app")
parent = Parent()
parent.setServiceParent(application)
Waiting().setServiceParent(parent)
"""


def test_ready_waits_for_what_start_service_returns(tmp_path, tapd):
    """A Deferred from a startService, even below a MultiService that drops it, holds READY back."""
    (tmp_path / "app.tac").write_text(WAITING_TAC.format(result="task.deferLater(reactor, 1.0, int)"))
    mktap("-y", "app.tac", cwd=tmp_path)
    began = time.monotonic()
    tapd("app.tap")
    assert time.monotonic() - began > 1.0


def test_a_failing_start_is_told_by_its_path(tmp_path, tapd):
    """A Deferred that fails ends the start with the service's path; nothing is saved."""
    (tmp_path / "app.tac").write_text(WAITING_TAC.format(result="defer.fail(ValueError('no such\\nbackend'))"))
    mktap("-y", "app.tac", cwd=tmp_path)
    server = tapd("app.tap", ready=False)
    assert server.process.wait(LIMIT) == 70
    assert "tapd: app/parent/waiting: failed to start with ValueError: no such backend" in server.log
    assert not (tmp_path / "app-shutdown.tap").exists()


def test_a_start_that_never_ends_is_ended(tmp_path, tapd):
    """--start-timeout names what is waited for."""
    (tmp_path / "app.tac").write_text(WAITING_TAC.format(result="defer.Deferred()"))
    mktap("-y", "app.tac", cwd=tmp_path)
    server = tapd("--start-timeout", "0.5", "app.tap", ready=False)
    assert server.process.wait(LIMIT) == 70
    assert "tapd: app/parent/waiting: not ready within 0.5 s" in server.log


def test_a_service_that_never_stops_is_left_behind(tmp_path, tapd):
    """--stop-timeout bounds each service; the others' state is saved."""
    (tmp_path / "app.tac").write_text(
        "from twisted.application import service\nfrom twisted.internet import defer\n"
        "class Stuck(service.Service):\n    name = 'stuck'\n"
        "    def stopService(self):\n        return defer.Deferred()\n"
        "application = service.Application('app')\nStuck().setServiceParent(application)\n"
    )
    mktap("-y", "app.tac", cwd=tmp_path)
    server = tapd("--stop-timeout", "0.5", "app.tap")
    assert server.stop() == 0
    assert "app/stuck did not stop within 0.5 s" in server.log
    assert (tmp_path / "app-shutdown.tap").exists()


# ---- systemd


def test_systemd_is_told_the_whole_way(tmp_path, web, port, manager, tapd):
    """READY with MAINPID and STATUS, WATCHDOG pings, STOPPING, time for the snapshot, a barrier; never a fork."""
    server = tapd(web, ready=False, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"})
    until(lambda: manager.has("READY=1"), "READY")
    (ready,) = [message for message in manager.messages if "READY=1" in message]
    assert f"MAINPID={server.process.pid}" in ready
    assert f"STATUS=Serving tcp4:127.0.0.1:{port}" in ready
    assert get(port) == b"hello"
    until(lambda: sum("WATCHDOG=1" in message for message in manager.read()) > 3, "pings")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: manager.has("BARRIER=1"), "the barrier")
    assert server.process.wait(LIMIT) == 0
    order = ["READY=1", "STOPPING=1", "STATUS=Stopping", "STATUS=Saving", "EXTEND_TIMEOUT_USEC=", "BARRIER=1"]
    places = [next(i for i, message in enumerate(manager.messages) if part in message) for part in order]
    assert places == sorted(places)


def test_a_failure_is_in_the_status_with_its_errno(tmp_path, web, port, manager, tapd):
    """STATUS says what a person needs, ERRNO what the kernel said."""
    with socket.create_server(("127.0.0.1", port)):
        server = tapd(web, ready=False, env={"NOTIFY_SOCKET": str(manager.path)})
        until(lambda: manager.has("BARRIER=1"), "the barrier")
        assert server.process.wait(LIMIT) == 69
    assert manager.has("ERRNO=98")
    assert manager.has("address already in use")
    assert not manager.has("READY=1")


def test_children_inherit_nothing_of_systemd(tmp_path, manager, tapd):
    """NOTIFY_SOCKET, WATCHDOG_* and LISTEN_* are ours alone."""
    (tmp_path / "app.tac").write_text(
        "import os\nfrom twisted.application import service\n"
        "class Child(service.Service):\n"
        "    def startService(self):\n        os.system('env > child.env')\n"
        "application = service.Application('app')\nChild().setServiceParent(application)\n"
    )
    mktap("-y", "app.tac", cwd=tmp_path)
    tapd("app.tap", ready=False, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "9000000"})
    until(lambda: manager.has("READY=1"), "READY")
    names = {line.partition("=")[0] for line in (tmp_path / "child.env").read_text().splitlines()}
    assert not names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "SYSTEMD_EXEC_PID"}


@pytest.mark.parametrize("option", [["--pidfile=x"], ["--syslog"]])
def test_under_systemd_a_contradiction_is_refused(tmp_path, web, manager, option):
    """What a daemon would need and systemd does itself is an error that names the option."""
    done = run("tapd", *option, web, cwd=tmp_path, env={"NOTIFY_SOCKET": str(manager.path)})
    assert done.returncode == 64
    assert option[0].partition("=")[0] in done.stderr


def test_an_inherited_socket_is_adopted_by_address(tmp_path, web, port, tapd):
    """The service gets the socket that is bound to its address, whichever number it has; others are closed."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", port)) as ours:
        inode = os.fstat(ours.fileno()).st_ino
        # LISTEN_PID must be the pid of tapd itself, which a shell knows only after its fork: so exec from one.
        script = f'export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@" 3<&{other.fileno()} 4<&{ours.fileno()}'
        log = tmp_path / "tapd.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                ["bash", "-c", script, "-", *command("tapd", "-n", web)],
                cwd=tmp_path, env=clean_environment(), stdout=stream, stderr=stream,
                pass_fds=[other.fileno(), ours.fileno()],
            )  # fmt: skip
    try:
        until(lambda: "ready: " in log.read_text(), "ready")
        assert get(port) == b"hello"
        links = []
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the descriptors come and go
                links.append(os.readlink(entry))
        assert f"socket:[{inode}]" in links
        assert "no service listens on tcp4:127.0.0.1:" in log.read_text()
    finally:
        process.terminate()
        assert process.wait(LIMIT) == 0


def test_a_second_signal_hurries_past_a_stuck_service(tmp_path, port, tapd):
    """While services are being stopped, the second TERM waits for none of them; the rest is saved."""
    (tmp_path / "slow.tac").write_text(
        SLOW_TAC.format(port=port)
        + "class Stuck(service.Service):\n    name = 'stuck'\n"
        + "    def stopService(self):\n        return defer.Deferred()\n"
        + "Stuck().setServiceParent(application)\n"
    )
    mktap("-y", "slow.tac", cwd=tmp_path)
    server = tapd("--stop-timeout", "60", "slow.tap")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "Closed" in server.log, "the port's end")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LIMIT) == 0, server.log
    assert "slow/stuck did not stop before the hurry" in server.log
    assert (tmp_path / "slow-shutdown.tap").exists()


# ---- idle connections at a stop


def ask_kept(connection) -> bytes:
    """One request on a connection that is to be kept; the head of its answer."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while b"hello" not in data:
        part = connection.recv(65536)
        assert part, data
        data += part
    return data.partition(b"\r\n\r\n")[0].lower()


def test_an_idle_connection_is_told_that_its_next_request_is_the_last(tmp_path, web, port, tapd):
    """Within the grace it is answered with Connection: close, and then nothing is left to wait for."""
    server = tapd("--keepalive-grace=60", "--drain-timeout=60", web)
    with socket.create_connection(("127.0.0.1", port), 10) as kept:
        assert b"connection: close" not in ask_kept(kept)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in server.log, "the stop")
        assert b"connection: close" in ask_kept(kept)
        assert kept.recv(1) == b""
    assert server.process.wait(LIMIT) == 0


def test_the_grace_ends(tmp_path, web, port, tapd):
    """Without a request the connection is closed, and the process leaves long before the drain's own limit."""
    server = tapd("--keepalive-grace=0.2", "--drain-timeout=600", web)
    with socket.create_connection(("127.0.0.1", port), 10) as kept:
        ask_kept(kept)
        server.process.send_signal(signal.SIGTERM)
        assert kept.recv(1) == b""
    assert server.process.wait(LIMIT) == 0
