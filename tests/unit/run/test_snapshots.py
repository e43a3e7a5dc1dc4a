"""Snapshots in a state folder: which one a start resumes, what is set aside and why, and what is pruned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tapdaemon import errors
from tapdaemon.run.snapshots import ASIDE_MAX, Base, Snapshots
from tapdaemon.tapfile.container import TapImage, encode, seal_members
from tapdaemon.tapfile.manifest import Lineage, Manifest, Process, Recipe, Step


def tap(maker: str = "web", generation: int = 0, *, base: str = "recipe") -> TapImage:
    recipe = Recipe((Step(maker),)) if base == "recipe" else None
    lineage = Lineage("shutdown" if generation else "made", "a" * 64 if generation else "", generation, 1)
    members = {"changes.pickle": b"changes"} if generation else {}
    return seal_members(Manifest(Process("web"), recipe=recipe, base=base, lineage=lineage), members)


OURS = Base.of(tap().manifest)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path, told) -> Snapshots:
    return Snapshots(str(tmp_path), "web", os.getuid(), told.append)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_newest_is_resumed_and_three_generations_are_kept(store, tmp_path):
    """Each write makes the one before .1, and that .2."""
    for generation in (1, 2, 3, 4):
        assert store.write(tap(generation=generation)) == store.newest
    assert names(tmp_path) == ["web-shutdown.1.tap", "web-shutdown.2.tap", "web-shutdown.tap"]
    found = store.resume(OURS, "/nowhere/web.tap")
    assert found is not None
    assert (found.path, found.generation) == (store.newest, 4)


def test_without_one_the_start_is_from_the_base(store):
    assert store.resume(OURS, "/nowhere/web.tap") is None


def test_another_applications_is_set_aside_by_that_name(store, tmp_path, told):
    """It is not rotated out by the next stop, and the older one that is ours is resumed."""
    store.write(tap(generation=1))
    store.write(tap("socks", generation=2))
    found = store.resume(OURS, "/nowhere/web.tap")
    assert found is not None
    assert found.generation == 1
    assert names(tmp_path) == ["web-shutdown.1.tap", "web-shutdown.other-application-1.tap"]
    assert "it is of another application of this name" in told[0]


def test_a_damaged_one_is_set_aside_by_that_name(store, tmp_path, told):
    store.write(tap(generation=1))
    put(tmp_path / "web-shutdown.tap", encode(tap(generation=1))[:-30])
    assert store.resume(OURS, "/nowhere/web.tap") is None
    assert names(tmp_path) == ["web-shutdown.damaged-1.tap"]
    assert "cut off or altered" in told[0]


def test_of_a_partly_resumed_one_a_copy_is_kept(store, tmp_path):
    """The snapshot itself stays, until the next stop rotates it."""
    store.write(tap(generation=1))
    store.keep(store.newest, "partly-resumed")
    assert names(tmp_path) == ["web-shutdown.partly-resumed-1.tap", "web-shutdown.tap"]
    copy = tmp_path / "web-shutdown.partly-resumed-1.tap"
    assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (Path(store.newest).read_bytes(), 0o600)


def test_of_what_was_set_aside_the_newest_ten_are_kept(store, tmp_path, told):
    """Under whichever name; files of other names, and of other taps, are not touched."""
    put(tmp_path / "web-shutdown.mine.tap", b"x")
    put(tmp_path / "shop-shutdown.damaged-1.tap", b"x")
    store.write(tap(generation=1))
    for number in range(ASIDE_MAX + 2):
        word = ("damaged", "partly-resumed")[number % 2]
        path = put(tmp_path / f"web-shutdown.{word}-{number + 1}.tap", b"x")
        os.utime(path, (1000 + number, 1000 + number))
    store.keep(store.newest, "partly-resumed")
    left = {name for name in names(tmp_path) if "damaged" in name or "partly" in name}
    gone = {"web-shutdown.damaged-1.tap", "web-shutdown.partly-resumed-2.tap", "web-shutdown.damaged-3.tap"}
    assert len(left - {"shop-shutdown.damaged-1.tap"}) == ASIDE_MAX
    assert not left & gone
    assert {"web-shutdown.mine.tap", "shop-shutdown.damaged-1.tap", "web-shutdown.tap"} <= set(names(tmp_path))
    assert [line for line in told if line.startswith("removed")]


def test_a_successor_moves_nothing_before_it_counts(tmp_path, told):
    """The running process may still go on from what the successor passes over."""
    patient = Snapshots(str(tmp_path), "web", os.getuid(), told.append, patient=True)
    put(tmp_path / "web-shutdown.tap", encode(tap("socks", generation=2)))
    put(tmp_path / "web-shutdown.1.tap", encode(tap(generation=1)))
    before = names(tmp_path)
    found = patient.resume(OURS, "/nowhere/web.tap")
    assert found is not None
    patient.keep(found.path, "partly-resumed")
    assert (names(tmp_path), told) == (before, [])
    patient.settle()
    assert names(tmp_path) == [
        "web-shutdown.1.tap", "web-shutdown.other-application-1.tap", "web-shutdown.partly-resumed-1.tap",
    ]  # fmt: skip


def test_a_base_that_lies_among_its_snapshots_stays(store, tmp_path):
    """A snapshot that is run by its own path is no snapshot of itself."""
    store.write(tap(generation=1))
    store.write(tap(generation=2))
    found = store.resume(OURS, store.newest)
    assert found is not None
    assert found.path.endswith("web-shutdown.1.tap")


def test_a_whole_one_that_is_not_trusted_ends_the_start(store, tmp_path):
    """It is not passed over: it is the newest state."""
    store.write(tap(generation=1))
    Path(store.newest).chmod(0o666)
    with pytest.raises(errors.TapUntrustedError):
        store.resume(OURS, "/nowhere/web.tap")
    assert names(tmp_path) == ["web-shutdown.tap"]


def test_a_file_of_twisteds_own_takes_only_its_kind(store):
    """A snapshot over a stock pickle holds no base, and is no tap's."""
    store.write(tap(generation=1, base="file"))
    assert store.resume(Base(None, "b" * 64), "/nowhere/web.tap") is not None
    assert store.resume(OURS, "/nowhere/web.tap") is None


def test_what_a_killed_save_left_is_removed(store, tmp_path):
    put(tmp_path / ".web-shutdown.tap.abc.tmp", b"half")
    put(tmp_path / ".shop-shutdown.tap.abc.tmp", b"another's")
    store.resume(OURS, "/nowhere/web.tap")
    assert names(tmp_path) == [".shop-shutdown.tap.abc.tmp"]


def test_a_folder_that_is_missing_is_told_before_the_start(tmp_path):
    missing = Snapshots(str(tmp_path / "none"), "web", os.getuid(), lambda _: None)
    with pytest.raises(errors.CannotCreateError, match="no such folder"):
        missing.check_writable()
