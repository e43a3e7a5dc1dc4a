"""Every command of the README, run as it stands there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
COMMANDS = [line.strip().partition("  #")[0].strip() for line in re.findall(r"^    (\S.*)$", PROSE, re.MULTILINE)]


def commands(*words: str) -> list[str]:
    """Those that begin with one of the words."""
    return [line for line in COMMANDS if line.split()[0] in words]


LOOKING = [line for line in commands("tapctl") if line.split()[1] in ("diff", "edit") or "--graph" in line]


def test_each_command_is_run_by_a_test():
    """What the README shows is what the tests below run, and the tests that run it all."""
    told = {line.split()[0] for line in COMMANDS}
    assert told == {
        "mktap",
        "install",
        "systemctl",
        "journalctl",
        "tapctl",
        "tapd",
        "tap2deb",
        "tap2rpm",
        "apt",
        "make",
        "tapconvert",
        "systemd-creds",
    }
    assert commands("make") == ["make run", "make test", "make install"]


def test_the_first_page(debian):
    """From mktap to the snapshot, in the README's own lines."""
    debian.write("/srv/www/index.html", "hello\n")
    first = COMMANDS[: COMMANDS.index("systemctl enable --now tap@web.socket") + 1]
    assert first[0].startswith("mktap web")
    for line in first:
        debian.run(f"cd /root && {line}")
        if line.startswith("systemctl") and line.split()[1] in ("start", "reload", "restart", "enable"):
            assert debian.run("curl -sf http://127.0.0.1/").stdout == "hello\n"
        if line.startswith("systemctl stop"):
            assert "web-shutdown.tap" in debian.run("ls /var/lib/tap/web/").stdout
            debian.closed()
    debian.run("systemctl disable --now tap@web.socket; systemctl stop tap@web")


def test_the_ways_to_make_a_tap(debian):
    """All other lines with mktap and tapctl, in their order, in one folder."""
    (desk,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    debian.write("/root/desk.tac", desk)
    debian.write("/root/secret", "correct horse\n", 0o600)
    lines = [line for line in commands("mktap", "tapctl") if line not in LOOKING]
    for line in lines:
        debian.run(f"cd /root && {line}")
    assert "web.tap" in debian.run("ls /root").stdout
    assert len(lines) >= 6


def test_the_ways_to_run_one(debian):
    """tapd in the foreground and as a daemon; the desk answers."""
    for line in commands("tapd"):
        if " -n " in f" {line} " or "-ny" in line:
            done = debian.run(f"cd /root && timeout -s TERM 3 {line} >/tmp/log 2>&1; grep -c 'ready: ' /tmp/log")
            assert done.stdout == "1\n", line
        else:
            debian.run(f"cd /root && {line}")
            debian.run("curl -sf http://127.0.0.1:8080/ && kill $(cat /root/local.pid)")
            debian.wait_for("! test -e /root/local.pid")


def test_another_port_goes_on(debian):
    """A tap made anew takes the state of the older one; and a snapshot as the new base."""
    line = "mktap web --path /srv/www --listen tcp:8081"
    debian.run(f"cd /root && {line} && install -m 600 web.tap /etc/tap/ && systemctl daemon-reload")
    debian.run("systemctl start tap@web && curl -sf http://127.0.0.1:8081/")
    assert "resumed /var/lib/tap/web/web-shutdown.tap" in debian.run("journalctl -u tap@web").stdout
    debian.run("systemctl stop tap@web && cp /var/lib/tap/web/web-shutdown.tap /etc/tap/web.tap")
    debian.run("systemctl daemon-reload && systemctl start tap@web && curl -sf http://127.0.0.1:8081/")


def test_the_ways_to_look_into_one(debian):
    """A snapshot that was copied here, and what stock Twisted saved."""
    debian.run("systemctl stop tap@web && cp /var/lib/tap/web/web-shutdown.tap /root/")
    debian.run(
        "cd /root && python3 -c 'from twisted.application import service; from twisted.persisted import sob;"
        ' sob.IPersistable(service.Application("old")).save("shutdown")\''
    )
    for line in [*LOOKING, *commands("tapconvert")]:
        debian.run(f"cd /root && EDITOR=true {line}", check="diff" not in line)
    assert "@@ " in debian.run("cd /root && tapctl diff web.tap web-shutdown.tap", check=False).stdout
    assert "application  old" in debian.run("tapctl show /root/old.tap").stdout


def test_a_sealed_one_under_systemd(debian):
    """Its passphrase is encrypted on the host, and no file of the tap is in the clear."""
    debian.run("mkdir -p /etc/credstore.encrypted")
    last = COMMANDS[COMMANDS.index(*commands("systemd-creds")) :][:4]
    for line in last:
        debian.run(f"cd /root && {line}")
    assert last[-1] == "systemctl start tap@sealed"
    assert debian.run("curl -sf http://127.0.0.1:8080/").stdout == "hello\n"
    debian.run("systemctl stop tap@sealed")
    assert b"twisted" not in debian.read("/var/lib/private/tap/sealed/sealed-shutdown.tap")


def test_make_run(tmp_path):
    """In a fresh clone: environment, tap, an answer on loopback, and the snapshot that it speaks of."""
    if os.environ.get("CI") is None and os.environ.get("TAPDAEMON_SOAK") is None:
        pytest.skip("SKIPPED: make run in a fresh clone makes an environment; CI and make soak run it")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", PROJECT, clone], check=True)
    process = subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env=os.environ | {"PORT": "18080"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen("http://127.0.0.1:18080/", timeout=5) as answer:
                    assert b"It runs from a tap." in answer.read()
                break
            except OSError:
                assert time.monotonic() < end
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
    assert (clone / "run" / "web-shutdown.tap").exists()
