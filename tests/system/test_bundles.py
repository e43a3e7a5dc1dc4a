"""tap2deb --bundle: made where Twisted is, installed where nothing but python3 and systemd is."""

from __future__ import annotations

import re
import subprocess
import sys

import applications
import checkers
import pytest
from machine import machine
from test_packages import WHO

LISTING = "find / -xdev -path /proc -prune -o -path /run -prune -o -path /var/log -prune -o -name '*counter*' -print"


@pytest.fixture(scope="module")
def plain(debian):
    """A machine of the same release that has never seen Twisted."""
    with machine(debian.suite, plain=True) as booted:
        yield booted


@pytest.fixture(scope="module")
def bundles(debian, plain):
    """Two versions of the counter, bundled from Debian's own packages; on the plain machine's disk."""
    debian.write("/root/counter.tac", applications.counter())
    for version in ("1.0", "1.1"):
        debian.run(f"cd /root && mktap -y counter.tac && tap2deb -q --bundle {WHO} -V {version} counter.tap")
        name = f"tap-counter_{version}-0tap1_{architecture(debian)}.deb"
        plain.write(f"/root/{name}", debian.read(f"/root/{name}"))
    return plain


def architecture(machine) -> str:
    return machine.run("dpkg --print-architecture").stdout.strip()


def install(machine, name: str, version: str = "1.0") -> None:
    machine.run(f"apt-get install -y --allow-downgrades /root/tap-{name}_{version}-0tap1_{architecture(machine)}.deb")


def get(machine, url: str) -> str:
    """There is no curl."""
    script = (
        "import ssl, urllib.request as u; c = ssl._create_unverified_context(); "
        f"print(u.urlopen('{url}', context=c if '{url}'.startswith('https') else None, timeout=20).read().decode())"
    )
    return machine.run(f'python3 -c "{script}"').stdout.strip()


def test_nothing_but_python3(plain):
    """What the others rest on."""
    assert plain.run("python3 -c 'import twisted'", check=False).returncode == 1
    assert plain.run("command -v tapd curl", check=False).returncode != 0


def test_a_bundle_serves_reloads_and_is_upgraded(bundles):
    """Installed by apt without a network: active, enabled, on its state through reload, restart and upgrade."""
    install(bundles, "counter")
    told = bundles.run("systemctl is-active tap@counter; systemctl is-enabled tap@counter").stdout
    assert told.split() == ["active", "enabled"]
    assert get(bundles, "http://127.0.0.1/both") == "one 1"
    bundles.run("systemctl reload tap@counter")
    assert get(bundles, "http://127.0.0.1/both") == "one 2"
    bundles.run("systemctl restart tap@counter")
    assert get(bundles, "http://127.0.0.1/both") == "one 3"
    install(bundles, "counter", "1.1")
    assert get(bundles, "http://127.0.0.1/both") == "one 4"
    assert "ready: tcp4:0.0.0.0:80" in bundles.run("journalctl -u tap@counter").stdout
    assert bundles.run("find /usr/lib/tap-counter -name 'application.*.pyc' | head -1").stdout
    assert bundles.run("dpkg --verify tap-counter").stdout == ""


def test_its_units_have_nothing_to_be_ashamed_of(bundles):
    """Verify is silent, the exposure at most 1.3."""
    install(bundles, "counter")
    assert bundles.run("systemd-analyze verify --man=no tap@counter.service tap@counter.socket").stderr == ""
    told = bundles.run("systemd-analyze security --no-pager tap@counter | tail -1").stdout
    assert float(told.split(":")[1].split()[0]) <= 1.3


def test_an_administrators_tap_runs_with_the_bundles_tapd(bundles, debian):
    """/etc/tap/counter.tap stands before the package's, by the bundle's own generator."""
    install(bundles, "counter")
    debian.write("/root/mine/counter.tac", applications.counter("mine", 82))
    debian.run("cd /root/mine && mktap -y counter.tac")
    bundles.write("/etc/tap/counter.tap", debian.read("/root/mine/counter.tap"), 0o600)
    bundles.run("systemctl daemon-reload && systemctl restart tap@counter.socket tap@counter")
    assert get(bundles, "http://127.0.0.1:82/both").startswith("mine ")
    bundles.run("rm -r /etc/tap && systemctl daemon-reload && systemctl restart tap@counter.socket tap@counter")
    assert get(bundles, "http://127.0.0.1/both").startswith("one ")


