"""The tap file: manifest and container, names and folders, trust, whole writes."""

from __future__ import annotations

import errno
import json
import os
import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapdaemon import errors
from tapdaemon.tapfile import folders, trust, whole
from tapdaemon.tapfile.container import TapFile, encode, seal_members
from tapdaemon.tapfile.manifest import (
    Lineage,
    Listen,
    Manifest,
    Needs,
    Process,
    Recipe,
    Service,
    Step,
    dump,
)
from tapdaemon.tapfile.schema import parse

FULL = Manifest(
    process=Process("web", "www-data", 33),
    services=(Service("web", "twisted.application.service.MultiService"),),
    needs=Needs(
        listen=(
            Listen("tcp4", "web/http", host="0.0.0.0", port=80),
            Listen("tcp6", "web/http", host="::", port=80),
            Listen("unix", "web/admin", path="/run/web/admin", mode=0o600),
        ),
        files=("/etc/ssl/key.pem",),
        distributions=(("Twisted", "24.11.0"),),
        modules=("twisted.web.static",),
    ),
    recipe=Recipe((Step("web", ("--path", "/srv/www")),), None, "/root"),
    lineage=Lineage(keeps=("a" * 64,), moved=("web → endpoint",), time=1700000000, writer="tapdaemon 0"),
)
IMAGE = seal_members(FULL, {"application.pickle": b"payload", "code/shop.py": b"x = 1\n"})


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


# ---- manifest


def test_a_manifest_comes_back_as_it_was():
    """dump and parse are inverse."""
    assert parse(dump(IMAGE.manifest)) == IMAGE.manifest


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("tap",), 2),
        (("tap",), "1"),
        (("tap",), True),
        (("process", "name"), "a\nb"),
        (("process", "name"), "a\x1b[31m"),
        (("process", "uid"), -1),
        (("process", "uid"), 2**32),
        (("process", "uid"), "Root User"),
        (("process", "uid"), "$(id)"),
        (("style",), "marshal"),
        (("members", 0, "name"), "../x"),
        (("members", 0, "name"), "/etc/passwd"),
        (("members", 0, "name"), "a//b"),
        (("members", 0, "size"), -1),
        (("members", 0, "size"), 1.5),
        (("members", 0, "sha256"), "A" * 64),
        (("members",), {}),
        (("needs", "listen", 0, "host"), "localhost"),
        (("needs", "listen", 0, "host"), "::"),
        (("needs", "listen", 0, "port"), 65536),
        (("needs", "listen", 0, "kind"), "sctp"),
        (("needs", "listen", 2, "path"), "run/web"),
        (("needs", "listen", 2, "path"), "/run/web\n[Service]"),
        (("needs", "listen", 2, "mode"), 0o1777),
        (("recipe", "folder"), "srv"),
        (("keeps",), "nothing"),
        (("lineage", "reason"), "magic"),
        (("lineage", "base"), "short"),
        (("lineage", "generation"), -1),
        (("lineage", "time"), None),
    ],
)
def test_a_value_out_of_its_type_or_bounds_is_refused(way, value):
    """Every value is typed and bounded on reading, and the error names its place."""
    told = json.loads(dump(IMAGE.manifest))
    target = told
    for step in way[:-1]:
        target = target[step]
    target[way[-1]] = value
    with pytest.raises(errors.SchemaError) as caught:
        parse(json.dumps(told).encode())
    assert caught.value.status == 65


@pytest.mark.parametrize("key", ["tap", "process", "style", "members", "services", "needs", "keeps", "lineage"])
def test_a_missing_key_is_refused(key):
    """No part may be left out."""
    told = json.loads(dump(IMAGE.manifest))
    del told[key]
    with pytest.raises(errors.SchemaError, match=key):
        parse(json.dumps(told).encode())


def test_a_key_that_stands_twice_is_refused():
    """Two readers must not see two values."""
    with pytest.raises(errors.SchemaError, match="twice"):
        parse(dump(IMAGE.manifest).replace(b'"keeps": "graph"', b'"keeps": "graph", "keeps": "recipe"'))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    """Whatever is given, it is a manifest or a SchemaError."""
    with pytest.raises(errors.SchemaError):
        parse(data)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)))
def test_no_json_breaks_the_reader(value):
    """In no place does a wrong type raise anything else."""
    for key in json.loads(dump(IMAGE.manifest)):
        told = json.loads(dump(IMAGE.manifest)) | {key: value}
        try:
            parse(json.dumps(told).encode())
        except errors.SchemaError as error:
            assert error.status == 65  # noqa: PT017 - either outcome is right


def test_content_is_what_was_made_not_when_or_where():
    """Time, addresses and user leave the content alone; recipe, payload and code do not."""
    same = IMAGE.manifest._replace(
        lineage=Lineage(time=1),
        process=Process("web", 0, 0),
        needs=Needs(listen=(Listen("tcp4", "web", host="127.0.0.1", port=1),)),
    )
    assert same.content == IMAGE.manifest.content
    other = [
        IMAGE.manifest._replace(recipe=None),
        seal_members(FULL, {"application.pickle": b"other", "code/shop.py": b"x = 1\n"}).manifest,
        seal_members(FULL, {"application.pickle": b"payload", "code/shop.py": b"x = 2\n"}).manifest,
    ]
    assert len({manifest.content for manifest in (*other, IMAGE.manifest)}) == 4


