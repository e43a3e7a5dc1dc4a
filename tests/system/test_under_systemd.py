"""What systemd is needed for: watchdog, kill, reboot, credentials, users, the journal's own fields, hostile files."""

from __future__ import annotations

import json
import time

import pytest

# Counts requests in an attribute, and does what the request's path names.
APPLICATION = """
import time
from twisted.application import service, strports
from twisted.logger import Logger
from twisted.web import resource, server

log = Logger("counter")

class Counter(resource.Resource):
    isLeaf = True
    count = 0
    def render_GET(self, request):
        if request.path == b"/stick":
            time.sleep(3600)
        if request.path == b"/fail":
            try:
                raise LookupError("what was asked for")
            except LookupError:
                log.failure("a request failed")
        if request.path == b"/long":
            log.warn("{text}", text="x" * 400000)
        if request.path == b"/levels":
            log.debug("a debug line"); log.error("an error line"); log.critical("a critical line")
        self.count += 1
        return b"%d" % self.count

application = service.Application("counter")
strports.service("tcp:8080", server.Site(Counter())).setServiceParent(application)
"""


@pytest.fixture(scope="module")
def counter(debian):
    """An installed counter.tap whose watchdog is quick."""
    debian.write("/root/counter.tac", APPLICATION)
    debian.run("cd /root && mktap -y counter.tac && install -m 600 counter.tap /etc/tap/")
    debian.write("/etc/systemd/system/tap@counter.service.d/quick.conf", "[Service]\nWatchdogSec=5s\n")
    debian.run("systemctl daemon-reload")
    return debian


@pytest.fixture(autouse=True)
def fresh_start_limits(debian):
    """These tests start one unit more often than its limit has in mind."""
    debian.run("systemctl reset-failed")


def count(machine) -> int:
    return int(machine.run("curl -sf http://127.0.0.1:8080/").stdout)


def entries(machine, *matches: str) -> list[dict]:
    machine.run("journalctl --sync")
    lines = machine.run(f"journalctl -u tap@counter -o json --all {' '.join(matches)}").stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_state_goes_over_stop_and_start(counter):
    """The count goes on from the snapshot."""
    counter.run("systemctl start tap@counter")
    first = count(counter)
    counter.run("systemctl stop tap@counter && systemctl start tap@counter")
    assert count(counter) == first + 1
    counter.run("systemctl restart tap@counter")
    assert count(counter) == first + 2


def test_no_count_is_lost_over_restarts(counter, rounds, table):
    """Each request adds one and answers its number: over stops, starts and restarts none is missing or given twice."""
    counter.run("systemctl restart tap@counter")
    first = count(counter)
    number = rounds(100)
    for turn in range(1, number + 1):
        counter.run("systemctl reset-failed; " + ("systemctl restart tap@counter" if turn % 2 else RESTART_BY_HAND))
        assert count(counter) == first + turn
    version = counter.run("systemctl --version").stdout.split()[1]
    header = ["release", "systemd", "stops and starts", "counts lost"]
    table("restarts", "A count kept over stops and starts", header, [counter.suite, version, number, 0])


RESTART_BY_HAND = "systemctl stop tap@counter && systemctl start tap@counter"


def test_sigkill_then_start_goes_on_from_the_last_good_generation(counter):
    """What was saved is there; what a killed process knew is not."""
    counter.run("systemctl restart tap@counter")
    saved = count(counter)
    counter.run("kill -9 $(systemctl show -P MainPID tap@counter)")
    counter.wait_for("systemctl is-active --quiet tap@counter && curl -sf http://127.0.0.1:8080/levels")
    assert count(counter) == saved + 1


def test_a_stuck_reactor_is_killed_and_restarted(counter):
    """The watchdog is fed by the reactor itself."""
    counter.run("systemctl restart tap@counter")
    pid = counter.run("systemctl show -P MainPID tap@counter").stdout
    counter.run("curl -s -m 1 http://127.0.0.1:8080/stick", check=False)
    counter.wait_for(
        f'test "$(systemctl show -P MainPID tap@counter)" != {pid.strip()} && curl -sf http://127.0.0.1:8080/'
    )
    assert "Watchdog timeout" in counter.run("journalctl -u tap@counter").stdout


