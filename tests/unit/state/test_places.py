"""A place leads to the same object in another process's base, as far as its steps still exist there."""

from __future__ import annotations

import sys
import types
from collections import OrderedDict, deque

import holding
import pytest
from random_application import Colour
from twisted.application.service import Application, IServiceCollection, MultiService, Service

from tapdaemon.persist.state import steps
from tapdaemon.persist.state.places import Places
from tapdaemon.persist.state.resolving import Missing, resolve
from tapdaemon.tapfile.graph import ways


class Inner(Service):
    pass


class Outer(MultiService):
    pass


def labelled(label):
    one = holding.Plain()
    one.label = label
    return one


def made():
    """An application with an object behind every kind of step."""
    application = Application("app")
    outer = Outer()
    outer.setName("outer")
    outer.setServiceParent(application)
    for name in ("first", None, None):
        inner = Inner()
        if name:
            inner.setName(name)
        inner.setServiceParent(outer)
    outer.attribute = labelled("attribute")
    outer.slot = holding.Slotted(labelled("slot"))
    outer.items = {
        "a": labelled("item"), (1, b"x"): labelled("key of values"), Colour.RED: labelled("enum"), 5: labelled("int"),
    }  # fmt: skip
    outer.keyed = {labelled("key"): labelled("value")}
    outer.elements = [1, labelled("element"), (2, labelled("in a tuple"))]
    outer.queue = deque([labelled("in a deque")])
    outer.group = {labelled("only member"), 1, "text"}
    outer.frozen = frozenset({labelled("only member of a frozenset")})
    outer.closure = holding.over_cell(labelled("cell"))
    outer.default = holding.with_default(labelled("default"))
    outer.partial = holding.partial(holding.call, labelled("argument"), part=labelled("keyword"))
    outer.method = labelled("method").method
    outer.append = [labelled("in a list that only its method leads to")].append
    outer.ordered = OrderedDict([(labelled("first key"), 1), (labelled("second key"), 2)])
    outer.ordered.move_to_end(next(iter(outer.ordered)))
    return application


def outer(application):
    return IServiceCollection(application).getServiceNamed("outer")


def identities(places, objects):
    return {places.text(number): getattr(one, "label", type(one).__name__) for number, one in enumerate(objects)}


def test_every_step_leads_to_the_same_in_a_fresh_base():
    """Each place is resolved to the object of the same class and label, and each kind of step was used."""
    one, other = Places(made()), Places(fresh := made())
    found = resolve(one.entries, fresh)
    assert [id(value) for value in found] == [id(value) for value in other.objects]
    assert identities(one, one.objects) == identities(other, found)
    used = {step for _, (step, _), _ in one.entries}
    assert used | {"module", "class"} == set(ways.STEPS)


def test_every_step_has_a_text_and_a_way():
    """The tables of steps have the same rows."""
    assert {*steps.FOLLOW, *steps.LISTED} == set(ways.STEPS)
    assert not set(steps.FOLLOW) & set(steps.LISTED)


def text_of(value, application=None):
    """The place of an object that a service holds."""
    application = made() if application is None else application
    places = Places(application)
    return places.text(places.numbers[id(value(outer(application)))])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda one: one, "app/outer"),
        (lambda one: one.services[0], "app/outer/first"),
        (lambda one: one.services[2], "app/outer/Inner[2]"),
        (lambda one: one.attribute, "app/outer.attribute"),
        (lambda one: one.items["a"], "app/outer.items['a']"),
        (lambda one: one.elements[2][1], "app/outer.elements[2][1]"),
        (lambda one: next(iter(one.keyed)), "app/outer.keyed[key 0: holding.Plain]"),
        (lambda one: next(iter(one.keyed.values())), "app/outer.keyed[value 0]"),
        (lambda one: next(m for m in one.group if isinstance(m, holding.Plain)), "app/outer.group{Plain}"),
        (lambda one: one.closure.__closure__[0].cell_contents, "app/outer.closure<part>.cell_contents"),
        (lambda one: one.method.__self__, "app/outer.method.self"),
        (lambda one: one.partial.args[0], "app/outer.partial.args[0]"),
    ],
)
def test_places_as_people_read_them(value, text):
    """By names, attributes, keys and numbers."""
    assert text_of(value) == text


def missing(entries, found):
    return {ways.text(entries, number) for number, one in enumerate(found) if isinstance(one, Missing)}


