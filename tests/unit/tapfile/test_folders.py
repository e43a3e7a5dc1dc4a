"""Names of taps, the folders that they lie in, and who could have written them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from tapdaemon import errors
from tapdaemon.tapfile import folders, trust


@pytest.mark.parametrize("name", ["web", "Web-2.0_x", "0", "a" * 128])
def test_names_that_are_names(name):
    """Letters, digits, '_', '.', '-'; a letter or digit first."""
    assert folders.check_name(name) == name


@pytest.mark.parametrize("name", ["", ".web", "-web", "a/b", "a b", "a\n", "ä", "a%n", "a" * 129, "a@b"])
def test_names_that_are_none(name):
    """Nothing that a unit's name or a path could misread."""
    with pytest.raises(errors.UsageError):
        folders.check_name(name)


def test_a_snapshot_has_its_taps_name():
    """web-shutdown.tap and its older generations go on as web."""
    for name in ("web", "web-shutdown", "web-shutdown.2"):
        assert folders.lineage_name(f"/x/{name}.tap") == "web"


def test_the_first_folder_wins(tmp_path):
    """/etc before /run before /usr, as with units."""
    places = []
    for name in ("etc", "run", "usr"):
        place = tmp_path / name
        place.mkdir()
        (place / f"{name}.tap").touch()
        (place / "web.tap").touch()
        (place / "no tap").touch()
        places.append(str(place))
    assert folders.find("web", places) == f"{places[0]}/web.tap"
    assert dict(folders.installed([*places, "/nowhere"])) == {
        "etc": f"{places[0]}/etc.tap",
        "run": f"{places[1]}/run.tap",
        "usr": f"{places[2]}/usr.tap",
        "web": f"{places[0]}/web.tap",
    }
    with pytest.raises(errors.TapMissingError, match=r"no other\.tap in"):
        folders.find("other", places)


def status(uid: int = 1000, mode: int = 0o100600, gid: int = 1000) -> os.stat_result:
    return SimpleNamespace(st_uid=uid, st_mode=mode, st_gid=gid)  # type: ignore[return-value]


FOLDER = status(mode=0o40755)


@pytest.mark.parametrize(
    ("file", "folder", "reason"),
    [
        (status(), FOLDER, None),
        (status(uid=0), status(uid=0, mode=0o40755), None),
        (status(uid=0, mode=0o100440), status(uid=0, mode=0o40550), None),
        (status(mode=0o100660), status(mode=0o40775), None),
        (status(), status(uid=0, mode=0o41777), None),
        (status(uid=1001), FOLDER, "it belongs to uid 1001"),
        (status(mode=0o100602), FOLDER, "everybody may write it"),
        (status(mode=0o100660, gid=50), FOLDER, "group 50 may write it"),
        (status(), status(uid=1001, mode=0o40755), "its folder belongs to uid 1001"),
        (status(), status(mode=0o40777), "everybody may write its folder"),
        (status(), status(mode=0o40775, gid=50), "group 50 may write its folder"),
        (status(uid=0), status(uid=0, mode=0o41777), "everybody may write its folder"),
        (status(mode=0o120777), FOLDER, "it is no regular file"),
    ],
)
def test_who_could_have_written_it(file, folder, reason):
    """Root and the reader may, the owner's private group counts as the owner, a sticky folder if the file is ours."""
    found = trust.distrust(file, folder, 1000, lambda uid, gid: uid == gid == 1000)
    assert found is None if reason is None else found is not None and found.startswith(reason)