def test_levels_become_priorities(counter):
    """critical 2, error 3, warn 4, info 6; debug 7."""
    counter.run("systemctl restart tap@counter && curl -sf http://127.0.0.1:8080/levels")
    found = {entry["MESSAGE"]: entry["PRIORITY"] for entry in entries(counter, "TWISTED_NAMESPACE=counter")}
    assert found["an error line"] == "3"
    assert found["a critical line"] == "2"
    assert found["a debug line"] == "7"


def test_a_failure_has_its_traceback_in_a_field_and_in_the_message(counter):
    """TRACEBACK and MESSAGE; CODE_FILE and CODE_LINE are those of the code that raised."""
    counter.run("systemctl start tap@counter && curl -sf http://127.0.0.1:8080/fail")
    entry = next(entry for entry in entries(counter) if entry.get("ERROR_TYPE") == "builtins.LookupError")
    assert "LookupError: what was asked for" in entry["TRACEBACK"]
    assert entry["MESSAGE"].startswith("a request failed")
    assert "Traceback (most recent call last)" in entry["MESSAGE"]
    assert entry["CODE_FILE"] == "/root/counter.tac"
    assert entry["CODE_FUNC"] == "render_GET"


def test_a_large_entry_goes_through_a_memory_file(counter):
    """400,000 characters arrive whole."""
    counter.run("systemctl start tap@counter && curl -sf http://127.0.0.1:8080/long")
    assert any(entry["MESSAGE"] == "x" * 400000 for entry in entries(counter, "PRIORITY=4"))


def test_a_port_in_use_is_told_by_the_socket(counter):
    """What the manifest declares systemd binds, and its own words say why it cannot."""
    counter.run("systemctl stop tap@counter; systemd-run --unit=holder python3 -m http.server 8080")
    counter.wait_for("curl -sf http://127.0.0.1:8080/ >/dev/null")
    try:
        assert counter.run("systemctl start tap@counter", check=False).returncode != 0
        shown = counter.run("journalctl --sync; journalctl -u tap@counter.socket -o cat").stdout
        assert "Failed to create listening socket (0.0.0.0:8080): Address already in use" in shown
    finally:
        counter.run("systemctl stop holder tap@counter; systemctl reset-failed")


BINDS = """
from twisted.application import internet, service
from twisted.web import resource, server
class Late(service.MultiService):
    def privilegedStartService(self):
        internet.TCPServer(8080, server.Site(resource.Resource())).setServiceParent(self)
        service.MultiService.privilegedStartService(self)
application = service.Application("late")
Late().setServiceParent(application)
"""


def test_a_failed_start_is_told_in_status_and_journal(counter):
    """A port in use that the application binds itself: one error line; status 69 is seen by systemctl."""
    counter.write("/root/late.tac", BINDS)
    counter.run("cd /root && mktap -y late.tac && install -m 600 late.tap /etc/tap/ && systemctl daemon-reload")
    counter.run("systemctl stop tap@counter; systemd-run --unit=holder python3 -m http.server 8080")
    counter.wait_for("curl -sf http://127.0.0.1:8080/ >/dev/null")
    try:
        assert counter.run("systemctl start tap@late", check=False).returncode != 0
        shown = counter.run("systemctl status tap@late", check=False).stdout
        assert "cannot listen on tcp4:0.0.0.0:8080: address already in use" in shown
        assert counter.run("systemctl show -P ExecMainStatus tap@late").stdout == "69\n"
    finally:
        counter.run("systemctl stop holder tap@late; systemctl reset-failed; rm /etc/tap/late.tap")


