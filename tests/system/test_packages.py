"""tap2deb's packages on a booted Debian: every row of a package's life, built where the project's own package is."""

from __future__ import annotations

import subprocess
import sys

import applications
import checkers
import pytest
from test_readme import commands

PACKAGED = True
WHO = "-m 'Ann Example <ann@example.org>'"


@pytest.fixture(scope="module")
def packaged(debian):
    """The project's own package, built here by debhelper and installed by apt."""
    debian.run("cd /root/tapdaemon && make deb")
    debian.run("apt-get install -y /root/tapdaemon/dist/tapdaemon_*.deb")
    make(debian, "1.0")
    make(debian, "1.1")
    return debian


def make(machine, version: str, word: str = "one", port: int = 80, options: str = "") -> str:
    """A package of the counter; its path."""
    machine.write("/root/counter.tac", applications.counter(word, port))
    machine.run(f"cd /root && mktap -y counter.tac {options} && tap2deb -q {WHO} -V {version} counter.tap")
    return deb(version)


def deb(version: str) -> str:
    return f"/root/tap-counter_{version}-0tap1_all.deb"


def install(machine, version: str) -> None:
    machine.run(f"apt-get install -y {deb(version)}")


def get(machine, port: int = 80) -> str:
    return machine.run(f"curl -sf -m 20 http://127.0.0.1:{port}/both").stdout


def state(machine) -> tuple[str, str]:
    """Whether it is active, and whether it is enabled."""
    told = machine.run("systemctl is-active tap@counter; systemctl is-enabled tap@counter", check=False).stdout.split()
    assert told[0] != "failed", machine.run("systemctl status tap@counter; journalctl -u tap@counter | tail -30").stdout
    return told[0], told[1]


@pytest.fixture
def fresh(packaged):
    """1.0, installed on a machine that never had it."""
    packaged.run("rm -f /etc/tap/counter.tap; systemctl unmask tap@counter 2>/dev/null")
    packaged.run("apt-get purge -y tap-counter; systemctl reset-failed")
    install(packaged, "1.0")
    return packaged


def test_a_fresh_install_is_enabled_and_active(fresh):
    """apt install, curl, journalctl."""
    assert state(fresh) == ("active", "enabled")
    assert get(fresh) == "one 1"
    assert "ready: tcp4:0.0.0.0:80" in fresh.run("journalctl --sync; journalctl -u tap@counter").stdout
    assert fresh.run("dpkg --verify tap-counter").stdout == ""
    assert "(idx: 0)" not in fresh.run("systemctl status tap@counter").stdout


def test_an_upgrade_restarts_it_on_the_same_socket_with_its_state(fresh):
    """An unchanged tap goes on from its snapshot."""
    inode = "ss -Hltne sport = :80 | grep -o 'ino:[0-9]*'"
    pid, before = fresh.run("systemctl show -P MainPID tap@counter").stdout, fresh.run(inode).stdout
    assert get(fresh) == "one 1"
    install(fresh, "1.1")
    assert fresh.run("systemctl show -P MainPID tap@counter").stdout != pid
    assert fresh.run(inode).stdout == before
    assert get(fresh) == "one 2"


def test_an_upgrade_with_a_changed_tap(fresh):
    """It starts from the new one, on its new address, and goes on from what the old one had become."""
    assert get(fresh) == "one 1"
    make(fresh, "2.0", "two", 81)
    install(fresh, "2.0")
    assert get(fresh, 81) == "two 2"
    fresh.closed("http://127.0.0.1:80/")


def test_disabled_and_stopped_stays_so(fresh):
    """The administrator's word outlives an upgrade."""
    fresh.run("systemctl disable --now tap@counter")
    install(fresh, "1.1")
    assert state(fresh) == ("inactive", "disabled")


def test_stopped_but_enabled_is_started(fresh):
    """Debian's norm."""
    fresh.run("systemctl stop tap@counter")
    install(fresh, "1.1")
    assert state(fresh) == ("active", "enabled")


def test_masked_stays_masked(fresh):
    """And is not started."""
    fresh.run("systemctl stop tap@counter; systemctl mask tap@counter")
    install(fresh, "1.1")
    assert state(fresh) == ("inactive", "masked")


