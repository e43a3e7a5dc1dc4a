"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tapdaemon import errors
from tapdaemon.tapfile import whole


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
