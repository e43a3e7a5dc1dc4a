"""What of a running application is kept over a stop and a start: by the four moments, and by its own words."""

from __future__ import annotations

import os

import livelihood
import pytest
from twisted.application.service import IServiceCollection
from twisted.internet import reactor

import tapdaemon
from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline


class Shop(livelihood.Keeper):
    """What makes each attribute differ from the base is its name."""

    def __init__(self):
        super().__init__()
        self.setName("shop")
        self.visits = 0
        self.goods = {"tea": 3, "jam": 1}
        self.queue = ["first"]
        self.started = self.stopped = self.connected = self.saved = None
        self.cache = {}
        self.log = {"stops": []}
        self.owner = self

    def startService(self):
        super().startService()
        self.started = "by the start"
        self.connected = True

    def stopService(self):
        self.stopped = "by the stop"
        self.connected = None
        self.saved = f"{self.visits} visits"
        self.log["stops"].append("one")
        return super().stopService()


def base(*shops):
    made = tapdaemon.Application("app")
    for one in shops or (Shop(),):
        one.setServiceParent(made)
    return made


def shop(application):
    return IServiceCollection(application).getServiceNamed("shop")


def lived(application, life, *, forgets=(), is_running=False):
    """Start it, let it live, stop it; returns its change set."""
    baseline = Baseline(application, forgets=forgets)
    shop(application).startService()
    baseline.take_ready()
    life(shop(application))
    baseline.take_last()
    if not is_running:
        shop(application).stopService()
        baseline.take_stopped()
    return saving.save(baseline, is_running=is_running)


def resumed(changes, application=None):
    """A fresh base with these changes; nothing of them is lost."""
    fresh = application or base()
    applied = applying.apply(changes.payload, fresh, Baseline(fresh))
    assert applied.lost == []
    return shop(fresh)


def live(one):
    one.visits += 7
    one.goods["tea"] -= 1
    del one.goods["jam"]
    one.queue.append({"owner": one})
    one.added = one.goods


def test_what_life_changed_is_kept_and_the_rest_is_made_again():
    """Attributes, items, elements; identity and cycles hold; what start and stop did is theirs."""
    found = resumed(lived(base(), live))
    assert (found.visits, found.goods, found.queue[0]) == (7, {"tea": 2}, "first")
    assert found.queue[1]["owner"] is found
    assert found.added is found.goods
    assert (found.started, found.stopped, found.connected, found.saved) == (None, None, None, None)
    assert found.log == {"stops": []}


def test_a_running_snapshot_keeps_the_same():
    """Of a reload there is no stop to look at."""
    found = resumed(lived(base(), live, is_running=True))
    assert (found.visits, found.goods, found.started, found.connected) == (7, {"tea": 2}, None, None)


def test_what_an_application_says_itself_overrules_the_moments():
    """keeps: as it stands after the stop, with all that is below it; forgets: never, nor anything below it."""

    def spoken(one):
        tapdaemon.keeps(one, "saved", "log")
        tapdaemon.forgets(one, "visits", "cache")
        live(one)
        one.cache["tea"] = "hot"

    found = resumed(lived(base(), spoken))
    assert (found.saved, found.visits) == ("7 visits", 0)
    assert (found.log, found.cache) == ({"stops": ["one"]}, {})
    assert found.goods == {"tea": 2}


@pytest.mark.parametrize("word", [tapdaemon.keeps, tapdaemon.forgets])
def test_the_words_take_names_of_attributes(word):
    for wrong in ((), (7,)):
        with pytest.raises(TypeError, match="the names of its attributes"):
            word(Shop(), *wrong)


def test_a_tap_forgets_places_and_what_is_below_them():
    """As `mktap --forget` names them; a place that only begins alike is another."""

    def life(one):
        live(one)
        one.visitors = 8

    changes = lived(base(), life, forgets=("app/shop.goods", "app/shop.visit"))
    found = resumed(changes)
    assert (found.goods, found.visits, found.visitors) == ({"tea": 3, "jam": 1}, 7, 8)


