"""tap2rpm as a command: the binary and the source package, the same bytes everywhere, and words that stay words."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from conftest import built_twice, command, mktap, run

pytestmark = pytest.mark.skipif(
    shutil.which("rpmbuild") is None and not os.environ.get("CI"), reason="SKIPPED: there is no rpmbuild here"
)
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


def test_the_same_input_gives_the_same_bytes(tmp_path, web):
    """Both packages, under another umask, time zone, folder, home and time."""
    assert len(built_twice(web, command("tap2rpm", "-q", "-m", WHO), [RPM, SOURCE])) == 1


def test_hostile_words_run_nothing(tmp_path):
    """In the application's name, the descriptions and the maintainer: literal in the package, and no mark is left."""
    mktap("-n", HOSTILE, "web", "--path", tmp_path, "--listen", "tcp:80", cwd=tmp_path)
    done = run(
        "tap2rpm", "-q", "-m", f"{HOSTILE} <a@x>", "-e", HOSTILE, "-l", f"{HOSTILE}\n\n%files\n\n%post", "web.tap",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert query(tmp_path / RPM, "--qf", "%{SUMMARY}\n%{PACKAGER}\n") == [HOSTILE, f"{HOSTILE} <a@x>"]
    described = query(tmp_path / RPM, "--qf", "%{DESCRIPTION}")
    assert described[-3:] == ["- %files", "", "- %post"]
    assert " ".join(described[:-4]).removeprefix("- ") == HOSTILE
    assert not list(tmp_path.rglob("mark"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["none.tap"], 66, "tap2rpm: none.tap: no such tap"),
        (["-V", "1-2", "web.tap"], 64, "tap2rpm: version '1-2': dpkg or rpm would refuse it"),
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
