"""systemd holds what the tap declares: ports, addresses and keys, for a user without any capability."""

from __future__ import annotations

import applications
import pytest


@pytest.fixture(scope="module")
def counter(debian):
    """A counter on port 80, installed as the README says."""
    debian.write("/root/counter.tac", applications.counter())
    debian.run("cd /root && mktap -y counter.tac && install -m 600 counter.tap /etc/tap/ && systemctl daemon-reload")
    return debian


@pytest.fixture(autouse=True)
def fresh_start_limits(debian):
    """These tests start one unit more often than its limit has in mind."""
    debian.run("systemctl reset-failed")


KILL = "kill -9 $(systemctl show -P MainPID tap@{})"


def get(machine, url: str = "http://127.0.0.1/") -> str:
    return machine.run(f"curl -skf -m 20 {url}").stdout


def inode(machine, port: int) -> str:
    """The listening socket's own number."""
    return machine.run(f"ss -Hltne sport = :{port} | grep -o 'ino:[0-9]*'").stdout


def test_port_80_without_a_capability(counter):
    """A dynamic user with an empty bounding set serves it; the exposure is at most 1.1."""
    counter.run("systemctl start tap@counter")
    assert int(get(counter)) > 0
    pid = counter.run("systemctl show -P MainPID tap@counter").stdout.strip()
    status = counter.run(f"cat /proc/{pid}/status").stdout
    assert int(status.partition("Uid:")[2].split()[0]) >= 61184
    assert "CapBnd:\t0000000000000000" in status
    assert "CapEff:\t0000000000000000" in status
    told = counter.run("systemd-analyze security --no-pager tap@counter | tail -1").stdout
    assert float(told.split(":")[1].split()[0]) <= 1.1
    verify = "systemd-analyze verify --man=no --generators=yes tap@counter.service tap@counter.socket"
    told = counter.run(verify).stderr.splitlines()
    # 262 runs the generators in a sandbox, and says of that one what this container lacks.
    assert [line for line in told if not line.startswith("Read-only bind remount failed")] == []


def test_restart_and_crash_keep_the_socket_and_stop_closes_it(counter):
    """The same inode over both; after a stop the port is closed and no request brings it back."""
    counter.run("systemctl start tap@counter")
    before = inode(counter, 80)
    counter.run("systemctl restart tap@counter")
    assert inode(counter, 80) == before
    counter.run(KILL.format("counter"))
    get(counter)
    assert inode(counter, 80) == before
    counter.run("systemctl stop tap@counter")
    counter.closed()
    assert counter.run("systemctl is-active tap@counter tap@counter.socket", check=False).stdout.split() == [
        "inactive", "inactive",
    ]  # fmt: skip


def test_on_demand(counter):
    """With the socket enabled the first connection starts the service, and is answered."""
    counter.run("systemctl enable --now tap@counter.socket")
    assert counter.run("systemctl is-active tap@counter", check=False).stdout == "inactive\n"
    assert int(get(counter)) > 0
    counter.run("systemctl stop tap@counter")
    assert counter.run("systemctl is-active tap@counter.socket").stdout == "active\n"
    assert int(get(counter)) > 0
    counter.run("systemctl disable --now tap@counter.socket; systemctl stop tap@counter")
    counter.closed()


def test_enable_works_as_for_any_unit(counter):
    """The template carries [Install]: enable, disable and mask."""
    counter.run("systemctl enable tap@counter")
    assert counter.run("systemctl is-enabled tap@counter").stdout == "enabled\n"
    counter.run("systemctl disable tap@counter && systemctl mask tap@counter && systemctl daemon-reload")
    assert counter.run("systemctl start tap@counter", check=False).returncode != 0
    counter.run("systemctl unmask tap@counter && systemctl daemon-reload && systemctl start tap@counter")


def test_a_root_only_key_on_port_443(debian):
    """ssl: with a key that root alone may read: a credential, found under its own path; exposure at most 1.1."""
    debian.run(
        "mkdir -p /etc/keys /srv && chmod 700 /etc/keys && cd /etc/keys && echo secret >/srv/x && "
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=first -keyout key.pem -out cert.pem && chmod 600 *.pem && "
        "mktap -o /etc/tap/tls.tap web --path /srv --listen ssl:443:privateKey=key.pem:certKey=cert.pem && "
        "systemctl daemon-reload && systemctl start tap@tls"
    )
    assert get(debian, "https://127.0.0.1/x") == "secret\n"
    assert "LoadCredential=file-1:/etc/keys/key.pem" in debian.run("systemctl cat tap@tls").stdout
    told = debian.run("systemd-analyze security --no-pager tap@tls | tail -1").stdout
    assert float(told.split(":")[1].split()[0]) <= 1.1