def test_addresses_are_written_as_a_person_writes_them():
    """IPv6 stands in brackets."""
    assert [listen.address for listen in FULL.needs.listen] == [
        "tcp4:0.0.0.0:80",
        "tcp6:[::]:80",
        "unix:/run/web/admin",
    ]


# ---- container


def test_a_tap_comes_back_as_it_was(tmp_path):
    """encode and TapFile are inverse, manifest first, and ordinary unzip reads it."""
    path = write(tmp_path / "web.tap", encode(IMAGE))
    with TapFile(str(path), os.geteuid()) as tap:
        assert tap.image() == IMAGE
        assert tap.image().code == {"shop.py": b"x = 1\n"}
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[0] == "manifest.json"
        assert archive.testzip() is None


def test_the_same_values_give_the_same_bytes():
    """Order of members, time and mode are fixed."""
    members = {"code/shop.py": b"x = 1\n", "application.pickle": b"payload"}
    assert encode(seal_members(FULL, members)) == encode(IMAGE)


@pytest.mark.parametrize("time", [0, 315532799, 4354819198 + 10**6])
def test_a_time_that_a_zip_cannot_hold_is_clamped(time):
    """1970 and 2200 are no reason to fail."""
    assert encode(IMAGE._replace(manifest=IMAGE.manifest._replace(lineage=Lineage(time=time))))


def outcome(path: Path) -> str:
    """'whole', or the name of the error."""
    try:
        with TapFile(str(path), os.geteuid()) as tap:
            assert tap.image() == IMAGE
    except errors.TapError as error:
        assert error.status == 65  # noqa: PT017 - either outcome is right
        return type(error).__name__
    return "whole"


def test_every_truncation_is_an_error(tmp_path):
    """Cut anywhere, it is never taken for a tap."""
    data = encode(IMAGE)
    path = tmp_path / "x.tap"
    for length in range(len(data)):
        write(path, data[:length])
        assert outcome(path) != "whole", length


def test_every_flipped_byte_is_harmless_or_an_error(tmp_path):
    """A flipped byte changes nothing that is read, or it is an error; never another exception."""
    data = bytearray(encode(IMAGE))
    path = tmp_path / "x.tap"
    for place in range(len(data)):
        data[place] ^= 0xFF
        write(path, bytes(data))
        outcome(path)
        data[place] ^= 0xFF


def test_the_file_is_read_from_where_it_was_checked(tmp_path):
    """Replacing the file at its path does not change an open tap."""
    path = write(tmp_path / "web.tap", encode(IMAGE))
    with TapFile(str(path), os.geteuid()) as tap:
        os.replace(write(tmp_path / "new", b"something else"), path)
        assert tap.image() == IMAGE


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, make):
    """A FIFO does not block the reader."""
    make(tmp_path / "x.tap")
    with pytest.raises(errors.TapError):
        TapFile(str(tmp_path / "x.tap"), None)


# ---- names and folders


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


# ---- trust


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


# ---- whole writes


def test_a_whole_write_has_its_mode_whatever_the_umask(tmp_path):
    """0600, and the file that was there is replaced, not written into."""
    path = tmp_path / "x"
    path.write_text("old")
    kept = path.open()
    before = os.umask(0)
    try:
        whole.write_whole(str(path), b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.read_bytes(), kept.read()) == (b"new", "old")
    kept.close()


def replace(path: Path, data: bytes) -> None:
    whole.replace_whole(str(path), data, path.stat())


def put_whole(path: Path, data: bytes) -> None:
    whole.write_whole(str(path), data)


@pytest.mark.parametrize("put", [put_whole, replace])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "fchmod", "rename"])
@pytest.mark.parametrize(
    ("number", "status"), [(errno.ENOSPC, 74), (errno.EDQUOT, 74), (errno.EIO, 74), (errno.EACCES, 73)]
)
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, call, number, status, put):
    """Whichever system call fails, the old file stays and nothing lies beside it."""
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(whole.os, call, fail)
        with pytest.raises(errors.TapError) as caught:
            put(path, b"new")
    assert (caught.value.status, caught.value.subject) == (status, str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"


def test_a_file_is_replaced_with_its_mode(tmp_path):
    """By a way that leads there over a link as well."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o640)
    (tmp_path / "link").symlink_to("x")
    replace(tmp_path / "link", b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert (tmp_path / "link").is_symlink()


def rewritten(folder: Path) -> None:
    (folder / "x").write_bytes(b"other")


def gone(folder: Path) -> None:
    (folder / "x").unlink()


def led_elsewhere(folder: Path) -> None:
    """What a service user tries on root: its folder becomes a link to another, which has a file of that name."""
    other = folder.with_name("other")
    other.mkdir()
    (other / "x").write_bytes(b"old")
    folder.rename(folder.with_name("before"))
    folder.symlink_to(other)


@pytest.mark.parametrize("change", [rewritten, gone, led_elsewhere])
def test_nothing_is_replaced_but_what_was_read(tmp_path, change):
    """75, and nothing is written, wherever the path leads by then."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").write_bytes(b"old")
    before = (folder / "x").stat()
    change(folder)
    found = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(errors.ChangedError):
        whole.replace_whole(str(folder / "x"), b"new", before)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == found
