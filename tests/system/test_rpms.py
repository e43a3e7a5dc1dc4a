"""tap2rpm's packages, installed by rpm on a booted machine: the scriptlets run for real."""

from __future__ import annotations

import applications
import pytest
from test_packages import WHO, get, state

DEPS = "--nodeps"  # the database of this host is dpkg's


@pytest.fixture(scope="module")
def made(debian):
    """1.0 and 1.1 of one tap, 2.0 of another."""
    for version, word in (("1.0", "one"), ("1.1", "one"), ("2.0", "two")):
        debian.write("/root/counter.tac", applications.counter(word))
        debian.run(f"cd /root && mktap -y counter.tac && tap2rpm -q {WHO} -V {version} counter.tap")
    return debian


def install(machine, version: str) -> None:
    machine.run(f"rpm -Uvh {DEPS} /root/tap-counter-{version}-1.noarch.rpm")


@pytest.fixture
def fresh(made):
    """1.0, installed on a machine that never had it."""
    made.run(
        f"rpm -e {DEPS} tap-counter; rm -rf /var/lib/tap /var/lib/private/tap; systemctl reset-failed", check=False
    )
    install(made, "1.0")
    return made


def test_a_first_install_follows_the_presets(fresh):
    """Enabled as the host's presets have it, and started by nobody."""
    assert state(fresh) == ("inactive", "enabled")
    fresh.run("systemctl start tap@counter")
    assert get(fresh) == "one 1"


def test_an_upgrade_restarts_what_runs(fresh):
    """On the same state."""
    fresh.run("systemctl start tap@counter")
    assert get(fresh) == "one 1"
    pid = fresh.run("systemctl show -P MainPID tap@counter").stdout
    install(fresh, "1.1")
    assert fresh.run("systemctl show -P MainPID tap@counter").stdout != pid
    assert get(fresh) == "one 2"
    install(fresh, "2.0")
    assert get(fresh) == "two 3"


def test_disabled_stays_disabled(fresh):
    """And what was stopped stays so."""
    fresh.run("systemctl disable --now tap@counter")
    install(fresh, "1.1")
    assert state(fresh) == ("inactive", "disabled")


def test_drop_ins_survive(fresh):
    """The administrator's own."""
    fresh.write("/etc/systemd/system/tap@counter.service.d/mine.conf", "[Service]\nEnvironment=MINE=1\n")
    install(fresh, "1.1")
    assert fresh.run("systemctl show -P Environment tap@counter").stdout == "MINE=1\n"
    fresh.run("rm -r /etc/systemd/system/tap@counter.service.d; systemctl daemon-reload")


def test_an_erasure_leaves_no_link(fresh):
    """Stopped, disabled, the port closed; the state stays."""
    fresh.run("systemctl start tap@counter")
    assert get(fresh) == "one 1"
    fresh.run(f"rpm -e {DEPS} tap-counter")
    fresh.closed()
    assert fresh.run("find /etc/systemd /usr/lib/systemd /usr/lib/tap -name '*counter*'", check=False).stdout == ""
    assert "counter-shutdown.tap" in fresh.run("ls /var/lib/private/tap/counter").stdout


def test_a_bundle(made):
    """--bundle: its own tapd and modules serve, byte-compiled when it is installed; an erasure leaves none of it."""
    made.write("/root/boxed.tac", applications.counter("boxed", 8096))
    made.run(f"cd /root && mktap -y boxed.tac && tap2rpm -q {WHO} --bundle boxed.tap")
    made.run(f"rpm -Uvh {DEPS} /root/tap-boxed-1.0-1.$(uname -m).rpm && systemctl start tap@boxed")
    assert get(made, 8096) == "boxed 1"
    pid = made.run("systemctl show -P MainPID tap@boxed").stdout.strip()
    assert "/usr/lib/tap-boxed/modules/zope/" in made.run(f"cat /proc/{pid}/maps").stdout  # its compiled part
    assert made.run("find /usr/lib/tap-boxed -name '*.pyc' | wc -l").stdout.strip() != "0"
    made.run(f"rpm -e {DEPS} tap-boxed")
    assert made.run("test -e /usr/lib/tap-boxed", check=False).returncode == 1
