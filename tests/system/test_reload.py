"""Restart and reload under load: nothing refused, cut or counted wrong; and every way in which a reload can fail."""

from __future__ import annotations

import json
import threading
import time

import applications
import pytest
from machine import PROJECT

HEADER = [
    "release", "systemd", "what", "times", "requests", "refused", "cut", "wrong", "missing", "twice",
    "p50 ms", "p99 ms", "longest ms",
]  # fmt: skip
TITLE = "Short and keep-alive requests through restarts and reloads"
LIMITS = "[Unit]\nStartLimitBurst=10000\n"


def install(machine, word: str = "one", more: str = "", last: str = "") -> None:
    """Make the counter anew, and install it."""
    machine.write("/root/counter.tac", applications.counter(word, more=more, last=last))
    machine.run("cd /root && mktap -y counter.tac && install -m 600 counter.tap /etc/tap/")


@pytest.fixture(scope="module")
def counter(debian):
    """An installed counter that may be started often, and the load program."""
    debian.write("/root/load.py", (PROJECT / "tests" / "system" / "load.py").read_text())
    debian.write("/etc/systemd/system/tap@counter.service.d/often.conf", LIMITS)
    install(debian)
    debian.run("systemctl daemon-reload")
    return debian


@pytest.fixture
def running(counter):
    """It runs, on its first word."""
    counter.run("systemctl stop tap@counter; rm -rf /var/lib/private/tap/counter; systemctl reset-failed")
    install(counter)
    counter.run("systemctl daemon-reload; systemctl start tap@counter")
    return counter


def get(machine, path: str = "/", port: int = 80) -> str:
    return machine.run(f"curl -sf -m 30 http://127.0.0.1:{port}{path}").stdout


def main_pid(machine, name: str = "counter") -> int:
    return int(machine.run(f"systemctl show -P MainPID tap@{name}").stdout)


def journal(machine, name: str = "counter") -> str:
    return machine.run(f"journalctl --sync; journalctl -u tap@{name}").stdout


class Load:
    """Clients that ask until the block ends."""

    def __init__(self, machine, short: int, kept: int) -> None:
        self._machine = machine
        self._command = f"rm -f /tmp/stop; exec python3 /root/load.py 80 /tmp/stop {short} {kept}"
        self.told: dict = {}

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        time.sleep(0.3)
        return self

    def _run(self) -> None:
        self.told = json.loads(self._machine.run(self._command).stdout)

    def __exit__(self, *_) -> None:
        self._machine.run("touch /tmp/stop")
        self._thread.join()

    def row(self, what: str, times: int) -> list[object]:
        version = self._machine.run("systemctl --version").stdout.split()[1]
        told, faults = self.told, self.told["faults"]
        counts = [len(faults[kind]) for kind in ("refused", "cut", "wrong")]
        waits = [f"{told[key]:.1f}" for key in ("p50", "p99", "longest")]
        lost = [len(told["missing"]), len(told["twice"])]
        return [self._machine.suite, version, what, times, told["requests"], *counts, *lost, *waits]


@pytest.mark.parametrize("what", ["nothing", "restart", "reload"])
def test_a_load_through(running, rounds, table, what):
    """0 refused, 0 cut, 0 wrong; every request adds one and answers its number: none is missing or given twice."""
    times = rounds(100)
    with Load(running, short=4, kept=4) as load:
        for _ in range(times):
            if what != "nothing":
                running.run(f"systemctl {what} tap@counter")
            time.sleep(0.3)
    table("reload", TITLE, HEADER, load.row(what, times))
    print(load.row(what, times))
    assert load.told["faults"] == {"refused": [], "cut": [], "wrong": []}
    assert (load.told["missing"], load.told["twice"]) == ([], [])
    assert load.told["requests"] > times * 10


def test_sigkill_under_load(running, rounds, table):
    """The sockets are systemd's: nobody is refused, and only requests in flight are lost."""
    times = rounds(30)
    with Load(running, short=4, kept=0) as load:
        for _ in range(times):
            pid = main_pid(running)
            running.run(f"kill -9 {pid}")
            running.wait_for(
                f"test $(systemctl show -P MainPID tap@counter) -ne {pid} && curl -sf http://127.0.0.1/pid"
            )
    row = load.row("SIGKILL", times)
    table("reload", TITLE, HEADER, [*row[:8], "-", "-", *row[10:]])
    assert load.told["faults"]["refused"] == load.told["faults"]["wrong"] == []
    assert len(load.told["faults"]["cut"]) <= 4 * times


