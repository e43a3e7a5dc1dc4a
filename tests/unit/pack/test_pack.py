"""Packages as data: names, dependencies, control files and scripts; and what hostile words become in them."""

from __future__ import annotations

import gzip
import re
import subprocess

import pytest

import tapdaemon
from tapdaemon import errors
from tapdaemon.pack import closure, debian, package, request, scripts, tools
from tapdaemon.persist import images
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Listen, Process

HOSTILE = "%(id) %{lua:os.exit()} $(touch mark) `touch mark` \\ ' \" ; &&"


@pytest.fixture
def image():
    return images.make(tapdaemon.Application("web"))


def made(image, **more) -> package.Package:
    values = {
        "tap": "web",
        "manifest": image.manifest,
        "data": encode(image),
        "version": "1.0",
        "maintainer": "Ann Example <ann@example.org>",
        "summary": "Twisted application web",
        "description": ("One paragraph.", "And another."),
        "depends": ("tapdaemon (>= 0.1.0)", "python3-twisted"),
        "time": 1_700_000_000,
        "source": "web.tap",
    }
    return package.Package(**(values | more))


def listening(image, **process):
    needs = image.manifest.needs._replace(listen=(Listen("tcp4", "web", host="0.0.0.0", port=80),))
    return image.manifest._replace(needs=needs, process=Process("web", **process))


# ---- names and words


@pytest.mark.parametrize("name", ["web", "a", "irc.example", "x-1"])
def test_names_that_a_package_can_have(name):
    """Lower case, digits, dot and hyphen."""
    assert package.check_name(name) == name


@pytest.mark.parametrize("name", ["Web", "my_web", "-x", "a b", "", "é"])
def test_names_that_none_can_have(name):
    """The remedy names the option."""
    with pytest.raises(errors.UsageError, match="name another with -p"):
        package.check_name(name)


@pytest.mark.parametrize("version", ["1-2", "v1", "1:2", "", "1 2", "1\n", "1%{x}"])
def test_versions_that_dpkg_or_rpm_would_refuse(version):
    """Both have to take it."""
    with pytest.raises(errors.UsageError, match="dpkg or rpm would refuse it"):
        package.check_version(version)


@pytest.mark.parametrize(
    ("given", "environ", "git", "expected"),
    [
        ("Ann <a@x>", {"DEBEMAIL": "b@x", "DEBFULLNAME": "Bob"}, (), "Ann <a@x>"),
        (None, {"DEBEMAIL": "b@x", "DEBFULLNAME": "Bob"}, ("Git", "g@x"), "Bob <b@x>"),
        (None, {"DEBEMAIL": "Bob <b@x>"}, (), "Bob <b@x>"),
        (None, {"NAME": "Bob", "EMAIL": "b@x"}, (), "Bob <b@x>"),
        (None, {}, ("Git", "g@x"), "Git <g@x>"),
    ],
)
def test_who_answers_for_it(given, environ, git, expected):
    """-m, then DEBFULLNAME and DEBEMAIL, then git."""
    assert package.maintainer(given, environ, git) == expected


def test_nobody_answers_for_it():
    """An error that says how to name somebody; a name without an address is none."""
    for git in ((), ("", "")):
        with pytest.raises(errors.UsageError, match="DEBFULLNAME"):
            package.maintainer(None, {}, git)
    for given in ("Ann", "Ann <a@x>\nDepends: evil", "Ann <a@x>, Bob <b@x>"):
        with pytest.raises(errors.UsageError, match="no name with an address"):
            package.maintainer(given, {}, ())


def test_lines_are_lines():
    """A newline, an ESC or too much is refused before it reaches a control file."""
    for text in ("a\nDepends: evil", "\x1b[2J", "x" * 81, " "):
        with pytest.raises(errors.UsageError, match="not one line"):
            package.check_line("description", text)
    assert package.check_line("description", HOSTILE) == HOSTILE


# ---- dependencies


def test_the_order_of_names(tmp_path):
    """The dpkg database of this machine, dh-python's table, what is common, then a name that apt knows."""
    table = tmp_path / "table"
    table.write_text("# comment\nFoo_Bar python3-foobar\nother python3-other\n")
    info = tmp_path / "info"
    info.mkdir()
    (info / "python3-here.list").write_text("/.\n/usr/lib/python3/dist-packages/Here_It.Is-1.2.egg-info/PKG-INFO\n")
    (info / "python3-zope.interface:amd64.list").write_text(
        "/usr/lib/python3/dist-packages/zope.interface-5.5.dist-info/METADATA\n"
    )
    host = closure.this_host(str(table), str(info))
    host = closure.Host(host.table, host.installed, {"python3-guess": True}.get)
    found = closure.debian_packages(["foo.bar", "here-it-is", "Twisted", "zope.interface", "guess"], host)
    assert found == (
        "python3-foobar", "python3-guess", "python3-here", "python3-twisted", "python3-zope.interface",
    )  # fmt: skip


def test_what_cannot_be_named_is_listed_at_once():
    """All of it, with the ways out."""
    host = closure.Host({}, {}, lambda _: False)
    with pytest.raises(errors.TapError, match=r"one, two: no Debian package.*--depends"):
        closure.debian_packages(["two", "one", "twisted"], host)
    assert closure.nameable(["two", "one", "twisted"], host) == ("python3-twisted",)


