"""Nothing of a tap runs as root: what tapd does when root starts it, without systemd's help."""

from __future__ import annotations

import pytest

HOSTILE = """
import hashlib, json, os, sys, zipfile
# A pickle calls whatever it names: what bounds it is who it runs as.
told_to = "id -u >/tmp/mark; grep ^Cap /proc/self/status >/tmp/caps"
members = {"changes.pickle": b"cos\\nsystem\\n(V" + told_to.encode() + b"\\ntR."}
base = zipfile.ZipFile(sys.argv[1])
told = json.loads(base.read("manifest.json"))
content = json.loads(os.popen("tapctl show --json " + sys.argv[1]).read())["content"]
told["members"] = [
    {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()
]
told["process"] = {"name": "root", "uid": 0, "gid": 0}
told["needs"]["listen"][0]["port"] = 81
told["lineage"].update(reason="shutdown", base=content, generation=7)
with zipfile.ZipFile(sys.argv[2], "w") as snapshot:
    snapshot.writestr("manifest.json", json.dumps(told))
    for name, data in members.items():
        snapshot.writestr(name, data)
"""


@pytest.fixture
def hostile(debian):
    """A base of root's that runs as www-data, and a snapshot that www-data forged."""
    debian.write("/root/hostile.py", HOSTILE)
    debian.run(
        "rm -rf /srv/run /tmp/mark /tmp/caps && install -d -o www-data -g www-data /srv/run && "
        "mktap -u www-data -o /root/site.tap web --path /srv --listen tcp:80 && "
        "python3 /root/hostile.py /root/site.tap /srv/run/site-shutdown.tap && "
        "chown www-data: /srv/run/site-shutdown.tap && chmod 600 /srv/run/site-shutdown.tap"
    )
    return debian


