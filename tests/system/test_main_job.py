"""The whole main job on a booted Debian: made, started, asked, stopped, resumed, as an administrator does it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def web(debian):
    """An installed web.tap."""
    debian.write("/srv/www/index.html", "hello from systemd\n")
    debian.run("cd /root && mktap web --path /srv/www --listen tcp:8080")
    debian.run("install -m 600 /root/web.tap /etc/tap/ && systemctl daemon-reload")
    return debian


def test_it_starts_and_answers(web):
    """systemctl start returns when the port answers."""
    web.run("systemctl start tap@web")
    assert web.run("curl -sf http://127.0.0.1:8080/").stdout == "hello from systemd\n"


def test_it_runs_as_a_dynamic_user_without_capabilities(web):
    """The process is no root and has no capability left."""
    pid = web.run("systemctl show -P MainPID tap@web").stdout.strip()
    status = dict(
        line.split(":\t", 1) for line in web.run(f"cat /proc/{pid}/status").stdout.splitlines() if ":\t" in line
    )
    assert int(status["Uid"].split()[0]) >= 61184, status["Uid"]
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


def test_status_can_be_read_by_a_person(web):
    """systemctl status shows what is served."""
    assert 'Status: "Serving tcp4:0.0.0.0:8080"' in web.run("systemctl status tap@web").stdout


def test_the_journal_has_structured_entries(web):
    """Each entry carries name, priority, namespace, and where it was logged."""
    web.run("systemctl start tap@web; curl -sf http://127.0.0.1:8080/; journalctl --sync")
    lines = web.run("journalctl -u tap@web -o json TAP_NAME=web").stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    request = next(entry for entry in entries if "GET / HTTP/1.1" in entry["MESSAGE"])
    assert request["SYSLOG_IDENTIFIER"] == "web"
    assert request["PRIORITY"] == "6"
    assert request["_TRANSPORT"] == "journal"
    assert request["CODE_FILE"].endswith("http.py")
    assert int(request["CODE_LINE"]) > 0
    assert request["TWISTED_NAMESPACE"]


def test_stop_leaves_a_snapshot_that_the_next_start_resumes(web):
    """stop is orderly, and start goes on from the snapshot."""
    web.run("systemctl start tap@web && systemctl stop tap@web")
    assert web.run("systemctl show -P Result tap@web").stdout == "success\n"
    assert web.run("stat -c %a /var/lib/private/tap/web/web-shutdown.tap").stdout == "600\n"
    web.run("systemctl start tap@web")
    assert web.run("curl -sf http://127.0.0.1:8080/").stdout == "hello from systemd\n"
    assert "resumed /var/lib/tap/web/web-shutdown.tap, generation" in web.run("journalctl -u tap@web").stdout


def test_the_exposure_is_low(web):
    """systemd-analyze security gives at most 1.3."""
    lines = web.run("systemd-analyze security --no-pager tap@web").stdout.splitlines()
    level = float(next(line for line in lines if "Overall exposure level" in line).split(":")[1].split()[0])
    assert level <= 1.3


def test_the_unit_verifies(web):
    """systemd-analyze verify has nothing to say."""
    done = web.run("systemd-analyze verify --man=no tap@web.service")
    assert done.stdout + done.stderr == ""


def test_tapctl_list_shows_the_state(web):
    """tapctl list has a line for the tap, with the state of its unit."""
    web.run("systemctl start tap@web")
    line = web.run("tapctl list").stdout.splitlines()[1]
    assert line.split()[:3] == ["web", "active,", "disabled"]
    assert "tcp4:0.0.0.0:8080" in line
