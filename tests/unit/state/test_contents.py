"""What changes inside objects that no attribute shows is kept, with whoever holds them or a method of theirs."""

from __future__ import annotations

import itertools
import random

import holding
import inside
import pytest
from test_marks import base, keeper

from tapdaemon.persist.state import applying, contents, saving
from tapdaemon.persist.state.baseline import Baseline


def again(baseline, fresh):
    """A fresh base with the changes of another, started, and its baseline; nothing is left out or lost."""
    changes = saving._saved(baseline, {}, lambda _: None, is_running=True)
    assert not changes.left_out
    resumed = Baseline(fresh)
    assert applying.apply(changes.payload, fresh, resumed).lost == []
    resumed.take_ready()
    return resumed


@pytest.mark.parametrize("name", inside.KINDS)
@pytest.mark.parametrize("is_new", [False, True], ids=["of the base", "new"])
def test_what_changes_inside_is_kept(name, is_new):
    """After a second start as well, and two holders go on holding one object."""
    make, change, tell = inside.KINDS[name]

    def made():
        one = None if is_new else make()
        return base(one=one, pair=(one, 1))

    application = made()
    baseline = Baseline(application)
    baseline.take_ready()
    found = keeper(application)
    if is_new:
        found.one = make()
        found.pair = (found.one, 1)
    change(found.one)
    fresh, second = made(), made()
    again(again(baseline, fresh), second)
    assert keeper(second).pair[0] is keeper(second).one
    assert tell(keeper(second).one) == tell(found.one)


@pytest.mark.parametrize("value", [random.choice, random.random, len], ids=["choice", "random", "len"])
def test_functions_of_modules_are_kept_by_their_names(value):
    """Some are methods of an object that the module hides, as random.choice is: that object belongs to the process."""
    application = base(had=value)
    baseline = Baseline(application)
    baseline.take_ready()
    keeper(application).one = value
    random.random()
    fresh = base(had=value)
    state = random.getstate()
    again(baseline, fresh)
    assert keeper(fresh).one is value
    assert random.getstate() == state


def test_a_generator_of_the_system_has_nothing_inside():
    """It is kept, new or of the base, with its attributes, and nothing is said of it."""
    application = base(had=random.SystemRandom())
    baseline = Baseline(application)
    baseline.take_ready()
    keeper(application).one = random.SystemRandom()
    keeper(application).one.name = keeper(application).had.name = "a"
    fresh = base(had=random.SystemRandom())
    again(baseline, fresh)
    found = keeper(fresh)
    assert [(type(one), one.name) for one in (found.one, found.had)] == [(random.SystemRandom, "a")] * 2


@pytest.mark.parametrize(
    ("at", "to", "is_put"),
    [
        (itertools.count(3), itertools.count(9), True),
        (itertools.count(0, 2), itertools.count(8, 2), True),
        (itertools.count(9), itertools.count(3), False),
        (itertools.count(0, 2), itertools.count(3, 2), False),
        (itertools.count(), itertools.count(10**9), False),
        (itertools.count(5, 0), itertools.count(6, 0), False),
    ],
)
def test_a_counter_goes_on_where_it_can(at, to, is_put):
    """One that is behind, or too far away, is replaced."""
    assert contents.put(at, to) is is_put
    assert not is_put or next(at) == next(to)


def test_a_counter_that_cannot_go_on_is_replaced_at_every_holder():
    """A method of it, and the tuple of a partial, among them."""
    application = base(one=None, count=itertools.count(9))
    count = keeper(application).count
    keeper(application).one = [count.__next__, holding.partial(next, count), (1, count)]

    def fresh_base():
        made = base(one=None, count=itertools.count(10**8))
        new = keeper(made).count
        keeper(made).one = [new.__next__, holding.partial(next, new), (1, new)]
        return made

    baseline = Baseline(application)
    baseline.take_ready()
    next(count)
    fresh = fresh_base()
    again(baseline, fresh)
    step, call, (_, other) = keeper(fresh).one
    assert [step(), call(), next(other), next(keeper(fresh).count)] == [10, 11, 12, 13]