def test_removed_it_is_stopped(fresh):
    """Service and socket; the state stays until a purge."""
    get(fresh)
    fresh.run("apt-get remove -y tap-counter")
    fresh.closed()
    assert fresh.run("systemctl is-active tap@counter.service tap@counter.socket", check=False).stdout.split() == [
        "inactive", "inactive",
    ]  # fmt: skip
    assert "counter-shutdown.tap" in fresh.run("ls /var/lib/private/tap/counter").stdout
    install(fresh, "1.0")
    assert (state(fresh), get(fresh)) == (("active", "enabled"), "one 2")


def test_disabled_removed_and_reinstalled_is_disabled(fresh):
    """deb-systemd-helper remembers."""
    fresh.run("systemctl disable --now tap@counter; apt-get remove -y tap-counter")
    install(fresh, "1.0")
    assert state(fresh) == ("inactive", "disabled")


def test_policy_rc_d_is_obeyed(packaged):
    """101: installed, enabled, not started."""
    packaged.run("dpkg --purge tap-counter; systemctl reset-failed")
    packaged.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    install(packaged, "1.0")
    assert state(packaged) == ("inactive", "enabled")
    packaged.run("rm /usr/sbin/policy-rc.d")


def test_a_purge_leaves_nothing(fresh):
    """No unit, no link, no state, no record of deb-systemd-helper's."""
    get(fresh)
    fresh.run("apt-get purge -y tap-counter")
    left = "find /etc /var/lib /run/systemd /usr/lib/systemd /usr/lib/tap /usr/share/doc -xdev -name '*counter*'"
    assert fresh.run(f"{left} 2>/dev/null; true").stdout == ""


def test_drop_ins_survive_an_upgrade(fresh):
    """What the administrator says of the unit holds before and after."""
    fresh.write("/etc/systemd/system/tap@counter.service.d/mine.conf", "[Service]\nEnvironment=MINE=1\n")
    fresh.run("systemctl daemon-reload")
    install(fresh, "1.1")
    assert fresh.run("systemctl show -P Environment tap@counter").stdout == "MINE=1\n"
    fresh.run("rm -r /etc/systemd/system/tap@counter.service.d")


def test_an_administrators_tap_stands_before_the_packages(fresh):
    """/etc/tap/counter.tap: the generator writes the whole unit, and its port is the one that is served."""
    fresh.write("/root/counter.tac", applications.counter("mine", 82))
    fresh.run("cd /root && mktap -y counter.tac && install -m 600 counter.tap /etc/tap/ && systemctl daemon-reload")
    # Both, as the manual page says after a change of addresses: the socket of a stopped service closes a moment later.
    fresh.run("systemctl restart tap@counter.socket tap@counter")
    assert get(fresh, 82) == "mine 1"
    fresh.run("rm /etc/tap/counter.tap && systemctl daemon-reload && systemctl restart tap@counter.socket tap@counter")
    assert get(fresh) == "one 2"  # on the same state: it is the same application by name and services


def test_a_user_of_its_own(packaged):
    """mktap -u: sysusers makes him, the process is his, tmpfiles makes his folder."""
    packaged.run("dpkg --purge tap-counter; systemctl reset-failed")
    make(packaged, "3.0", options="-u tapper --writable /srv/spool")
    install(packaged, "3.0")
    assert get(packaged) == "one 1"
    pid = packaged.run("systemctl show -P MainPID tap@counter").stdout.strip()
    assert packaged.run(f"stat -c %U /proc/{pid} /srv/spool").stdout == "tapper\ntapper\n"


def test_a_key_of_this_host(packaged):
    """The package names the key; the generator sees who may read it here, and passes it."""
    packaged.run(
        "dpkg --purge tap-counter; mkdir -p /etc/keys /srv/www && chmod 700 /etc/keys && echo sealed >/srv/www/x && "
        "cd /etc/keys && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out cert.pem && "
        "chmod 600 *.pem && cd /root && mktap -o tls.tap web --path /srv/www "
        "--listen ssl:443:privateKey=/etc/keys/key.pem:certKey=/etc/keys/cert.pem && "
        f"tap2deb -q {WHO} tls.tap && apt-get install -y ./tap-tls_1.0-0tap1_all.deb"
    )
    assert packaged.run("curl -skf https://127.0.0.1/x").stdout == "sealed\n"
    packaged.run("dpkg --purge tap-tls")


