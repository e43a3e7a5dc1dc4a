"""Sealed taps under systemd: the credential in its forms, restart and reload, and what says that there is none."""

from __future__ import annotations

import pytest
from applications import counter

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def sealed(debian):
    """An installed, sealed counter."""
    debian.write("/root/counter.tac", counter(port=8080))
    debian.write("/root/secret", SECRET + "\n", 0o600)
    debian.run("mkdir -p -m 700 /etc/credstore /etc/credstore.encrypted")
    debian.run("cd /root && mktap -y counter.tac --passphrase-file secret && install -m 600 counter.tap /etc/tap/")
    debian.run("systemctl daemon-reload")
    return debian


@pytest.fixture(autouse=True)
def no_credential(sealed):
    """Each test lays down its own; afterwards the unit is stopped and none is there."""
    yield
    sealed.run("systemctl stop tap@counter; systemctl reset-failed; rm -f /etc/credstore*/* ", check=False)
    sealed.run("rm -rf /etc/systemd/system/tap@counter.service.d; systemctl daemon-reload")


def count(machine) -> int:
    return int(machine.run("curl -sf http://127.0.0.1:8080/").stdout)


def test_without_a_passphrase_it_fails_once(sealed):
    """77 with its reason in the journal, and no restart: a relative credential may be absent."""
    assert sealed.run("systemctl start tap@counter", check=False).returncode == 1
    shown = [sealed.run(f"systemctl show -P {one} tap@counter").stdout for one in ("ExecMainStatus", "NRestarts")]
    assert shown == ["77\n", "0\n"]
    sealed.run("journalctl --sync")
    log = sealed.run("journalctl -u tap@counter").stdout
    assert "sealed, and there is neither a passphrase nor a terminal" in log
    assert "the credential tap-passphrase" in log


PLAIN = "install -m 600 /root/secret /etc/credstore/{}"
ENCRYPTED = "systemd-creds encrypt --name=tap-passphrase /root/secret /etc/credstore.encrypted/{}"


@pytest.mark.parametrize("store", [PLAIN, ENCRYPTED], ids=["plain", "encrypted"])
@pytest.mark.parametrize("name", ["tap-passphrase", "tap-passphrase.counter"])
def test_the_credential_opens_it(sealed, store, name):
    """From either store, common or its own: it starts, restarts and reloads, the count goes on, all that it leaves
    is sealed."""
    sealed.run(store.format(name) + " && systemctl daemon-reload && systemctl start tap@counter")
    first = count(sealed)
    sealed.run("systemctl restart tap@counter")
    assert count(sealed) == first + 1
    sealed.run("systemctl reload tap@counter")
    assert count(sealed) == first + 2
    sealed.run("systemctl stop tap@counter && systemctl start tap@counter")
    assert count(sealed) == first + 3
    sealed.run("journalctl --sync")
    assert "resumed /var/lib/tap/counter/counter-shutdown.tap" in sealed.run("journalctl -u tap@counter").stdout
    for path in ("/etc/tap/counter.tap", "/var/lib/private/tap/counter/counter-shutdown.tap"):
        data = sealed.read(path)
        assert b"Counter" not in data
        assert b"render_GET" not in data
    assert SECRET not in sealed.run("journalctl -u tap@counter -o json --all; systemctl show tap@counter").stdout


def test_a_drop_in_of_the_administrators(sealed):
    """systemctl edit with a credential of his own, in place of the generator's."""
    sealed.write(
        "/etc/systemd/system/tap@counter.service.d/secret.conf",
        f"[Service]\nLoadCredential=\nLoadCredential=tap:/etc/tap/counter.tap\nSetCredential=tap-passphrase:{SECRET}\n",
    )
    sealed.run("systemctl daemon-reload && systemctl start tap@counter")
    assert count(sealed) >= 1


def test_a_wrong_passphrase_says_so(sealed):
    """77, and the snapshot stays where it is."""
    sealed.write("/etc/credstore/tap-passphrase", "another one\n", 0o600)
    assert sealed.run("systemctl daemon-reload; systemctl start tap@counter", check=False).returncode == 1
    sealed.run("journalctl --sync")
    assert "this passphrase does not open it" in sealed.run("journalctl -u tap@counter").stdout
    assert "counter-shutdown.tap" in sealed.run("ls /var/lib/private/tap/counter").stdout


def test_root_looks_into_the_snapshot(sealed):
    """tapctl show, diff and edit, as root, of what the dynamic user wrote; it stays that user's, and is resumed."""
    sealed.run(PLAIN.format("tap-passphrase") + " && systemctl daemon-reload && systemctl start tap@counter")
    before = count(sealed)
    sealed.run("systemctl stop tap@counter")
    snapshot, secret = "/var/lib/tap/counter/counter-shutdown.tap", "--passphrase-file /root/secret"
    done = sealed.run(f"tapctl diff {secret} counter {snapshot}", check=False)
    assert done.returncode == 1
    assert f"resource.count @@\n+{before}\n" in done.stdout
    owner = sealed.run(f"stat -c %u:%g:%a {snapshot}").stdout
    sealed.run(f'EDITOR="sed -i s/:.{before}/:1000/" tapctl edit {secret} {snapshot}')
    assert sealed.run(f"stat -c %u:%g:%a {snapshot}").stdout == owner
    sealed.run("systemctl start tap@counter")
    assert count(sealed) == 1001