def test_as_root_it_binds_drops_and_then_loads(debian):
    """Port 80 without systemd: bound by root from the manifest, served by www-data, snapshot www-data's."""
    debian.run("echo hi >/srv/x; install -d -o www-data /srv/run")
    debian.run("mktap -u www-data -o /root/site.tap web --path /srv --listen tcp:80")
    debian.run("cd /root && tapd -d /srv/run --pidfile=/run/site.pid -l site.log site.tap")
    assert debian.run("curl -sf http://127.0.0.1:80/x").stdout == "hi\n"
    pid = debian.run("cat /run/site.pid").stdout.strip()
    assert debian.run(f"grep -E '^(Uid|Groups)' /proc/{pid}/status").stdout.split() == [
        "Uid:", "33", "33", "33", "33", "Groups:", "33",
    ]  # fmt: skip
    debian.run(f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")
    assert debian.run("stat -c '%U %a' /srv/run/site-shutdown.tap").stdout == "www-data 600\n"


def test_udp_and_tcp_below_1024_are_bound_before_the_drop(debian):
    """dns on port 53 as www-data: both sockets were root's to bind, and the service adopted them."""
    debian.write("/srv/hosts", "192.0.2.7 tap.example\n")
    debian.run("install -d -o www-data /srv/run; mktap -u www-data -o /root/dns.tap dns --hosts-file=/srv/hosts")
    debian.run("cd /root && tapd -d /srv/run --pidfile=/run/dns.pid -l dns.log dns.tap")
    told = debian.run(
        "python3 -c 'import socket, struct; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
        'q = struct.pack("!6H", 7, 256, 1, 0, 0, 0) + b"\\3tap\\7example\\0" + struct.pack("!2H", 1, 1); '
        's.sendto(q, ("127.0.0.1", 53)); print(".".join(map(str, s.recv(512)[-4:])))\''
    )
    assert told.stdout == "192.0.2.7\n"
    pid = debian.run("cat /run/dns.pid").stdout.strip()
    assert debian.run(f"stat -c %U /proc/{pid}").stdout == "www-data\n"
    debian.run(f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")


def test_in_a_chroot(debian):
    """--chroot: the folder has Python and what the tap needs; run folder and snapshot are inside."""
    debian.run(
        "mkdir -p /jail/usr /jail/srv /jail/tmp /jail/dev /jail/etc && echo jailed >/jail/srv/x && "
        "for d in bin lib lib64 sbin; do ln -sfn usr/$d /jail/$d; done && install -d -o www-data /jail/run && "
        "mount --bind /usr /jail/usr && mount --bind /dev /jail/dev && cp /etc/passwd /etc/group /jail/etc/"
    )
    debian.run("mktap -u www-data -o /root/jail.tap web --path /srv --listen tcp:80")
    debian.run("cd /root && tapd --chroot /jail -d /run --pidfile=/run/jail.pid -l jail.log jail.tap")
    assert debian.run("curl -sf http://127.0.0.1:80/x").stdout == "jailed\n"
    pid = debian.run("cat /run/jail.pid").stdout.strip()
    assert debian.run(f"readlink /proc/{pid}/root").stdout == "/jail\n"
    debian.run(f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")
    assert "jail-shutdown.tap" in debian.run("ls /jail/run; umount /jail/usr /jail/dev").stdout


def test_with_euid_snapshots_are_roots(debian):
    """--euid: served as www-data, who could be root again; so the snapshot is root's, and only such a one resumes."""
    debian.run("rm -rf /srv/kept; mkdir -p /srv/kept && mktap -o /root/euid.tap web --path /srv --listen tcp:80")
    for number in (1, 2):
        debian.run("cd /root && tapd --euid -u www-data -d /srv/kept --pidfile=/run/euid.pid -l /tmp/euid.log euid.tap")
        pid = debian.run("cat /run/euid.pid").stdout.strip()
        assert debian.run(f"grep ^Uid /proc/{pid}/status").stdout.split()[1:3] == ["0", "33"]
        debian.run(f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")
        assert debian.run("stat -c '%U %a' /srv/kept/euid-shutdown.tap").stdout == "root 600\n"
        assert debian.run("grep -c resumed /tmp/euid.log", check=False).stdout == f"{number - 1}\n"


def test_syslog_with_a_prefix(debian):
    """--syslog --prefix: lines reach syslog under that name."""
    debian.run("mktap -o /root/sys.tap web --path /srv --listen tcp:8085")
    debian.run("cd /root && tapd --syslog --prefix shop --pidfile=/run/sys.pid sys.tap && kill $(cat /run/sys.pid)")
    debian.run("while test -e /run/sys.pid; do sleep 0.1; done; journalctl --sync")
    assert "ready: tcp4:0.0.0.0:8085" in debian.run("journalctl -t shop").stdout


def test_a_hostile_snapshot_gains_nothing(hostile):
    """It is a program of www-data's and runs as www-data: no root-owned mark, no uid, no capability, no other port."""
    done = hostile.run("cd /root && tapd -n -d /srv/run site.tap", check=False)
    assert done.returncode == 65, done.stdout + done.stderr
    assert hostile.run("cat /tmp/mark; stat -c %U /tmp/mark").stdout == "33\nwww-data\n"
    assert set(hostile.run("cat /tmp/caps").stdout.split()) <= {
        "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "0000000000000000",
        hostile.run("grep CapBnd /proc/self/status").stdout.split()[1],
    }  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr


def test_where_it_stays_root_only_roots_snapshots_are_resumed(hostile):
    """-u root: the forged snapshot is refused, and nothing of it runs."""
    done = hostile.run("cd /root && tapd -n -u root -d /srv/run site.tap", check=False)
    assert done.returncode == 77
    assert "not trusted" in done.stderr
    assert hostile.run("test -e /tmp/mark", check=False).returncode == 1


def test_a_base_of_somebody_elses_is_refused_as_root(hostile):
    """root does not run what www-data could have written."""
    hostile.run("cp /root/site.tap /srv/run/mine.tap && chown www-data: /srv/run/mine.tap")
    done = hostile.run("tapd -n -d /srv/run /srv/run/mine.tap", check=False)
    assert done.returncode == 77
    assert "belongs to uid 33" in done.stderr


def test_a_state_folder_that_the_user_may_not_write(debian):
    """The start says so, not the stop: 73, with the folder and the user."""
    debian.run("mktap -u www-data -o /root/site.tap web --path /srv --listen tcp:8086")
    done = debian.run("tapd -n -d /root /root/site.tap", check=False)
    assert done.returncode == 73
    assert "tapd: state folder /root: uid 33 may not write it; name another with --state-dir" in done.stderr


def test_another_users_tap_cannot_be_read(debian):
    """77, and no advice that does not fit."""
    debian.run("mktap -o /etc/tap/hidden.tap socks")
    done = debian.run("runuser -u www-data -- tapd -n /etc/tap/hidden.tap", check=False)
    assert done.returncode == 77
    assert "cannot be read: permission denied" in done.stderr