def test_reload_moves_the_main_process_and_stays_active(running):
    """MAINPID moves, the state goes along, the unit never leaves the active state; SIGHUP by hand does the same."""
    first, since = main_pid(running), running.run("systemctl show -P ActiveEnterTimestampMonotonic tap@counter").stdout
    assert get(running) == "1"
    running.run("systemctl reload tap@counter")
    second = main_pid(running)
    assert second != first
    assert get(running) == "2"
    running.run(f"kill -HUP {second}")
    running.wait_for(f"test $(systemctl show -P MainPID tap@counter) -ne {second}")
    assert get(running) == "3"
    assert running.run("systemctl show -P ActiveEnterTimestampMonotonic tap@counter").stdout == since
    assert running.run("systemctl show -P NRestarts tap@counter").stdout == "0\n"
    running.run("systemctl restart tap@counter")
    assert get(running) == "4"


def test_a_changed_tap_is_swapped_in(running):
    """A newer base takes over with the state of the older one."""
    assert get(running) == "1"
    install(running, "two")
    running.run("systemctl reload tap@counter")
    assert get(running, "/word") == "two"
    assert get(running) == "3"
    assert "aside" not in running.run("ls /var/lib/private/tap/counter").stdout
    running.run("systemctl restart tap@counter")
    assert (get(running, "/word"), get(running)) == ("two", "5")


def test_changed_code_is_swapped_in(running):
    """A module of the host's, not the tap's: the successor imports it anew, and the state goes along."""
    running.write("/usr/lib/python3/dist-packages/wordy.py", "WORD = b'old'\n")
    install(running, more="import wordy\nCounter.word = property(lambda self: wordy.WORD)")
    running.run("systemctl restart tap@counter")
    assert (get(running), get(running, "/word")) == ("1", "old")
    running.write("/usr/lib/python3/dist-packages/wordy.py", "WORD = b'new, and longer'\n")
    running.run("systemctl reload tap@counter")
    assert (get(running, "/word"), get(running)) == ("new, and longer", "4")


def test_a_long_request_is_finished_by_the_process_that_has_it(running):
    """The reload does not wait for it, and neither do the others."""
    old = main_pid(running)
    running.run("curl -sS http://127.0.0.1/slow/4 >/tmp/slow 2>&1 </dev/null & sleep 0.2; systemctl reload tap@counter")
    new = main_pid(running)
    assert new != old
    assert get(running, "/pid") == str(new)
    assert running.run("cat /tmp/slow").stdout == ""
    running.wait_for("grep -q late /tmp/slow")
    assert running.run("cat /tmp/slow").stdout == f"late {old}"
    running.wait_for(f"! kill -0 {old}")
    assert "saved" not in journal(running).partition(f"process {new} has taken over")[2]


def test_a_stop_waits_for_what_the_old_process_still_answers(running):
    """systemctl stop right after a reload: the long request of the one before is answered."""
    running.run("curl -sS http://127.0.0.1/slow/3 >/tmp/slow 2>&1 </dev/null & sleep 0.2; systemctl reload tap@counter")
    running.run("systemctl stop tap@counter")
    assert running.run("cat /tmp/slow").stdout.startswith("late ")


def test_a_successor_killed_while_the_old_one_drains_is_restarted(running):
    """systemd supervises the successor from the switch on, whatever the old process still does."""
    # Some kernels keep a killed process in cgroup.procs, as pid 0, and then systemd waits as long as it may.
    running.write("/etc/systemd/system/tap@counter.service.d/quick.conf", "[Service]\nTimeoutStopSec=2s\n")
    running.run("systemctl daemon-reload")
    running.run("curl -sS http://127.0.0.1/slow/8 >/tmp/slow 2>&1 </dev/null & sleep 0.2; systemctl reload tap@counter")
    successor = main_pid(running)
    running.run(f"kill -9 {successor}")
    running.wait_for("test $(systemctl show -P NRestarts tap@counter) -eq 1 && curl -sf http://127.0.0.1/")
    assert main_pid(running) != successor
    running.run("rm /etc/systemd/system/tap@counter.service.d/quick.conf")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("class Bad(service.Service):\n    def startService(self): raise LookupError('no database')", "no database"),
        ("class Bad(service.Service):\n    def startService(self): os._exit(3)", "ended before it was ready"),
    ],
)
def test_a_successor_that_fails_changes_nothing(running, more, reason):
    """The command exits 1 with the reason, the journal has it, the old process goes on and keeps the state."""
    old = main_pid(running)
    assert get(running) == "1"
    install(running, "two", more, last="Bad().setServiceParent(application)")
    done = running.run("systemctl reload tap@counter", check=False)
    assert done.returncode == 1
    assert main_pid(running) == old
    assert (get(running), get(running, "/word")) == ("2", "one")
    told = journal(running)
    assert reason in told.partition("not reloaded, and nothing has changed: ")[2]
    assert reason in running.run("systemctl show -P StatusText tap@counter").stdout
    assert running.run("systemctl is-active tap@counter").stdout == "active\n"
    # Nothing was passed over for good: the tap that it started from goes on from its state.
    install(running)
    running.run("systemctl restart tap@counter")
    assert get(running) == "4"


