"""The tap as a file: a zip whose members are checked, whatever happened to its bytes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from full_tap import FULL, IMAGE, write

from tapdaemon import errors
from tapdaemon.tapfile.container import TapFile, encode, seal_members
from tapdaemon.tapfile.manifest import (
    Lineage,
)


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