def test_an_unloadable_tap_is_not_restarted_for_ever(counter):
    """Status 65 prevents the restart, and the reason is in the journal."""
    counter.run("systemctl stop tap@counter")
    counter.run(
        "cd /etc/tap && python3 - <<'E'\n"
        "import hashlib, json, zipfile\n"
        "z = zipfile.ZipFile('counter.tap'); m = {n: z.read(n) for n in z.namelist()}\n"
        "m['code/tac_counter.py'] = b'x = 1'\n"
        "t = json.loads(m['manifest.json'])\n"
        "for e in t['members']:\n"
        "    e.update(size=len(m[e['name']]), sha256=hashlib.sha256(m[e['name']]).hexdigest())\n"
        "m['manifest.json'] = json.dumps(t).encode()\n"
        "with zipfile.ZipFile('counter.tap', 'w') as z:\n"
        "    [z.writestr(n, d) for n, d in m.items()]\n"
        "E"
    )
    assert counter.run("systemctl start tap@counter", check=False).returncode != 0
    # Where this kernel took its cgroup away (see machine.py) systemd has started it again before, and rightly.
    counter.wait_for('test "$(systemctl show -P ActiveState tap@counter)" = failed')
    assert counter.run("systemctl show -P ExecMainStatus tap@counter").stdout == "65\n"
    restarts = counter.run("systemctl show -P NRestarts tap@counter").stdout
    assert restarts == "0\n" or "Failed at step CGROUP" in counter.run("journalctl -u tap@counter -n 60").stdout
    time.sleep(2)  # twice RestartSec=
    assert counter.run("systemctl show -P NRestarts tap@counter").stdout == restarts
    assert counter.run("systemctl show -P ActiveState tap@counter").stdout == "failed\n"
    assert "has no 'application'" in counter.run("journalctl -u tap@counter -n 20").stdout
    counter.run("install -m 600 /root/counter.tap /etc/tap/; systemctl reset-failed; systemctl start tap@counter")


def test_enabled_it_survives_a_reboot(counter):
    """systemctl enable, an orderly power-off, and the application is there again with its state."""
    counter.run("systemctl enable --now tap@counter")
    before = count(counter)
    counter.reboot()
    counter.wait_for("systemctl is-active --quiet tap@counter")
    assert count(counter) == before + 1
    counter.run("systemctl disable tap@counter")


def test_a_long_snapshot_is_given_time(counter):
    """A save that takes longer than TimeoutStopSec= asks for more, and is not killed."""
    counter.write(
        "/root/slow.py", "import time\nclass Slow:\n    def __getstate__(self):\n        time.sleep(6); return {}\n"
    )
    counter.write(
        "/root/long.tac",
        "import slow\nfrom twisted.application import service\n"
        "application = service.Application('long')\n"
        "class Late(service.Service):\n    def startService(self):\n        self.slow = slow.Slow()\n"
        "Late().setServiceParent(application)\n",
    )
    counter.run("cd /root && PYTHONPATH=/root mktap --include slow.py -y long.tac && install -m 600 long.tap /etc/tap/")
    counter.write("/etc/systemd/system/tap@long.service.d/short.conf", "[Service]\nTimeoutStopSec=2s\n")
    counter.run("systemctl daemon-reload && systemctl start tap@long && systemctl stop tap@long")
    assert counter.run("systemctl show -P Result tap@long").stdout == "success\n"
    assert "long-shutdown.tap" in counter.run("ls /var/lib/private/tap/long").stdout


# ---- how the tap reaches the service


def test_a_tap_above_a_megabyte_is_staged(counter):
    """The copy is root's, readable by the service's group alone, and gone after the stop."""
    counter.run(
        "cd /root && head -c 1500000 /dev/urandom >ballast && "
        "mktap -o large.tap --include ballast web --path /srv --listen tcp:8081 && "
        "test $(stat -c %s large.tap) -gt 1048576 && install -m 600 large.tap /etc/tap/ && systemctl daemon-reload"
    )
    counter.run("mkdir -p /srv && echo large >/srv/index.html && systemctl start tap@large")
    assert counter.run("curl -sf http://127.0.0.1:8081/index.html").stdout == "large\n"
    mode, owner, group = counter.run("stat -c '%a %u %g' /run/tapdaemon/large.tap").stdout.split()
    assert (mode, owner) == ("440", "0")
    assert int(group) >= 61184
    counter.run("systemctl stop tap@large")
    assert counter.run("ls /run/tapdaemon").stdout == ""


def test_taps_of_the_vendor_folder_run_and_etc_wins(counter):
    """/usr/lib/tap serves what /etc/tap does not have."""
    counter.run("mkdir -p /usr/lib/tap /srv/a /srv/b && echo a >/srv/a/x && echo b >/srv/b/x")
    counter.run("mktap -o /usr/lib/tap/shipped.tap web --path /srv/a --listen tcp:8082 && systemctl daemon-reload")
    counter.run("systemctl start tap@shipped")
    assert counter.run("curl -sf http://127.0.0.1:8082/x").stdout == "a\n"
    counter.run("mktap -o /etc/tap/shipped.tap web --path /srv/b --listen tcp:8082 && systemctl daemon-reload")
    counter.run("systemctl restart tap@shipped")
    assert counter.run("curl -sf http://127.0.0.1:8082/x").stdout == "b\n"
    counter.run("systemctl stop tap@shipped")