def test_a_purge_leaves_nothing(bundles):
    """No byte code, no state, no unit, no link."""
    install(bundles, "counter")
    get(bundles, "http://127.0.0.1/both")
    bundles.run("apt-get purge -y tap-counter")
    assert set(bundles.run(LISTING).stdout.split()) == {
        f"/root/tap-counter_{version}-0tap1_{architecture(bundles)}.deb" for version in ("1.0", "1.1")
    }


def test_tls_with_a_key_of_this_host(debian, plain):
    """The bundle has what TLS needs, found by the endpoint; its generator hands the root-only key over."""
    debian.run(
        "mkdir -p /etc/keys /srv/www && chmod 700 /etc/keys && cd /etc/keys && "
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out cert.pem && chmod 600 *.pem && "
        "cd /root && mktap -o tls.tap web --path /srv/www "
        "--listen ssl:443:privateKey=/etc/keys/key.pem:certKey=/etc/keys/cert.pem && "
        f"tap2deb -q --bundle {WHO} tls.tap"
    )
    name = f"tap-tls_1.0-0tap1_{architecture(debian)}.deb"
    for file in ("/etc/keys/key.pem", "/etc/keys/cert.pem"):
        plain.write(file, debian.read(file), 0o600)
    plain.run("chmod 700 /etc/keys")
    plain.write("/srv/www/x", "sealed\n")
    plain.write(f"/root/{name}", debian.read(f"/root/{name}"))
    depends = debian.run(f"dpkg-deb -f /root/{name} Depends").stdout
    missing = re.findall(r"lib(?:ssl|ffi)\w*", depends)
    assert missing, depends
    debs = {one.partition(" ")[0] for one in depends.strip().split(", ")} - {"python3", "systemd"}
    absent = [one for one in sorted(debs) if plain.run(f"dpkg -s {one}", check=False).returncode]
    assert not absent, f"the plain root lacks {absent}"
    install(plain, "tls")
    assert get(plain, "https://127.0.0.1/x") == "sealed"
    plain.run("apt-get purge -y tap-tls")


def test_lintian_has_nothing_to_say(debian, bundles):
    """Errors, warnings, infos and pedantic tags: none, for parts that were built by Debian."""
    assert checkers.lintian(debian, "/root/tap-counter_1.0-*.deb") == []


def test_piuparts_passes(debian, bundles):
    """Install, upgrade and purge in a bare chroot."""
    checkers.piuparts(debian, "plain", "/root/tap-counter_1.0-*.deb", "/root/tap-counter_1.1-*.deb")


def test_a_bundle_of_the_newest_twisted(debian, plain, tmp_path):
    """Made here, from PyPI's wheels; it goes where Python is the same, and apt says so where it is not."""
    tool = [sys.executable, "-P", "-m"]
    site = ["web", "--path", "/srv/www", "--listen", "tcp:83"]
    subprocess.run([*tool, "tapdaemon.cli.mktap", "-o", "site.tap", *site], cwd=tmp_path, check=True)
    who = ["-m", "Ann Example <ann@example.org>"]
    subprocess.run([*tool, "tapdaemon.cli.tap2deb", "-q", "--bundle", *who, "site.tap"], cwd=tmp_path, check=True)
    (made,) = tmp_path.glob("*.deb")
    plain.write(f"/root/{made.name}", made.read_bytes())
    plain.write("/srv/www/x", "newest\n")
    done = plain.run(f"apt-get install -y /root/{made.name}", check=False)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if plain.run("python3 -V").stdout.startswith(f"Python {here}."):
        assert done.returncode == 0, done.stderr
        assert get(plain, "http://127.0.0.1:83/x") == "newest"
        plain.run("apt-get purge -y tap-site")
    else:
        assert done.returncode == 100
        assert re.search(r"Depends: python3 \(<", done.stdout + done.stderr)