def changed(change):
    """What becomes of the places of a base when a newer one differs."""
    entries = Places(made()).entries
    newer = made()
    change(outer(newer))
    found = resolve(entries, newer)
    return missing(entries, found), {ways.text(entries, number): one for number, one in enumerate(found)}, outer(newer)


def test_what_is_gone_is_missing_with_all_below_it():
    """And nothing else is."""
    gone, found, newer = changed(lambda one: (delattr(one, "elements"), one.items.pop("a")))
    assert gone == {
        "app/outer.elements", "app/outer.elements[1]", "app/outer.elements[2]", "app/outer.elements[2][1]",
        "app/outer.items['a']",
    }  # fmt: skip
    assert found["app/outer.attribute"] is newer.attribute


def test_named_services_are_found_whatever_their_order():
    """A nameless one is found where its class stands there still; another class is never taken for it."""

    def reorder(one):
        first, second, third = list(one)
        one.services[:] = [second, first, third]

    gone, found, newer = changed(reorder)
    assert found["app/outer/first"] is newer.getServiceNamed("first")
    assert gone == {"app/outer/Inner[1]"}  # a named one stands there now
    assert found["app/outer/Inner[2]"] is newer.services[2]


@pytest.mark.parametrize("value", [5, "text", None, [1]])
def test_steps_by_number_need_the_same_class(value):
    """An element that is something else is none of the old."""
    gone, _, _ = changed(lambda one: one.elements.__setitem__(1, value))
    assert gone == {"app/outer.elements[1]"}


@pytest.mark.parametrize("value", [5, None, "text", object()], ids=["int", "None", "text", "object"])
@pytest.mark.parametrize(
    "name", ["items", "keyed", "elements", "group", "closure", "partial", "method", "slot", "ordered"]
)
def test_another_kind_of_holder_breaks_nothing(name, value):
    """What stood below it is missing."""
    gone, found, newer = changed(lambda one: setattr(one, name, value))
    assert all(place.startswith(f"app/outer.{name}") for place in gone)
    assert gone
    assert found["app/outer.attribute"] is newer.attribute


def test_several_members_of_one_class_have_no_place():
    """They belong to the set that holds them."""
    application = made()
    outer(application).group.add(labelled("another member"))
    places = Places(application)
    group = outer(application).group
    members = [one for one in group if isinstance(one, holding.Plain)]
    assert all(places.number(one) is None for one in members)
    assert {places.owned[id(one)] for one in members} == {places.number(group)}


def test_keys_that_were_drawn_by_chance_are_found_by_their_turn():
    """In a base that the very same recipe made: by class and order; not where their number differs."""

    def named(*keys):
        application = made()
        outer(application).items = {"a": labelled("a"), **{key: labelled(turn) for turn, key in enumerate(keys)}}
        return application

    entries = Places(named("x1", "x2")).entries

    def found(*keys, is_same=True):
        there = resolve(entries, named(*keys), is_same=is_same)
        return [getattr(one, "label", None) for (_, step, _), one in zip(entries, there, strict=True) if step in WANTED]

    WANTED = [("item", "x1"), ("item", "x2")]  # noqa: N806 - a constant of this test
    assert found("y1", "y2") == [0, 1]
    assert found("y1", "y2", is_same=False) == [None, None]
    assert found("y1", "y2", "y3") == [None, None]
    assert found("x2", "y1") == [1, 0]


@pytest.fixture
def module():
    made = sys.modules["placed"] = types.ModuleType("placed")
    exec(
        "class Home:\n    table = {'a': []}\n    def method(self): pass\nregistry = {'b': [1]}\nimport sys\n",
        vars(made),
    )
    yield made
    del sys.modules["placed"]


def test_globals_and_class_attributes_of_own_modules_have_places(module):
    """Of other modules they have none; imports, methods and classes' own names are no state."""
    places = Places(made(), ["placed"])
    texts = {places.text(number): one for number, one in enumerate(places.objects)}
    assert texts["placed:registry"] is module.registry
    assert texts["placed:registry['b']"] is module.registry["b"]
    assert texts["placed:Home.table['a']"] is module.Home.table["a"]
    assert not {"placed:sys", "placed:Home.method"} & set(texts)
    others = Places(made())
    assert not any(others.text(number).startswith("placed") for number in range(len(others.objects)))
    assert [id(one) for one in resolve(places.entries, made())][-3:] == [id(one) for one in places.objects[-3:]]