def test_a_folder_below_home(debian):
    """ProtectHome= hides /home; what the tap serves from there is bound in, and nothing else."""
    debian.run(
        "mkdir -p /home/ann/www && echo home >/home/ann/www/x && echo private >/home/ann/other && "
        "mktap -o /etc/tap/home.tap web --path /home/ann/www --listen tcp:8088 && "
        "systemctl daemon-reload && systemctl start tap@home"
    )
    assert get(debian, "http://127.0.0.1:8088/x") == "home\n"
    pid = debian.run("systemctl show -P MainPID tap@home").stdout.strip()
    assert debian.run(f"nsenter -t {pid} -m ls /home/ann").stdout == "www\n"
    debian.run("systemctl stop tap@home")


def test_a_unix_socket_is_systemds(debian):
    """A path that the service could not make; it is not unlinked by an adopter, and it goes with the stop."""
    debian.run(
        "echo unix >/srv/x; mktap -o /etc/tap/unix.tap web --path /srv --listen unix:/run/deep/web.sock:mode=660 && "
        "systemctl daemon-reload && systemctl start tap@unix"
    )
    for _ in range(2):
        assert debian.run("curl -sf --unix-socket /run/deep/web.sock http://x/x").stdout == "unix\n"
        assert debian.run("stat -c '%a %U' /run/deep/web.sock").stdout == "660 root\n"
        debian.run("systemctl restart tap@unix")
    debian.run("systemctl stop tap@unix")
    debian.wait_for("test ! -e /run/deep/web.sock")  # see Machine.closed


def test_every_api_gets_its_socket(debian):
    """listenTCP, SSL, UDP and UNIX, endpoints tcp, tcp6, ssl, unix and haproxy: each adopts systemd's own socket."""
    debian.run(
        "mkdir -p /srv/keys && cd /srv/keys && "
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out cert.pem && chmod 644 *.pem"
    )
    debian.write("/root/every.tac", applications.EVERY_API)
    debian.run("cd /root && mktap -y every.tac && install -m 600 every.tap /etc/tap/ && systemctl daemon-reload")
    debian.run("systemctl start tap@every.socket tap@every")
    inodes = (
        "(ss -Hlntue | grep -E ':810[1-7] ' | grep -oE 'ino:[0-9]+'; ss -Hlx | grep -oE '(one|two).sock [0-9]+') | sort"
    )
    before = debian.run(inodes).stdout
    assert before.count("\n") == 9
    for verb in ("restart", "reload"):
        debian.run(f"systemctl {verb} tap@every")
        for url in ("http://127.0.0.1:8101", "https://127.0.0.1:8102", "http://127.0.0.1:8104", "http://[::1]:8105",
                    "https://127.0.0.1:8106"):  # fmt: skip
            assert get(debian, f"{url}/") == "every"
        assert debian.run("curl -sf --haproxy-protocol http://127.0.0.1:8107/").stdout == "every"
        for name in ("one", "two"):
            assert debian.run(f"curl -sf --unix-socket /run/every/{name}.sock http://x/").stdout == "every"
        assert debian.run(inodes).stdout == before
    told = debian.run("journalctl -u tap@every -o cat").stdout
    assert "no service listens" not in told
    assert debian.run("systemctl show -P NFileDescriptorStore tap@every").stdout == "0\n"
    debian.run("systemctl stop tap@every")


WRITER = """
from twisted.application import service
class Writer(service.Service):
    def startService(self):
        for folder in ("/srv/spool", "/srv/other"):
            try:
                open(folder + "/mark", "w").close()
            except OSError:
                continue
application = service.Application("writer")
Writer().setServiceParent(application)
"""


def test_only_what_is_declared_can_be_written(debian):
    """mktap --writable: the sandbox opens that folder to the tap's user, and no other that he owns."""
    debian.write("/root/writer.tac", WRITER)
    debian.run("install -d -o www-data /srv/spool /srv/other")
    debian.run("cd /root && mktap -u www-data --writable /srv/spool -y writer.tac")
    debian.run("install -m 600 /root/writer.tap /etc/tap/ && systemctl daemon-reload && systemctl start tap@writer")
    assert debian.run("stat -c %U /srv/spool/mark").stdout == "www-data\n"
    assert debian.run("test -e /srv/other/mark", check=False).returncode == 1
    debian.run("systemctl stop tap@writer")


