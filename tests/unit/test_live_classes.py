"""Every public class of Twisted is known, and those that hold live objects are used, saved, and used again."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import live_classes
import pytest

import tapdaemon
from tapdaemon.persist.rules.live_now import NOW
from tapdaemon.persist.rules.live_table import TABLE

HERE = Path(__file__).parent
HEADER = ["Class", "while it runs", "after its stop", "what is left out"]
ONLY_THERE = {"twisted.application._client_service.ClientService"}
"""Not in Twisted 22.4, where the class was in another module."""
OF_SOME_VERSIONS = {"logFile", "_logFile", "_addressValidation"}
"""Attributes that not each version of Twisted has."""
pytest.importorskip("twisted.conch.ssh.keys", reason="SKIPPED: this Twisted has no conch extra")


@pytest.fixture(scope="module")
def rows():
    """What became of each class, in a process with a reactor that runs."""
    source = Path(tapdaemon.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", HERE / "live_run.py"],
        env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{HERE}"},
        stdout=subprocess.PIPE,
        timeout=180,
        check=True,
    )
    return json.loads(done.stdout)


def test_what_holds_live_objects_is_used_again(rows, table):
    """Each class, saved while it ran and after its stop, works as it did, or is left out."""
    failed = {", ".join(row["names"]): row["failed"] for row in rows if "failed" in row}
    assert not failed, "\n".join(f"{name}\n{why}" for name, why in failed.items())
    for row in sorted(rows, key=lambda row: row["names"]):
        names = ", ".join(name.removeprefix("twisted.") for name in row["names"])
        left = ", ".join(f"`{one}`" for one in row["left"]) or "nothing"
        cells = [names, row["running"], row["stopped"], left]
        table("live", "Classes of Twisted that hold live objects", HEADER, cells, key=1)


def test_every_case_shows_classes_that_are_there(rows):
    """A name that Twisted does not have would be a row of nothing."""
    for row in rows:
        for name in row["names"]:
            module, _, kind = name.rpartition(".")
            assert hasattr(importlib.import_module(module), kind), name


def test_every_public_class_is_known():
    """It has a row, it is an error, or the list says why it holds nothing live: a new class of Twisted's is noticed."""
    said = live_classes.said()
    unknown = [
        name
        for name, kind in live_classes.public_classes().items()
        if name not in said and live_classes.told_by_itself(kind) is None
    ]
    assert not unknown


def test_the_list_names_no_class_that_the_table_has():
    """One place says what a class is."""
    assert not set(live_classes.said()) & set(TABLE)


@pytest.mark.parametrize("name", sorted({*TABLE, *(name for name in NOW if name.startswith("twisted."))}))
def test_a_row_names_a_class_and_attributes_that_are_there(name):
    """Names that Twisted keeps private as well; of some, an older version has the one and a newer the other."""
    module, _, kind_name = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), kind_name)
    except ModuleNotFoundError:
        assert name in ONLY_THERE
        return
    homes = {base.__module__ for base in kind.__mro__ if base.__module__ not in ("builtins", "abc", "typing")}
    source = "".join(inspect.getsource(sys.modules[home]) for home in homes)
    for attribute in TABLE[name].volatile if name in TABLE else ():
        seen = attribute if "__" not in attribute else "__" + attribute.rpartition("__")[2]
        assert seen in source or attribute in OF_SOME_VERSIONS, attribute