@pytest.fixture(scope="module")
def three(packaged):
    """web, ftp, and a .tac with modules of its own, in two versions each: their packages, older and newer."""
    packaged.write("/root/shop/views/__init__.py", "import shelf\nTITLE = 'shop'\n")
    packaged.write("/root/shop/shelf.py", "BOOKS = 3\n")
    packaged.write("/root/shop/shop.tac", applications.counter(port=8088, more="import views"))
    packaged.run(
        "cd /root/shop && PYTHONPATH=. mktap -y shop.tac && "
        "mktap web --path /srv/www --listen tcp:8080 && mktap ftp --port 8021 --root /srv/www"
    )
    for version in ("1", "2"):
        for tap in ("web", "ftp", "shop"):
            packaged.run(f"cd /root/shop && tap2deb -q {WHO} -V {version} {tap}.tap")
    assert "code/views/__init__.py" in packaged.run("tapctl show /root/shop/shop.tap").stdout
    return "/root/shop/tap-*_1-*.deb", "/root/shop/tap-*_2-*.deb"


def test_lintian_has_nothing_to_say(packaged, three):
    """Errors, warnings, infos and pedantic tags, of all three; nothing is suppressed on either release."""
    assert checkers.lintian(packaged, three[0]) == []


def test_piuparts_passes(packaged, three):
    """Install, upgrade and purge, all three at once, with the project's own package."""
    ours = "/root/tapdaemon/dist/tapdaemon_*.deb"
    checkers.piuparts(packaged, "full", f"{ours} {three[0]}", f"{ours} {three[1]}")


def test_the_source_package_builds(packaged, three):
    """tap2deb --source, then dpkg-buildpackage: the same files and scripts as the deb has."""
    packaged.run(
        f"cd /root/shop && tap2deb -q {WHO} -V 3 --source shop.tap && rm -rf tree && dpkg-source -x *_3-*.dsc tree"
    )
    packaged.run(
        "cd /root/shop/tree && dpkg-buildpackage -us -uc -b --ignore-builtin-builddeps"
    )  # it writes over the deb beside it
    packaged.run(f"mkdir -p /root/again && cd /root/again && tap2deb -q {WHO} -V 3 ../shop/shop.tap")
    built = [packaged.run(f"dpkg-deb -c {at}/tap-shop_3-*.deb | awk '{{print $1, $2, $NF}}'").stdout
             for at in ("/root/shop", "/root/again")]  # fmt: skip
    assert built[0] == built[1]
    packaged.run("for at in shop again; do dpkg-deb -e /root/$at/tap-shop_3-*.deb /root/$at/control; done")
    for script in ("postinst", "prerm", "postrm", "preinst"):
        packaged.run(f"diff -B /root/shop/control/{script} /root/again/control/{script}")


def test_systemd_has_nothing_to_say(fresh):
    """Verify is silent; the exposure is at most 1.3."""
    assert fresh.run("systemd-analyze verify --man=no tap@counter.service tap@counter.socket").stderr == ""
    told = fresh.run("systemd-analyze security --no-pager tap@counter | tail -1").stdout
    assert float(told.split(":")[1].split()[0]) <= 1.3


def test_another_user_builds_the_same_bytes(packaged):
    """www-data, elsewhere, later."""
    packaged.write("/root/counter.tac", applications.counter())
    packaged.run("cd /root && mktap -y counter.tac && tap2deb -q -V 9 -m 'A <a@x>' counter.tap")
    packaged.run(
        "install -d -o www-data /srv/build && install -o www-data /root/counter.tap /srv/build/ && cd /srv/build && "
        "runuser -u www-data -- env TZ=Asia/Tokyo sh -c \"umask 077; tap2deb -q -V 9 -m 'A <a@x>' counter.tap\""
    )
    sums = packaged.run("sha256sum /root/tap-counter_9-0tap1_all.deb /srv/build/tap-counter_9-0tap1_all.deb").stdout
    assert len({line.split()[0] for line in sums.splitlines()}) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tapd --ins", "--instance"),
        ("tapctl u", "unit"),
        ("mktap portf", "portforward"),
        ("tap2deb --unit", "--unit-only"),
        ("tap2rpm --rpm", "--rpmfile"),
    ],
)
def test_shells_complete_the_commands(packaged, words, expected):
    """As bash does it, with the file that the package lays down."""
    program, word = words.split()
    script = (
        f". /usr/share/bash-completion/completions/{program}; COMP_WORDS=({words}); COMP_CWORD=1; "
        f'_{program}_completion {program} {word} {program}; echo "${{COMPREPLY[@]}}"'
    )
    assert packaged.run(f"bash -c '{script}'").stdout.split() == [expected]
    for place in (f"zsh/vendor-completions/_{program}", f"fish/vendor_completions.d/{program}.fish"):
        assert packaged.run(f"test -s /usr/share/{place}", check=False).returncode == 0