def test_root_only_where_the_tap_says_so(debian):
    """mktap -u root; every other tap of these tests is a dynamic user's, or its own."""
    debian.run("mktap -u root -o /etc/tap/rooted.tap web --path /srv --listen tcp:8096 && systemctl daemon-reload")
    debian.run("systemctl start tap@rooted")
    pid = debian.run("systemctl show -P MainPID tap@rooted").stdout.strip()
    assert debian.run(f"stat -c %U /proc/{pid}").stdout == "root\n"
    debian.run("systemctl stop tap@rooted")


def test_what_follows_the_tap_and_the_running_systemd(debian):
    """words needs no family but AF_UNIX; 257 and later know PrivateTmp=disconnected, 252 is not asked for it."""
    debian.run("echo a:b >/srv/passwd; mktap -o /etc/tap/quiet.tap words --irc-port tcp:194 --auth file:/srv/passwd")
    debian.run("systemctl daemon-reload; systemctl start tap@quiet")
    assert debian.run("systemctl show -P RestrictAddressFamilies tap@quiet").stdout == "AF_UNIX\n"
    asked = "PrivateTmp=disconnected" in debian.run("systemctl cat tap@quiet").stdout
    assert asked is (debian.suite != "bookworm")
    debian.run("systemctl stop tap@quiet")


SYSTEMD_ENDPOINT = """
from twisted.application import service, strports
from twisted.web import server, static
root = static.Data(b"by systemd", "text/plain")
root.isLeaf = True
application = service.Application("late")
strports.service("systemd:domain=INET:index=0", server.Site(root)).setServiceParent(application)
"""


def test_systemd_endpoints_keep_working(debian):
    """A .tac with systemd:domain=INET:index=0, and a socket unit of the administrator's."""
    debian.write("/root/late.tac", SYSTEMD_ENDPOINT)
    debian.write("/etc/systemd/system/tap@late.socket.d/own.conf", "[Socket]\nListenStream=127.0.0.1:8090\n")
    debian.write("/etc/systemd/system/tap@late.service.d/own.conf", "[Unit]\nRequires=tap@late.socket\n")
    debian.run("cd /root && mktap -y late.tac && install -m 600 late.tap /etc/tap && systemctl daemon-reload")
    for _ in range(2):
        debian.run("systemctl restart tap@late")
        assert get(debian, "http://127.0.0.1:8090/") == "by systemd"
    debian.run("systemctl stop tap@late")


def test_what_nobody_claims_is_reported_and_closed(counter):
    """A ListenStream= that no service of the tap listens on."""
    counter.write("/etc/systemd/system/tap@counter.socket.d/more.conf", "[Socket]\nListenStream=127.0.0.1:8091\n")
    counter.run("systemctl stop tap@counter; systemctl daemon-reload; systemctl start tap@counter")
    assert int(get(counter)) > 0
    told = counter.run("journalctl -u tap@counter").stdout
    assert "no service listens on tcp4:127.0.0.1:8091, which was passed or bound; closed" in told
    counter.run("rm -r /etc/systemd/system/tap@counter.socket.d; systemctl daemon-reload; systemctl stop tap@counter")


def test_ports_of_an_admins_short_form_are_adopted(debian):
    """ListenStream=8092 is [::]:8092, and serves a tap whose site asks for 0.0.0.0:8092."""
    debian.run(
        "echo both >/srv/x; mktap -o /etc/tap/both.tap web --path /srv --listen tcp:8092 && systemctl daemon-reload"
    )
    own = "[Socket]\nListenStream=\nListenStream=8092\n"
    debian.write("/etc/systemd/system/tap@both.socket.d/own.conf", own)
    debian.run("systemctl daemon-reload && systemctl start tap@both")
    assert get(debian, "http://127.0.0.1:8092/x") == "both\n"
    assert get(debian, "http://[::1]:8092/x") == "both\n"
    debian.run("systemctl stop tap@both")