def test_what_cannot_be_kept_is_named_and_nothing_else_is_lost():
    """The base's own stays; a live object in a new container is left out of it."""

    def life(one):
        live(one)
        one.cache = (number for number in range(3))
        one.late = {"call": call, "note": "kept"}
        one.stuck = livelihood.Stuck()

    call = reactor.callLater(1000, os.getpid)
    try:
        changes = lived(base(), life)
    finally:
        call.cancel()
    told = {one.place: one for one in changes.left_out}
    assert set(told) == {"app/shop.cache", "app/shop.late['call']", "app/shop.stuck"}
    assert told["app/shop.stuck"].type == "livelihood.Stuck"
    assert "livelihood.py:" in told["app/shop.stuck"].where
    assert "not while the moon is up" in told["app/shop.stuck"].reason
    found = resumed(changes)
    assert (found.visits, found.cache, found.late) == (7, {}, {"note": "kept"})
    assert not hasattr(found, "stuck")


def test_a_newer_base_takes_the_changes_of_the_older():
    """Where a place is still there; the newer base's own additions stay beside them."""
    changes = lived(base(), live)
    newer = Shop()
    newer.price = 5
    newer.queue = ["first", "second"]
    found = resumed(changes, base(newer, livelihood.Keeper("another service")))
    assert (found.visits, found.price) == (7, 5)
    assert found.queue[:2] == ["first", "second"]
    assert found.queue[2]["owner"] is found


def test_what_has_no_place_any_more_is_named():
    """A service that the newer base lacks; the start goes on."""
    fresh = base(livelihood.Keeper("no shop"))
    applied = applying.apply(lived(base(), live).payload, fresh, Baseline(fresh))
    assert any(line.startswith("app/shop is no longer there, and had changed (visits") for line in applied.lost)


def test_what_was_kept_once_is_kept_again():
    """A life that changes nothing more leaves the same state."""
    first = lived(base(), live)
    second = base()
    baseline = Baseline(second)
    applying.apply(first.payload, second, baseline)
    shop(second).startService()
    baseline.take_ready()
    baseline.take_last()
    shop(second).stopService()
    baseline.take_stopped()
    found = resumed(saving.save(baseline, is_running=False))
    assert (found.visits, found.goods, len(found.queue)) == (7, {"tea": 2}, 2)


@pytest.mark.parametrize("queue", [["b", "a"], ["a", "b", "a"], ["a", "a"], ["b", "a", "a", "c"]])
def test_the_order_of_a_list_and_its_equal_elements_stay_after_a_second_start(queue):
    """What a resumed list has beyond its base is state for good, were it only another order or one more of the same."""

    def made_again():
        one = Shop()
        one.queue = ["a", "b"]
        return base(one)

    def life(one):
        one.queue[:] = queue

    changes = lived(made_again(), life)
    for _ in range(2):
        second = made_again()
        baseline = Baseline(second)
        applying.apply(changes.payload, second, baseline)
        baseline.take_ready()
        changes = saving.save(baseline, is_running=True)
    assert resumed(changes, made_again()).queue == queue


def test_a_set_that_kept_its_size_is_looked_at_member_by_member():
    """A set has no order, so no member stands in the place of another; not after a second start either."""

    def made_again():
        one = Shop()
        one.codes = {1, 2, 3}
        return base(one)

    def life(one):
        one.codes.add(0)
        one.codes.discard(3)

    changes = lived(made_again(), life)
    assert resumed(changes, made_again()).codes == {0, 1, 2}
    second = made_again()
    baseline = Baseline(second)
    applying.apply(changes.payload, second, baseline)
    baseline.take_ready()
    assert resumed(saving.save(baseline, is_running=True), made_again()).codes == {0, 1, 2}
