"""A crash at any point of a save loses nothing: killed at every system call, and each call failed, with strace(1)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import clean_environment
from tapdaemon.run.snapshots import Base, Snapshots

FULL = bool(os.environ.get("TAPDAEMON_SOAK") or os.environ.get("CI"))
pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("CI"), reason="SKIPPED: there is no strace here"
)
BASE = "b" * 64
# One save, between two calls that mark its begin and its end.
SAVE = f"""
import os, sys
from tapdaemon.errors import TapError
from tapdaemon.run.snapshots import Snapshots
from tapdaemon.tapfile.container import seal_members
from tapdaemon.tapfile.manifest import Lineage, Manifest, Process
generation = int(sys.argv[1])
lineage = Lineage("shutdown", base="{BASE}", generation=generation)
image = seal_members(Manifest(Process("app"), base="file", lineage=lineage), {{"changes.pickle": os.urandom(40000)}})
store = Snapshots(os.getcwd(), "app", os.geteuid(), print)
os.access("/begin-of-save", 0)
try:
    store.write(image)
except TapError as error:
    print(type(error).__name__)
    sys.exit(error.status)
finally:
    os.access("/end-of-save", 0)
"""
FAILURES = ("ENOSPC", "EIO", "EDQUOT")
MAY_FAIL = {"openat", "fchmod", "write", "fsync", "close", "rename", "link", "linkat", "newfstatat", "lstat"}


class Point(NamedTuple):
    """The nth call of a name, counted from the process's start, as strace counts."""

    name: str
    when: int


def save(folder: Path, generation: int, *strace: str) -> subprocess.CompletedProcess[str]:
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        folder / "trace",
        *strace,
        sys.executable,
        "-P",
        "-c",
        SAVE,
        str(generation),
    ]
    env = clean_environment(PYTHONHASHSEED="0")
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)


def points(trace: str) -> list[Point]:
    """Every system call of the save, in order."""
    counts: Counter[str] = Counter()
    found, inside = [], False
    for line in trace.splitlines():
        match = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if match is None:
            continue
        counts[match[1]] += 1
        if "/end-of-save" in line:
            return found
        if inside:
            found.append(Point(match[1], counts[match[1]]))
        inside = inside or "/begin-of-save" in line
    raise AssertionError("the save's end is not in the trace")


@pytest.fixture
def folder(tmp_path):
    """With three generations in it."""
    for generation in (1, 2, 3):
        assert save(tmp_path, generation).returncode == 0
    return tmp_path


def loaded(folder: Path) -> int:
    """The generation that a start would go on from; what was left unfinished is gone then."""
    passed_over: list[str] = []
    resumed = Snapshots(str(folder), "app", os.geteuid(), passed_over.append).resume(Base(None, BASE), "/nowhere.tap")
    assert resumed is not None
    assert passed_over == []
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))
    return resumed.generation


def restore(folder: Path, kept: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


def test_killed_at_every_call(folder, tmp_path_factory, table):
    """The generation before, or the new one: never none, never an older."""
    kept = tmp_path_factory.mktemp("kept") / "state"
    shutil.copytree(folder, kept)
    assert save(folder, 4).returncode == 0
    calls = points((folder / "trace").read_text())
    assert {"openat", "write", "fsync", "rename", "close"} <= {point.name for point in calls}
    outcomes: Counter[int] = Counter()
    for point in calls:
        restore(folder, kept)
        done = save(folder, 4, "-e", f"inject={point.name}:signal=KILL:when={point.when}")
        assert done.returncode in (-9, 137), (point, done)
        outcomes[loaded(folder)] += 1
        assert save(folder, 5).returncode == 0  # and the next save finds nothing in its way
        assert loaded(folder) == 5
    assert set(outcomes) == {3, 4}
    row = ["killed at every call", len(calls), outcomes[3], outcomes[4], 0]
    table("crashes", "A save that is killed, and a save whose calls fail", HEADER, row)


HEADER = ["what", "points", "the generation before loads", "the new one loads", "nothing loads"]


@pytest.mark.parametrize("failure", FAILURES if FULL else FAILURES[:1])
def test_every_call_fails(failure, folder, tmp_path_factory, table):
    """One message with its status, or a save that is whole; never a half."""
    kept = tmp_path_factory.mktemp("kept") / "state"
    shutil.copytree(folder, kept)
    assert save(folder, 4).returncode == 0
    calls = [point for point in points((folder / "trace").read_text()) if point.name in MAY_FAIL]
    outcomes: Counter[int] = Counter()
    for point in calls:
        restore(folder, kept)
        done = save(folder, 4, "-e", f"inject={point.name}:error={failure}:when={point.when}")
        assert "Traceback" not in done.stderr, (point, done.stderr)
        found = loaded(folder)
        if done.returncode == 0:
            assert found == 4, point
        else:
            assert (done.returncode, done.stdout) in ((73, "CannotCreateError\n"), (74, "WriteError\n")), (point, done)
            assert found in (3, 4), point
        outcomes[found] += 1
    row = [f"every call fails with {failure}", len(calls), outcomes[3], outcomes[4], 0]
    table("crashes", "A save that is killed, and a save whose calls fail", HEADER, row)