def test_the_user_of_the_manifest_is_the_units(counter):
    """mktap -u: the drop-in names the user, and the process is his."""
    counter.run("mktap -u www-data -o /etc/tap/his.tap web --path /srv --listen tcp:8083 && systemctl daemon-reload")
    counter.run("systemctl start tap@his")
    pid = counter.run("systemctl show -P MainPID tap@his").stdout.strip()
    assert counter.run(f"stat -c %U /proc/{pid}").stdout == "www-data\n"
    counter.run("systemctl stop tap@his")


def test_a_broken_or_foreign_tap_does_not_stop_the_others(counter):
    """The generator passes over what is no tap, cut, or writable by others; it says so, and serves the rest."""
    counter.run(
        "cd /etc/tap && touch empty.tap && head -c 100 counter.tap >cut.tap && cp counter.tap loose.tap && "
        "chmod 666 loose.tap && mkfifo fifo.tap && ln -s /etc/shadow link.tap && cp counter.tap 'odd name.tap' && "
        "chown www-data: empty.tap"
    )
    counter.run("systemctl daemon-reload")
    drop_ins = counter.run("ls /run/systemd/generator").stdout.split()
    assert "tap@counter.service.d" in drop_ins
    assert not {
        name for name in drop_ins if name.split("@")[-1].split(".")[0] in ("empty", "cut", "loose", "fifo", "link")
    }
    told = counter.run("journalctl --sync; journalctl -p err -t tapdaemon-generator").stdout
    assert "/etc/tap/empty.tap: not trusted: it belongs to uid 33" in told
    assert "/etc/tap/cut.tap: cut off or altered" in told
    listed = counter.run("tapctl list").stdout
    assert "(empty)" in listed
    assert "cut off or altered" in listed
    counter.run(
        "cd /etc/tap && rm empty.tap cut.tap loose.tap fifo.tap link.tap 'odd name.tap'; systemctl daemon-reload"
    )


def test_without_a_daemon_reload_the_error_says_so(counter):
    """A tap that the generator has not seen cannot be read by the service, and the remedy is in the journal."""
    counter.run("cp -p /etc/tap/counter.tap /etc/tap/unseen.tap")
    assert counter.run("systemctl start tap@unseen", check=False).returncode != 0
    assert "run 'systemctl daemon-reload'" in counter.run("journalctl -u tap@unseen").stdout
    assert counter.run("systemctl show -P ExecMainStatus tap@unseen").stdout == "77\n"
    counter.run("rm /etc/tap/unseen.tap")


def test_tls_works_in_the_sandbox(counter):
    """An HTTPS site with a key of its own, in the hardened unit (MemoryDenyWriteExecute= would break it)."""
    counter.write(
        "/root/context.py",
        "from twisted.internet import ssl\n"
        "class Context:\n"
        "    def __init__(self, pem): self.pem = pem\n"
        "    def getContext(self):\n"
        "        return ssl.PrivateCertificate.loadPEM(self.pem).options().getContext()\n",
    )
    counter.write(
        "/root/tls.tac",
        "from context import Context\n"
        "from twisted.application import service, internet\nfrom twisted.web import server, static\n"
        "application = service.Application('tls')\n"
        "root = static.Data(b'secret', 'text/plain')\nroot.isLeaf = True\nsite = server.Site(root)\n"
        "internet.SSLServer(8443, site, Context(open('/srv/pem', 'rb').read())).setServiceParent(application)\n",
    )
    counter.run(
        "cd /root && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key -out cert && "
        "cat key cert >/srv/pem && PYTHONPATH=/root mktap -y tls.tac"
    )
    counter.run("install -m 600 /root/tls.tap /etc/tap/ && systemctl daemon-reload")
    counter.run("systemctl start tap@tls")
    assert counter.run("curl -skf https://127.0.0.1:8443/").stdout == "secret"
    counter.run("systemctl stop tap@tls")
