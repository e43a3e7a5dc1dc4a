"""tap2rpm as a command: the binary and the source package, the same bytes everywhere, and words that stay words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import built_twice, command, mktap, run

pytestmark = pytest.mark.skipif(
    shutil.which("rpmbuild") is None and not os.environ.get("CI"), reason="SKIPPED: there is no rpmbuild here"
)
PROJECT = Path(__file__).resolve().parents[2]
WHO = "Ann Example <ann@example.org>"
RPM, SOURCE = "tap-web-1.0-1.noarch.rpm", "tap-web-1.0-1.src.rpm"
HOSTILE = "%(touch mark) %{lua:os.execute('touch mark')} $(touch mark) `touch mark`"


@pytest.fixture
def web(tmp_path):
    """A web.tap."""
    mktap("web", "--path", tmp_path, "--listen", "tcp:80", cwd=tmp_path)
    return tmp_path / "web.tap"


def query(package, *what: str) -> list[str]:
    done = subprocess.run(["rpm", "-qp", "--nosignature", *what, package], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_package_and_its_source(tmp_path, web):
    """What is inside, what it requires; the closing lines; nothing else is left."""
    done = run("tap2rpm", "-m", WHO, "web.tap", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith(f"./{RPM}: ")
    assert first.endswith(
        f"; depends on tapdaemon >= 0.1.0, python3dist(twisted); install it with: dnf install ./{RPM}"
    )
    assert second.startswith(f"./{SOURCE}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == [RPM, SOURCE, "web.tap"]
    assert query(tmp_path / RPM, "-l") == [
        "/usr/lib/systemd/system/tap@web.service",
        "/usr/lib/systemd/system/tap@web.socket",
        "/usr/lib/tap",
        "/usr/lib/tap/web.tap",
        "/usr/share/doc/tap-web/README",
        "/usr/share/doc/tap-web/copyright",
    ]
    required = query(tmp_path / RPM, "--requires")
    assert {"tapdaemon >= 0.1.0", "python3dist(twisted)", "systemd"} <= set(required)
    assert set(query(tmp_path / RPM, "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME}\n]")) == {
        "-rw-r--r-- root", "drwxr-xr-x root",
    }  # fmt: skip


def test_the_source_package_builds_the_same(tmp_path, web):
    """rpmbuild --rebuild, elsewhere."""
    run("tap2rpm", "-q", "-m", WHO, "web.tap", cwd=tmp_path)
    command = ["rpmbuild", "--rebuild", "--define", f"_topdir {tmp_path}/build", tmp_path / SOURCE]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = (tmp_path / "build" / "RPMS").rglob("*.rpm")
    assert query(made, "-l") == query(tmp_path / RPM, "-l")
    assert query(made, "--scripts") == query(tmp_path / RPM, "--scripts")


@pytest.mark.skipif(
    shutil.which("rpmlint") is None and not os.environ.get("CI"), reason="SKIPPED: there is no rpmlint here"
)
@pytest.mark.parametrize("options", [[], ["--bundle"]])
def test_rpmlint_has_nothing_to_say(tmp_path, web, options):
    """No error and no warning, of the binary and the source package, with the few reasons of packaging/rpmlint.toml."""
    run("tap2rpm", "-q", "-m", WHO, *options, "web.tap", cwd=tmp_path)
    told = subprocess.run(
        ["rpmlint", "-c", PROJECT / "packaging" / "rpmlint.toml", *tmp_path.glob("*.rpm")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert " 0 errors, 0 warnings" in told.stdout, told.stdout


def test_a_bundle_for_this_machine(tmp_path, web):
    """Of its architecture where parts are compiled, for this version of Python, and without requiring a module."""
    done = run("tap2rpm", "-m", WHO, "--bundle", "web.tap", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (binary,) = (path for path in tmp_path.glob("*.rpm") if ".src." not in path.name)
    required = query(binary, "--requires")
    assert f"python(abi) = {sys.version_info[0]}.{sys.version_info[1]}" in required
    assert not any("twisted" in one or "tapdaemon" in one for one in required)
    assert "/usr/lib/tap-web/modules/twisted/internet/reactor.py" in query(binary, "-l")
    assert not any(".so" in one for one in query(binary, "--provides"))
    if not binary.name.endswith(".noarch.rpm"):
        assert any(one.startswith("libc.so.6") for one in required)


@pytest.mark.skipif(shutil.which("gpg") is None and not os.environ.get("CI"), reason="SKIPPED: there is no gpg here")
def test_signed_packages(tmp_path, web):
    """--sign KEY: both, and rpm verifies them with the key."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    gpg = ["gpg", "--batch", "--passphrase", ""]
    subprocess.run(
        [*gpg, "--quick-generate-key", "Ann <ann@x.org>"], check=True, env=os.environ | env, capture_output=True
    )
    try:
        done = run("tap2rpm", "-q", "-m", WHO, "--sign", "ann@x.org", "web.tap", cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        exported = subprocess.run([*gpg, "--export", "-a"], check=True, env=os.environ | env, capture_output=True)
        (tmp_path / "key.asc").write_bytes(exported.stdout)
        rpmkeys = ["rpmkeys", "--define", f"_dbpath {tmp_path / 'keys'}"]
        subprocess.run([*rpmkeys, "--import", tmp_path / "key.asc"], check=True)
        for name in (RPM, SOURCE):
            told = subprocess.run([*rpmkeys, "-Kv", tmp_path / name], check=True, capture_output=True, text=True).stdout
            assert re.search(r"[Ss]ignature, key .*: OK", told), told
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=os.environ | env, check=False)


def test_the_same_input_gives_the_same_bytes(tmp_path, web):
    """Both packages, under another umask, time zone, folder, home and time."""
    assert len(built_twice(web, command("tap2rpm", "-q", "-m", WHO), [RPM, SOURCE])) == 1


def test_hostile_words_run_nothing(tmp_path):
    """In the application's name and the descriptions: literal in the package, and no mark is left."""
    mktap("-n", HOSTILE, "web", "--path", tmp_path, "--listen", "tcp:80", cwd=tmp_path)
    done = run(
        "tap2rpm", "-q", "-m", WHO, "-e", HOSTILE, "-l", f"{HOSTILE}\n\n%files\n\n%post", "web.tap",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert query(tmp_path / RPM, "--qf", "%{SUMMARY}\n%{PACKAGER}\n") == [HOSTILE, WHO]
    described = query(tmp_path / RPM, "--qf", "%{DESCRIPTION}")
    assert described[-3:] == ["- %files", "", "- %post"]
    assert " ".join(described[:-4]).removeprefix("- ") == HOSTILE
    assert not list(tmp_path.rglob("mark"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["none.tap"], 66, "tap2rpm: none.tap: no such tap"),
        (["-V", "1-2", "web.tap"], 64, "tap2rpm: version '1-2': dpkg or rpm would refuse it"),
        (["-m", f"{HOSTILE} <a@x>", "web.tap"], 64, "no name with an address"),
        (["-o", "nowhere", "web.tap"], 73, "nowhere: no such folder"),
    ],
)
def test_bad_input(tmp_path, web, arguments, status, message):
    """One message, its status, and nothing half-written."""
    done = run("tap2rpm", "-m", WHO, *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert message in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.tap"]


def test_a_missing_rpmbuild_is_named_with_its_package(tmp_path, web):
    """69."""
    done = run("tap2rpm", "-m", WHO, "web.tap", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 69
    assert done.stderr.endswith("tap2rpm: rpmbuild: not installed here; install rpm (rpm-build on Fedora)\n")
