"""An application that is stopped and resumed at any moment is the one that never stopped: over random applications."""

from __future__ import annotations

import itertools
import os
from functools import partial

import chance
import operations
import twins
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.application.service import IService

from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
NUMBER = st.integers(0, 99)
SPEC = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER)
STEP = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER) | st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, SPEC, SPEC)
SERVICE = st.tuples(NUMBER, st.booleans(), NUMBER, NUMBER, NUMBER)
LIFE = st.tuples(st.booleans(), st.lists(STEP, max_size=6), NUMBER)


def saved(baseline, *, is_running):
    """A change set; in this process, for a fork costs more than all the rest."""
    if SOAK:
        return saving.save(baseline, is_running=is_running)
    return saving._saved(baseline, {}, lambda _: None, is_running=is_running)


def attributes(application):
    """What each service of a fresh base has under the names that lives change."""
    rooms = [one for one in twins.walk(application) if isinstance(one, chance.Room)]
    return {id(room): (room, {name: vars(room)[name] for name in chance.NAMES if name in vars(room)}) for room in rooms}


def undo(built, number):
    """What a stop takes back: some attributes of the services that the base has are again as they were made."""
    for turn, (room, had) in enumerate(built.values()):
        for name in chance.NAMES[(number + turn) % 9 :: 3] if number % 3 else ():
            if name in had:
                setattr(room, name, had[name])
            else:
                vars(room).pop(name, None)


def lived(application, baseline, steps, labels, *, is_running, undone=lambda: None):
    """The change set of a life: it is started, changed, and either stopped or looked at while it runs.

    :param undone: what the stop does beside what the services do.
    """
    IService(application).startService()
    baseline.take_ready()
    for one in steps:
        operations.operate(application, one, labels)
    if not is_running:
        baseline.take_last()
        IService(application).stopService()
        undone()
        baseline.take_stopped()
    return saved(baseline, is_running=is_running)


@settings(
    max_examples=20000 if SOAK else 150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not SOAK,
)
@given(st.lists(SPEC, max_size=8), st.lists(SERVICE, min_size=1, max_size=4), st.lists(LIFE, min_size=1, max_size=3))
def test_it_is_the_one_that_never_stopped(specs, services, lives):
    """After each life the fresh base with its change set equals a model that went on, and nothing is left out."""
    model = chance.recipe(specs, services)
    application = chance.recipe(specs, services)
    model_built, built = attributes(model), attributes(application)
    baseline = Baseline(application)
    labels, model_labels = itertools.count(1000), itertools.count(1000)
    for is_running, steps, number in lives:
        undone = partial(undo, built, number)
        changes = lived(application, baseline, steps, labels, is_running=is_running, undone=undone)
        for one in steps:
            operations.operate(model, one, model_labels)
        if not is_running:
            undo(model_built, number)
        assert not changes.left_out, changes.left_out
        application = chance.recipe(specs, services)
        built = attributes(application)
        baseline = Baseline(application)
        applied = applying.apply(changes.payload, application, baseline)
        assert not applied.lost, applied.lost
        differs = twins.difference(model, application)
        assert not differs, differs