# ---- the deb


def test_the_control_file(image):
    """Continuation lines, a dot between paragraphs, the alternatives for sysusers only where there is a user."""
    text = debian.control(made(image), 12)
    assert "\nDescription: Twisted application web\n One paragraph.\n .\n And another.\n" in text
    assert "\nDepends: python3:any, tapdaemon (>= 0.1.0), python3-twisted\n" in text
    named = made(image, manifest=listening(image, uid="webby"))
    assert "systemd | systemd-standalone-sysusers | systemd-sysusers" in debian.control(named, 1)


def test_the_files_of_a_package(image):
    """The tap, the units, the documents."""
    paths = [entry.path for entry in debian.files(made(image, manifest=listening(image)))]
    assert paths == [
        "/usr/lib/systemd/system/tap@web.service",
        "/usr/lib/systemd/system/tap@web.socket",
        "/usr/lib/tap/web.tap",
        "/usr/share/doc/tap-web/changelog.Debian.gz",
        "/usr/share/doc/tap-web/copyright",
    ]


def test_users_and_folders(image):
    """sysusers.d and tmpfiles.d; root and numbers are nobody's to make."""
    manifest = listening(image, uid="webby", gid="www")
    manifest = manifest._replace(needs=manifest.needs._replace(writable=("/srv/50%", "/srv/a b")))
    found = made(image, manifest=manifest)
    assert debian.sysusers(found) == 'g www -\nu webby -:www "Twisted application web" /var/lib/tap/web\n'
    assert debian.tmpfiles(found) == 'd "/srv/50%%" 0750 webby www -\n'
    for process in ({"uid": 0}, {"uid": "root"}, {"uid": 33}, {}):
        assert debian.sysusers(made(image, manifest=listening(image, **process))) == ""
    assert debian.tmpfiles(made(image)) == ""


def test_the_changelog_and_the_sums(image):
    """One entry of the package's own time; dpkg's sums of every file."""
    found = made(image)
    entries = debian.files(found)
    text = gzip.decompress(next(entry.content for entry in entries if "changelog" in entry.path)).decode()
    assert text.startswith("tap-web (1.0-0tap1) unstable; urgency=medium\n")
    assert text.endswith(" -- Ann Example <ann@example.org>  Tue, 14 Nov 2023 22:13:20 +0000\n")
    sums = debian.md5sums(entries).splitlines()
    assert len(sums) == len(entries)
    assert all(re.match(r"[0-9a-f]{32}  usr/", line) for line in sums)


def test_scripts_are_shell(image, tmp_path):
    """Each passes sh -n; only a package with sockets speaks of one."""
    found = made(image)
    for sockets in (True, False):
        texts = [
            scripts.postinst(found, sysusers=True, tmpfiles=True, sockets=sockets),
            scripts.prerm(found, sockets=sockets),
            scripts.postrm(found, sockets=sockets),
            scripts.preinst(found),
        ]
        for text in texts:
            subprocess.run(["sh", "-n"], input=text, text=True, check=True)
        assert ("tap@web.socket" in texts[0]) is sockets


def test_hostile_words_stay_words(image):
    """In every file that is text: literally there, one line, and no directive of its own."""
    manifest = listening(image)
    manifest = manifest._replace(
        process=Process(HOSTILE),
        needs=manifest.needs._replace(
            listen=(Listen("unix", "x", path=f"/run/{HOSTILE}"),), files=(f"/srv/{HOSTILE}", "/srv/50%")
        ),
    )
    found = made(image, manifest=manifest, summary=HOSTILE, source=HOSTILE)
    units = debian.units(found)
    (listen,) = [line for line in units["tap@web.socket"].splitlines() if line.startswith("ListenStream=")]
    assert listen == "ListenStream=/run/" + HOSTILE.replace("%", "%%")
    assert HOSTILE not in units["tap@web.service"]
    control = debian.control(found, 1)
    assert f"\nDescription: {HOSTILE}\n" in control
    fields = re.findall(r"^([A-Za-z-]+):", control, re.MULTILINE)
    assert fields == [
        "Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Depends", "Section", "Priority",
        "Description",
    ]  # fmt: skip
    for entry in debian.members(found, debian.files(found)):
        if entry.mode == 0o755:
            assert "touch mark" not in entry.content.decode()


def test_a_missing_tool_is_named_with_its_package(monkeypatch):
    """And 69, as a service that is not there."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(tools.ToolMissingError, match="dpkg-deb: not installed here; install dpkg") as caught:
        tools.require("dpkg-deb")
    assert caught.value.status == 69


def test_depends_are_dependencies(tmp_path):
    """What --depends takes is one package, with a version at most."""
    for text in ("x\nEssential: yes", "$(touch mark)", "X", "a, b"):
        asked = request.Request("web.tap", maintainer="A <a@x>", depends=(text,))
        with pytest.raises(errors.UsageError, match="no package's name"):
            request.prepare(asked, {}, lambda *_: (), (), lambda _: None)