def test_a_broken_tap_is_told_before_anything_is_signalled(running):
    """The root step looks at the file as the generator does."""
    old = main_pid(running)
    running.run("head -c 300 /etc/tap/counter.tap >/root/cut && install -m 600 /root/cut /etc/tap/counter.tap")
    assert running.run("systemctl reload tap@counter", check=False).returncode == 1
    assert "tap-reload: /etc/tap/counter.tap: cut off or altered" in journal(running)
    assert (main_pid(running), get(running)) == (old, "1")


SLOW = """
class Slow:
    def __init__(self): time.sleep(2)
Counter.__init__ = lambda self: (resource.Resource.__init__(self), setattr(self, "slow", Slow()))[0]
"""


def test_a_second_reload_during_one_is_refused(running):
    """By hand; systemd itself queues them."""
    install(running, "slow", SLOW)
    old = main_pid(running)
    running.run(f"systemctl reload --no-block tap@counter; sleep 0.6; kill -HUP {old}")
    running.wait_for(f"test $(systemctl show -P MainPID tap@counter) -ne {old}")
    assert "SIGHUP: reload: another one is under way; try again when it is ready" in journal(running)
    assert get(running, "/word") == "slow"


def test_a_renewed_certificate_is_served_after_a_reload(debian):
    """A root-only key, passed as a credential when the service started: 257 would show the old one for ever."""
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={} -keyout key.pem -out cert.pem 2>&1 && chmod 600 *.pem"
    )
    subject = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | grep ^subject"
    debian.run(
        "mkdir -p /etc/keys /srv && chmod 700 /etc/keys && cd /etc/keys && echo secret >/srv/x && "
        f"{make.format('first')} && "
        "mktap -o /etc/tap/tls.tap web --path /srv --listen ssl:443:privateKey=key.pem:certKey=cert.pem && "
        "systemctl daemon-reload && systemctl start tap@tls"
    )
    assert "first" in debian.run(subject).stdout
    for name in ("second", "third"):
        debian.run(f"cd /etc/keys && {make.format(name)} && systemctl reload tap@tls")
        assert name in debian.run(subject).stdout
    debian.run("systemctl restart tap@tls")
    assert "third" in debian.run(subject).stdout
    debian.run("systemctl reload tap@tls")
    assert "third" in debian.run(subject).stdout
    assert "tls" not in debian.run("ls /run/tapdaemon").stdout
    debian.run("systemctl stop tap@tls")


def test_the_watchdog_goes_with_the_successor(running):
    """It pings from its own reactor; stuck, it is killed and restarted."""
    running.write("/etc/systemd/system/tap@counter.service.d/quick.conf", "[Service]\nWatchdogSec=3s\n")
    running.run("systemctl daemon-reload; systemctl restart tap@counter; systemctl reload tap@counter")
    time.sleep(4)
    pid = main_pid(running)
    assert running.run("systemctl show -P NRestarts tap@counter").stdout == "0\n"
    running.run("curl -s -m 1 http://127.0.0.1/stick", check=False)
    running.wait_for(f"test $(systemctl show -P MainPID tap@counter) -ne {pid} && curl -sf http://127.0.0.1/")
    running.run("rm /etc/systemd/system/tap@counter.service.d/quick.conf; systemctl daemon-reload")


ECHO = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
    's.sendto(b\\"x\\", (\\"127.0.0.1\\", 8094)); print(s.recv(9))'
)


def test_sockets_of_every_kind_go_over(debian):
    """TCP, UNIX and UDP that the application bound itself: the same sockets after reloads and a restart."""
    debian.write("/root/runtime.tac", applications.RUNTIME)
    debian.run("cd /root && mktap -y runtime.tac && install -m 600 runtime.tap /etc/tap && systemctl daemon-reload")
    debian.run("systemctl start tap@runtime")
    inodes = (
        "(ss -Hlntue | grep -E ':8093|:8094' | grep -oE 'ino:[0-9]+'; ss -Hlx | grep -oE 'late.sock [0-9]+') | sort"
    )
    before = debian.run(inodes).stdout
    assert before.count("\n") == 3
    for verb in ("reload", "reload", "restart", "reload"):
        debian.run(f"systemctl {verb} tap@runtime")
        assert get(debian, "/", 8093) == "late"
        assert debian.run("curl -sf --unix-socket /run/tap/runtime/late.sock http://x/").stdout == "late"
        assert debian.run(f'python3 -c "{ECHO}"').stdout == "b'x'\n"
        assert debian.run(inodes).stdout == before
        assert debian.run("systemctl show -P NFileDescriptorStore tap@runtime").stdout == "3\n"
    debian.run("systemctl stop tap@runtime")
