"""make install below another prefix: commands, modules, unit, generator and staging step find each other."""

from __future__ import annotations

import subprocess

from machine import PROJECT


def test_below_usr_local(debian):
    """An administrator's own build in /usr/local runs a small and a large tap, and hides the packaged one."""
    debian.run("rm -rf /usr/bin/tapd /usr/bin/mktap /usr/lib/tapdaemon /usr/lib/python3/dist-packages/tapdaemon*")
    debian.run("rm /usr/lib/systemd/system-generators/tapdaemon-generator /usr/lib/systemd/system/tap@.service")
    command = ["make", "-s", "install", f"DESTDIR={debian.root}", "PREFIX=/usr/local"]
    subprocess.run(command, cwd=PROJECT, check=True)
    debian.run("mkdir -p /srv && echo local >/srv/x && head -c 1500000 /dev/urandom >/root/ballast")
    debian.run("mktap -o /etc/tap/small.tap web --path /srv --listen tcp:8080")
    debian.run("mktap -o /etc/tap/large.tap --include /root/ballast web --path /srv --listen tcp:8081")
    debian.run("systemctl daemon-reload && systemctl start tap@small tap@large")
    for port in (8080, 8081):
        assert debian.run(f"curl -sf http://127.0.0.1:{port}/x").stdout == "local\n"
    pid = debian.run("systemctl show -P MainPID tap@small").stdout.strip()
    assert debian.run("systemctl cat tap@small | grep ^ExecStart=").stdout.startswith("ExecStart=/usr/local/bin/tapd")
    assert int(pid) > 0