def test_sockets_bound_at_run_time_are_kept(debian):
    """No manifest declares them: they go to the fd store, and are the same after a restart and after a crash."""
    debian.write("/root/runtime.tac", applications.RUNTIME)
    debian.run("cd /root && mktap -y runtime.tac && install -m 600 runtime.tap /etc/tap && systemctl daemon-reload")
    debian.run("systemctl start tap@runtime")
    assert debian.run("systemctl show -P NFileDescriptorStore tap@runtime").stdout == "3\n"
    before = inode(debian, 8093)
    for command in ("systemctl restart tap@runtime", KILL.format("runtime")):
        debian.run(command)
        assert get(debian, "http://127.0.0.1:8093/") == "late"
        assert debian.run("curl -sf --unix-socket /run/tap/runtime/late.sock http://x/").stdout == "late"
        assert inode(debian, 8093) == before
        assert debian.run("systemctl show -P NFileDescriptorStore tap@runtime").stdout == "3\n"
    debian.run("systemctl stop tap@runtime")
    debian.closed("http://127.0.0.1:8093/")


HOSTILE = """
import json, os, sys, zipfile
base = zipfile.ZipFile("/etc/tap/counter.tap")
def forge(name, change):
    told = json.loads(base.read("manifest.json"))
    change(told)
    with zipfile.ZipFile(f"/etc/tap/{name}.tap", "w") as tap:
        tap.writestr("manifest.json", json.dumps(told))
        for member in told["members"]:
            tap.writestr(member["name"], base.read(member["name"]))
    os.chmod(f"/etc/tap/{name}.tap", 0o600)
def listen(path):
    return lambda told: told["needs"].update(
        listen=[{"kind": "unix", "service": "x", "path": path, "mode": 438, "host": "", "port": 0, "backlog": 50}]
    )
forge("h-literal", listen("/run/hostile/50% $(touch mark) %(x) %{lua:x} `x` \\"x' ;\\\\n"))
forge("h-newline", listen("/run/x\\n[Service]\\nExecStartPre=/usr/bin/touch /tmp/mark"))
forge("h-escape", listen("/run/\\x1b[2Jx"))
forge("h-relative", listen("../../etc/shadow"))
forge("h-user", lambda told: told["process"].update(uid="root\\nExecStartPre=/usr/bin/touch /tmp/mark"))
forge("h-percent", lambda told: told["process"].update(uid="%u"))
forge("h-host", lambda told: told["needs"]["listen"][0].update(host="0.0.0.0:81\\nListenStream=82"))
forge("h-schema", lambda told: told.update(tap=99))
forge("h-file", lambda told: told["needs"].update(files=["/etc/shadow /etc/passwd:/tmp/x", "/etc/x\\"y"]))
forge("h-many", lambda told: told.update(services=[{"path": "x" * 5000, "type": "y"}]))
os.truncate(os.open("/etc/tap/h-empty.tap", os.O_CREAT | os.O_WRONLY, 0o600), 0)
os.truncate(os.open("/etc/tap/h-huge.tap", os.O_CREAT | os.O_WRONLY, 0o600), 20 * 2**30)
for name in ("a%n", "$(touch mark)", "a b", "..", "-x", "a\\nb", "x" * 140):
    os.link("/etc/tap/counter.tap", f"/etc/tap/{name}.tap")
"""


def test_hostile_taps_inject_nothing(counter):
    """Neither names nor manifests become units of their own making; nothing hangs, and the rest is served."""
    counter.write("/root/hostile.py", HOSTILE)
    before = set(counter.run("ls /run/systemd/generator").stdout.split())
    counter.run("rm -f /tmp/mark /mark /run/mark; cd /tmp && python3 /root/hostile.py && systemctl daemon-reload")
    made = set(counter.run("ls /run/systemd/generator").stdout.split()) - before
    assert made == {"tap@h-literal.service.d", "tap@h-literal.socket.d", "tap@h-file.service.d", "tap@h-file.socket.d"}
    counter.run("systemctl enable --now tap@h-literal.socket; systemctl start tap@counter")
    assert counter.run("ls /run/hostile").stdout == "50% $(touch mark) %(x) %{lua:x} `x` \"x' ;\\n\n"
    assert counter.run("test -e /tmp/mark -o -e /mark -o -e /run/mark", check=False).returncode == 1
    assert int(get(counter)) > 0
    assert "/etc/shadow" not in counter.run("systemctl cat tap@h-file").stdout
    told = counter.run("journalctl --sync; journalctl -p err -t tapdaemon-generator -o cat").stdout
    for name in ("newline", "escape", "relative", "user", "percent", "host", "schema", "many", "empty", "huge"):
        assert f"/etc/tap/h-{name}.tap: " in told, name
    assert "\x1b" not in told
    assert counter.run("tapctl list").returncode == 0
    counter.run(
        "systemctl disable --now tap@h-literal.socket; cd /etc/tap && find . -not -name counter.tap -type f -delete"
    )
    counter.run("systemctl daemon-reload")
