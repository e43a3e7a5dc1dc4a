"""Payloads as inert nodes: everything is there, nothing is run, and what is damaged says so."""

from __future__ import annotations

import os
import pickle
import sys

import livelihood
import pytest
from hostile import DOORS, FORMS, MARK, NAMES, TOUCH, reduced
from hypothesis import given
from hypothesis import strategies as st
from saved import payload

import tapdaemon
from tapdaemon import errors
from tapdaemon.cli import graph
from tapdaemon.tapfile.graph import symbols
from tapdaemon.tapfile.graph.symbols import Group, Made

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=30,
)


def value(node):
    """A plain value of its nodes."""
    if isinstance(node, Made):
        assert str(node.callee).endswith(".complex"), node.callee
        return complex(*value(node.arguments))
    if not isinstance(node, Group):
        return node
    if node.kind == "dict":
        return {key: value(item) for key, item in node.items}
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[node.kind](map(value, node.items))


@given(PLAIN, st.sampled_from([2, 3, 4, 5]))
def test_plain_values_come_back(plain, protocol):
    """Of every protocol."""
    assume_bytes = protocol > 2 or not _has_bytes(plain)  # protocol 2 writes them as a call
    if assume_bytes:
        (root,) = symbols.read(pickle.dumps(plain, protocol))
        assert value(root) == plain


def _has_bytes(plain) -> bool:
    if isinstance(plain, (list, tuple)):
        return any(map(_has_bytes, plain))
    return isinstance(plain, bytes) or (isinstance(plain, dict) and any(map(_has_bytes, plain.values())))


def test_cycles_and_shared_objects():
    """One node each, however often it is reached; the tree labels it."""
    first: list = [1]
    both = {"a": first, "b": first}
    first.append(both)
    (root,) = symbols.read(pickle.dumps(both))
    (_, one), (_, other) = root.items
    assert one is other
    assert one.items[1] is root
    assert graph.tree(root) == "{} &1\n  ['a']: [] &2\n    [0]: 1\n    [1]: *1\n  ['b']: *2"
    objects = graph.table(root)
    assert objects["root"] == {"ref": 0}
    assert [one["is"] for one in objects["objects"]] == ["{}", "[]"]


def test_an_application_by_its_attributes():
    """Classes by name, states as attributes, reconstructors as calls."""
    made = tapdaemon.Application("app")
    keeper = livelihood.Keeper({"x": [1, livelihood.Stuck]})
    keeper.setName("keeper")
    keeper.setServiceParent(made)
    drawn = graph.tree(symbols.read(payload(made))[0])
    assert drawn.startswith("tapdaemon.core.application.Application\n  _adapterCache: {}\n")
    assert "livelihood.Keeper &" in drawn
    assert "['x']: []\n" in drawn
    assert "[1]: livelihood.Stuck" in drawn


def test_any_depth():
    """No recursion anywhere."""
    depth = 100_000
    (root,) = symbols.read(b"]" * depth + b"a" * (depth - 1) + b".")
    assert len(graph.table(root)["objects"]) == depth
    assert graph.tree(root).count("\n") == depth - 1


def test_looking_runs_nothing(tmp_path, monkeypatch):
    """The hostile corpus is read and drawn: no mark, and nothing that it names was imported."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    for dotted in NAMES:
        module, _, name = dotted.rpartition(".")
        for form in FORMS:
            (root,) = symbols.read(form(module, name, TOUCH))
            graph.tree(root)
    for name, data in DOORS.items():
        if name not in ("an extension code", "a persistent id"):  # which no payload of ours has
            assert graph.tree(symbols.read(data)[0])
    assert os.listdir(tmp_path) == []
    assert set(sys.modules) == before
    assert MARK not in os.listdir(tmp_path)


def test_what_is_damaged_says_so():
    """Cut at every length, and opcodes that none of ours has."""
    whole = pickle.dumps({"a": [1, (2, 3)], "b": ValueError("x")})
    for length in range(1, len(whole)):
        with pytest.raises(errors.TapDamagedError, match="no whole pickle"):
            symbols.read(whole[:length])
    for data in (DOORS["a persistent id"], DOORS["an extension code"], b"NN", reduced("os", "system")[:-2] + b"b."):
        with pytest.raises(errors.TapDamagedError):
            symbols.read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"(.",  # a mark is no object
        b"](a.",
        b"(2\x94N.",
        b"]NNs.",  # a list has no keys, a dict and a set take no items of a list
        b"}Na.",
        b"\x8fNa.",
        b"N\x86.",  # one where a pair belongs
    ],
)
def test_what_no_unpickler_would_follow_is_damage(data):
    """Else nodes would hold what no node may."""
    with pytest.raises(errors.TapDamagedError, match="no whole pickle"):
        symbols.read(data)