def test_the_projects_own_package(packaged):
    """Its autopkgtest passes, and lintian names but the tag of a package that Debian does not have yet."""
    packaged.run("dpkg --purge tap-counter; install -d /tmp/autopkgtest")
    packaged.run("AUTOPKGTEST_TMP=/tmp/autopkgtest /root/tapdaemon/debian/tests/web")
    packaged.run("rm /etc/tap/web.tap; systemctl daemon-reload")
    done = packaged.run("lintian --allow-root -E -I --pedantic /root/tapdaemon/dist/tapdaemon_*.deb", check=False)
    tags = {line.split()[2] for line in done.stdout.splitlines() if line.startswith(("E:", "W:", "I:", "P:"))}
    assert tags <= {"initial-upload-closes-no-bugs"}, done.stdout


def test_the_readmes_own_lines(packaged):
    """tap2deb, apt and tap2rpm, as they stand there."""
    packaged.run("dpkg --purge tap-counter; mkdir -p /srv/www && echo shipped >/srv/www/x")
    packaged.run("cd /root && mktap web --path /srv/www --listen tcp:80")
    lines = commands("tap2deb", "apt", "tap2rpm")
    assert len(lines) == 4
    for line in lines:
        packaged.run(f"cd /root && {line}")
    assert packaged.run("curl -sf http://127.0.0.1/x").stdout == "shipped\n"
    packaged.run("dpkg --purge tap-web")


def test_a_tap_made_under_the_newest_twisted(packaged, tmp_path):
    """Made here, packaged and served there: no version bound stands in its way."""
    command = [sys.executable, "-P", "-m", "tapdaemon.cli.mktap", "-o", tmp_path / "site.tap"]
    subprocess.run([*command, "web", "--path", "/srv/www", "--listen", "tcp:83"], check=True, capture_output=True)
    packaged.write("/root/site.tap", (tmp_path / "site.tap").read_bytes(), 0o600)
    packaged.run("mkdir -p /srv/www && echo newest >/srv/www/x")
    packaged.run(f"cd /root && tap2deb -q {WHO} site.tap && apt-get install -y ./tap-site_1.0-0tap1_all.deb")
    assert packaged.run("curl -sf http://127.0.0.1:83/x").stdout == "newest\n"
    packaged.run("apt-get purge -y tap-site")


def test_the_projects_own_rpm(packaged):
    """make rpm: built with Debian's rpm and installed with it, over what apt had installed."""
    packaged.run("cd /root/tapdaemon && make rpm")
    packaged.run("rpm -Uvh --nodeps --replacefiles /root/tapdaemon/dist/tapdaemon-*.noarch.rpm")
    assert "/usr/lib/systemd/system/tap@.socket" in packaged.run("rpm -ql tapdaemon").stdout
    assert packaged.run("rpm -V --nodeps tapdaemon", check=False).stdout == ""
    assert packaged.run("tapd --version").stdout.startswith("tapd (tapdaemon) ")


def test_a_sealed_tap_is_packaged_too(packaged):
    """From what is in the clear: it depends on cryptography, and the passphrase is the host's."""
    packaged.write("/root/secret", "correct horse\n", 0o600)
    packaged.run("mkdir -p -m 700 /etc/credstore.encrypted")
    packaged.run("systemd-creds encrypt --name=tap-passphrase /root/secret /etc/credstore.encrypted/tap-passphrase")
    packaged.run("systemctl unmask tap@counter 2>/dev/null; apt-get purge -y tap-counter; systemctl reset-failed")
    make(packaged, "9.0", options="--passphrase-file secret")
    assert "python3-cryptography" in packaged.run(f"dpkg-deb -f {deb('9.0')} Depends").stdout
    install(packaged, "9.0")
    assert get(packaged) == "one 1"
    packaged.run("systemctl restart tap@counter")
    assert get(packaged) == "one 2"
    packaged.run("apt-get purge -y tap-counter; rm /etc/credstore.encrypted/tap-passphrase")
