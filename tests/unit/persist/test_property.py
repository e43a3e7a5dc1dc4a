"""Random operations on random kinds of objects, stopped or reloaded at any moment: as if it had never stopped."""

from __future__ import annotations

import os

from both_walked import differences
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_application import OPERATIONS, World, made
from twisted.application.service import IService

from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
NUMBERS = st.integers(0, 2**16)
OPERATION = st.tuples(st.sampled_from(sorted(OPERATIONS)), NUMBERS, NUMBERS, NUMBERS)
GENERATION = st.tuples(st.sampled_from(["reload", "stop"]), st.booleans(), st.lists(OPERATION, max_size=8))


class Life:
    """An application from start to start, with its baseline."""

    def __init__(self, changes=None, *, is_same=False):
        self.application = made()
        self.baseline = Baseline(self.application)
        if changes is not None:
            applied = applying.apply(changes.payload, self.application, self.baseline, is_same=is_same)
            assert applied.lost == []
        IService(self.application).startService()
        self.baseline.take_ready()

    def end(self, how):
        if how == "stop":
            self.baseline.take_last()
            IService(self.application).stopService()
            self.baseline.take_stopped()
        changes = saving._saved(self.baseline, {}, lambda _: None, is_running=how == "reload")
        assert changes.left_out == ()
        return changes


def resumed_like_never_stopped(generations):
    """One application lives through all generations, another is saved and resumed after each."""
    model, life, turn = made(), Life(), 0
    IService(model).startService()
    for how, is_same, operations in generations:
        never, now = World(model, turn), World(life.application, turn)
        for operation in operations:
            never.do(operation)
            now.do(operation)
        turn += len(operations)
        assert differences(model, life.application) == [], "the operations are not the same"
        if how == "stop":
            IService(model).stopService()
            IService(model).startService()
        life = Life(life.end(how), is_same=is_same)
        assert not (told := differences(model, life.application)), told


@settings(
    max_examples=3000 if SOAK else 150, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(st.lists(GENERATION, min_size=1, max_size=4))
def test_what_is_resumed_is_what_never_stopped(generations):
    """Values, order, identities and cycles are those of an application that lived on, after each of several ends."""
    resumed_like_never_stopped(generations)
