"""The rule of four moments as one table, each of its rows reached; and lists and sets by a plain model of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapdaemon.persist.state import four
from tapdaemon.persist.state.four import Four, Moments, Verdict, decide
from tapdaemon.persist.state.rows import ABSENT


def same(one, other):
    return type(one) is type(other) and one == other


A, B, C, D = "a", "b", "c", "d"
STOPS = [
    # What happened, Built, Ready, Last, Stopped, and what is to become of Last.
    ("nothing", A, A, A, A, Verdict.UNCHANGED),
    ("the start alone", A, B, B, B, Verdict.START),
    ("life alone", A, A, B, B, Verdict.LIFE),
    ("the stop alone", A, A, A, B, Verdict.UNCHANGED),
    ("start and stop, back again", A, B, B, A, Verdict.UNDONE),
    ("start and stop, further on", A, B, B, C, Verdict.STOP),
    ("life, which the stop undid", A, A, B, A, Verdict.UNDONE),
    ("life, and the stop went on", A, A, B, C, Verdict.LIFE),
    ("start and life", A, B, C, C, Verdict.LIFE),
    ("start and life, back to the start's", A, B, C, B, Verdict.UNDONE),
    ("start and life, back to the base's", A, B, C, A, Verdict.UNDONE),
    ("start and life, and the stop went on", A, B, C, D, Verdict.LIFE),
    ("life made it as the base has it", A, B, A, A, Verdict.UNCHANGED),
    ("life took it away", A, A, ABSENT, ABSENT, Verdict.LIFE),
    ("the stop took away what the start set", ABSENT, A, A, ABSENT, Verdict.UNDONE),
    ("a number that the start counted", 0, 1, 1, 1, Verdict.COUNTED),
    ("a number of the start's that the stop undid", 0, 1, 1, 0, Verdict.UNDONE),
    ("a number of the start's that the stop set", 0, 1, 1, 5, Verdict.STOP),
    ("a flag of the start's", False, True, True, True, Verdict.START),
    ("a number where there was none", None, 1, 1, 1, Verdict.START),
]
RUNNING = [
    ("nothing", A, A, A, Verdict.UNCHANGED),
    ("the start alone", A, B, B, Verdict.START),
    ("a number that the start counted", 0, 1, 1, Verdict.START),
    ("life alone", A, A, B, Verdict.LIFE),
    ("start and life", A, B, C, Verdict.LIFE),
    ("life made it as the base has it", A, B, A, Verdict.UNCHANGED),
]
RESUMED = [
    # What was resumed stays, unless the base has it or the stop made it the base's.
    ("and nothing else", A, B, B, B, Verdict.RESUMED),
    ("and life", A, B, C, C, Verdict.RESUMED),
    ("and the stop alone", A, B, B, C, Verdict.RESUMED),
    ("and life, which the stop undid", A, B, C, B, Verdict.RESUMED),
    ("and the stop made it the base's", A, B, B, A, Verdict.UNDONE),
    ("and life made it the base's", A, B, A, A, Verdict.UNCHANGED),
]
TOUCHED = [
    ("and the stop left it", A, B, B, B, Verdict.TOUCHED),
    ("and the stop replaced it", A, B, B, C, Verdict.TOUCHED),
    ("and the stop took it away", A, B, B, A, Verdict.UNDONE),
    ("and life replaced it", A, B, C, C, Verdict.LIFE),
]


@pytest.mark.parametrize(("built", "ready", "last", "stopped", "verdict"), [row[1:] for row in STOPS])
def test_a_stop(built, ready, last, stopped, verdict):
    """What becomes of a value at an orderly stop."""
    assert decide(Four(built, ready, last, stopped), same) is verdict


@pytest.mark.parametrize(("built", "ready", "last", "verdict"), [row[1:] for row in RUNNING])
def test_a_running_snapshot(built, ready, last, verdict):
    """Without a stop nothing is undone, and nothing is counted."""
    assert decide(Four(built, ready, last, last, is_running=True), same) is verdict


@pytest.mark.parametrize(("built", "ready", "last", "stopped", "verdict"), [row[1:] for row in RESUMED])
def test_what_was_resumed(built, ready, last, stopped, verdict):
    """It is state for good."""
    assert decide(Four(built, ready, last, stopped, was_resumed=True), same) is verdict


@pytest.mark.parametrize(("built", "ready", "last", "stopped", "verdict"), [row[1:] for row in TOUCHED])
def test_what_life_changed_inside(built, ready, last, stopped, verdict):
    """An object that the start made, and life filled."""
    assert decide(Four(built, ready, last, stopped, is_touched=True), same) is verdict


def test_each_rule_decides_something():
    """No row of the table stands in the shadow of those above it."""
    deciding = set()
    for values in itertools.product((0, 1, 2, 3), repeat=4):
        for flags in itertools.product((False, True), repeat=3):
            one = Four(*((*values[:3], values[2]) if flags[0] else values), *flags)
            deciding.add(next((number for number, (_, holds) in enumerate(four._RULES) if holds(one, same)), None))
    assert deciding == {*range(len(four._RULES)), None}


SEQUENCE = st.lists(st.integers(0, 5), max_size=5)


def expected(moments, resumed):
    """Which elements the next base should have, each by how often it came before: a plain model of the rule."""

    def numbered(sequence):
        return {(value, sequence[:index].count(value)) for index, value in enumerate(sequence)}

    built, ready, last, stopped = map(numbered, moments[:4])
    keep = set()
    for key in built | ready | last | stopped:
        at = [key in one for one in (built, ready, last, stopped)]
        is_state = decide(Four(*at, moments.is_running, key[0] in resumed), same).is_state
        if key in (last if is_state else built):
            keep.add(key)
    return sorted(key[0] for key in keep)


@given(SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, st.booleans(), st.sets(st.integers(0, 5)))
def test_elements_are_decided_one_by_one(built, ready, last, stopped, is_running, resumed):
    """As the plain model has it; in Last's order, with whether the base has each, and no more often than it has it."""
    moments = Moments(built, ready, last, last if is_running else stopped, is_running)
    found = four.elements(moments, lambda value: value, resumed)
    assert sorted(value for value, _ in found) == expected(moments, resumed)
    for value in set(built):
        assert sum(is_own for one, is_own in found if one == value) <= built.count(value)
    distinct = [value for value, _ in found if last.count(value) == 1 and built.count(value) <= 1]
    if sorted(value for value, _ in found) != sorted(built):
        assert distinct == [value for value in last if value in distinct]
