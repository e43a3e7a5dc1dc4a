"""The moments of a baseline: what they share, and what they see."""

from __future__ import annotations

import pytest
from twisted.application import service

import tapdaemon
from tapdaemon.core.parent import ParentOptions
from tapdaemon.persist.state.baseline import Baseline


class Plain:
    def __init__(self):
        self.one, self.other = "a text", 1.5


class Odd:
    """Its class answers for its dictionary."""

    __dict__ = 7  # type: ignore[assignment]  # as a careless class has it


class Keeper(service.Service):
    def __init__(self):
        self.plain, self.parts, self.table, self.odd = Plain(), [Plain()], {"key": Plain()}, Odd()


def baseline():
    application = tapdaemon.Application("keeper")
    keeper = Keeper()
    keeper.setServiceParent(service.IServiceCollection(application))
    return Baseline(application), keeper


def differing(baseline, keeper):
    baseline.take_ready()
    states = zip(baseline.built.states, baseline.ready.states, strict=True)
    return [baseline.places.objects[number] for number, (built, ready) in enumerate(states) if built is not ready]


def test_what_did_not_change_is_shared():
    """A second moment of an application that did nothing shares all states, of objects of every kind."""
    taken, keeper = baseline()
    assert differing(taken, keeper) == []


CHANGES = {
    "another value": lambda plain: setattr(plain, "one", "another"),
    "one more": lambda plain: setattr(plain, "more", None),
    "one less": lambda plain: delattr(plain, "other"),
    "renamed": lambda plain: setattr(plain, "renamed", vars(plain).pop("one")),
    "in another order": lambda plain: setattr(plain, "one", vars(plain).pop("one")),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", [lambda one: one.plain, lambda one: one.parts[0], lambda one: one.table["key"]])
def test_what_changed_is_seen(change, where):
    """A change of a plain object's attributes shows in the next moment, and in that object alone."""
    taken, keeper = baseline()
    plain = where(keeper)
    CHANGES[change](plain)
    assert differing(taken, keeper) == [plain]


def test_an_equal_value_is_no_change():
    """Another object of the same text is the value that was there."""
    taken, keeper = baseline()
    keeper.plain.one = keeper.plain.one.encode().decode()
    assert differing(taken, keeper) == []


def test_an_application_that_holds_its_makers_options_holds_the_real_ones():
    """The stand-in for twistd's options is no state: it becomes what it stands for before anything is compared."""
    application = tapdaemon.Application("keeper")
    keeper = Keeper()
    keeper.options = ParentOptions("keeper")
    keeper.setServiceParent(service.IServiceCollection(application))
    taken = Baseline(application)
    assert keeper.options["debug"] is False
    assert differing(taken, keeper) == []
