"""Change sets on bases: of the same making, of newer ones, and of ones that lack what the change set names."""

from __future__ import annotations

import gc
import sys
import types

import livelihood
import pytest
import shapes
from twisted.application.service import IServiceCollection
from twisted.persisted import styles

import tapdaemon
from tapdaemon.persist.codec import pickling, unpickling
from tapdaemon.persist.rules import rebuild
from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.persist.state.resolving import Missing


def base(*services):
    made = tapdaemon.Application("app")
    for one in services:
        one.setServiceParent(made)
    return made


def keeper(thing=None, name="keeper", **attributes):
    made = livelihood.Keeper(thing)
    made.setName(name)
    vars(made).update(attributes)
    return made


def service(application, name="keeper"):
    return IServiceCollection(application).getServiceNamed(name)


def lived(application, life):
    baseline = Baseline(application)
    baseline.take_ready()
    life(service(application))
    changes = saving.save(baseline, is_running=True)
    assert changes.left_out == ()
    return changes


def applied(changes, application):
    """What was lost, with no mark left anywhere."""
    found = applying.apply(changes.payload, application, Baseline(application))
    marks = [one for one in gc.get_objects() if type(one) is Missing or issubclass(type(one), rebuild.Gone)]
    assert marks == []
    return found.lost


def resumed(changes, application):
    assert applied(changes, application) == []
    return service(application)


@pytest.mark.parametrize("name", sorted(shapes.KINDS))
@pytest.mark.parametrize("way", ["of the base", "new", "new in a list"])
def test_an_object_of_every_shape_comes_back(name, way):
    """Whether the base has it, and its inside changed, or life made it; after a second start as well."""
    make = shapes.KINDS[name]

    def made_again():
        return base(keeper({"shape": make(1)}))

    def shape(one):
        return one.thing["shape"] if way == "of the base" else one.made[0] if way == "new in a list" else one.made

    def life(one):
        new = make(3)
        one.made = [new, new] if way == "new in a list" else new
        shape(one).change(7)

    application = made_again()
    changes = lived(application, life)
    wanted = shape(service(application)).told()
    first = made_again()
    baseline = Baseline(first)
    assert applying.apply(changes.payload, first, baseline).lost == []
    assert shape(service(first)).told() == wanted
    baseline.take_ready()
    second = resumed(saving.save(baseline, is_running=True), made_again())
    assert shape(second).told() == wanted
    assert way != "new in a list" or second.made[0] is second.made[1]


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "of the base"])
def test_versioned_objects_are_upgraded(is_new, monkeypatch):
    """From 1 to 2, once, whether life made the object or the base has it; the base's own is of version 2 already."""
    upgraded = []

    def upgrade(one):
        upgraded.append(one)
        one.total = one.number * 10
        del one.number

    def life(one):
        (one.thing if not is_new else one).__dict__.update({"number": 7} if not is_new else {"made": shapes.Aged(7)})

    changes = lived(base(keeper(shapes.Aged(1))), life)
    monkeypatch.setattr(shapes.Aged, "persistenceVersion", 2)
    monkeypatch.setattr(shapes.Aged, "upgradeToVersion2", upgrade, raising=False)
    newer = shapes.Aged(1)
    newer.total = newer.__dict__.pop("number")
    found = resumed(changes, base(keeper(newer)))
    one = found.made if is_new else found.thing
    assert (vars(one), upgraded) == ({"total": 70}, [one])
    assert styles.versionedsToUpgrade == {}


@pytest.fixture
def module():
    """A module that a test changes between the save and the load."""
    made = types.ModuleType("changing")
    sys.modules["changing"] = made
    exec("class Old:\n    pass\nclass Other:\n    pass\ndef function():\n    pass\n", vars(made))
    yield made
    del sys.modules["changing"]


@pytest.mark.parametrize("where", ["attribute", "item", "list", "tuple", "inside", "set", "key", "shared"])
def test_objects_of_a_class_that_is_gone_are_named_and_taken_out(module, where):
    """The rest stays: what stood beside, what it stood in; the base's own value where it stood for one."""

    def life(one):
        old = module.Old()
        old.own = [1]
        one.visits = 7
        {
            "attribute": lambda: setattr(one, "thing", old),
            "item": lambda: one.table.update(old=old),
            "list": lambda: one.items.append(old),
            "tuple": lambda: setattr(one, "pair", (1, old)),
            "inside": lambda: setattr(one, "other", keeper([old, "kept"])),
            "set": lambda: setattr(one, "group", {old, 1}),
            "key": lambda: setattr(one, "by_object", {old: 1, "kept": 2}),
            "shared": lambda: setattr(one, "shared", [old, {"old": old}, (old,), module.Other()]),
        }[where]()

    changes = lived(base(keeper("own", table={"a": 1}, items=["a"])), life)
    del module.Old
    fresh = base(keeper("own", table={"a": 1}, items=["a"]))
    (told,) = applied(changes, fresh)
    assert "changing.Old" in told
    found = service(fresh)
    assert (found.visits, found.thing, found.table, found.items) == (7, "own", {"a": 1}, ["a"])
    if where == "inside":
        assert found.other.thing == ["kept"]
    if where == "set":
        assert found.group == {1}
    if where == "tuple":
        assert found.pair == (1, None)
    if where == "key":
        assert found.by_object == {"kept": 2}
    if where == "shared":
        assert found.shared[0] == {}
        assert type(found.shared[-1]) is module.Other


def test_a_function_that_is_gone_is_named(module):
    """By its module and name."""
    changes = lived(base(keeper()), lambda one: vars(one).update(call=module.function, visits=7))
    del module.function
    fresh = base(keeper())
    (told,) = applied(changes, fresh)
    assert "changing.function" in told
    assert service(fresh).visits == 7
    assert not hasattr(service(fresh), "call")


def test_a_function_whose_code_changed_is_not_loaded(monkeypatch):
    """Another function than the one that was saved never stands in its place: it is named."""
    changes = lived(base(keeper()), lambda one: vars(one).update(call=livelihood.make_holder(5), visits=7))
    payload = changes.payload
    from tapdaemon.persist.rules import digests

    home = digests.functions_of("livelihood")
    digest = next(
        home.digest(one) for one in home.named("make_holder.<locals>.<lambda>") if home.digest(one).encode() in payload
    )
    other = changes._replace(payload=payload.replace(digest.encode(), b"0" * len(digest)))
    fresh = base(keeper())
    (told,) = applied(other, fresh)
    assert "its code changed" in told
    assert service(fresh).visits == 7
    assert not hasattr(service(fresh), "call")


def test_a_class_that_refuses_its_state_is_named_and_the_rest_is_kept(module, monkeypatch):
    """What fails when it is loaded is that object's loss alone."""

    def refuse(self, state):
        raise ValueError("not as I was")

    def life(one):
        one.visits, one.old, one.others = 7, module.Old(), [module.Old(), module.Other(), 5]
        one.old.own = one.others[0].own = 1

    changes = lived(base(keeper()), life)
    module.Old.__setstate__ = refuse
    fresh = base(keeper())
    told = applied(changes, fresh)
    assert told
    assert all("changing.Old" in one and "not as I was" in one for one in told)
    found = service(fresh)
    assert (found.visits, found.others[-1]) == (7, 5)
    assert [type(one) for one in found.others if type(one) is module.Other] == [module.Other]


@pytest.mark.parametrize("kind", ["dict", "list", "set"])
def test_a_container_that_refuses_what_it_held_is_named_and_the_rest_is_kept(module, kind):
    """A newer class that takes no such thing, or asks for an attribute that it does not have yet."""
    exec(f"class Held({kind}):\n    pass\n", vars(module))

    def refuse(self, *_):
        raise ValueError("none of these")

    def life(one):
        one.visits, one.held = 7, module.Held({"a": 1})

    changes = lived(base(keeper()), life)
    for name in ("__setitem__", "append", "extend", "__init__"):
        setattr(module.Held, name, refuse)
    fresh = base(keeper())
    (told,) = applied(changes, fresh)
    assert "changing.Held" in told
    assert "none of these" in told
    assert service(fresh).visits == 7


def test_services_that_are_gone_moved_or_renamed_are_named():
    """What had changed in them, and what referred to them; the rest is kept."""

    def life(one):
        other = next(child for child in one.parent if child is not one)
        other.visits, one.visits, one.friend, one.friends = 3, 7, other, [other, "kept"]

    changes = lived(base(keeper("a"), keeper("b", "other")), life)
    for others in ([], [keeper("b", "renamed")]):
        fresh = base(keeper("a"), *others)
        told = applied(changes, fresh)
        assert any("app/other is no longer there, and had changed (visits)" in one for one in told)
        assert any("app/other is no longer there, and was referred to" in one for one in told)
        found = service(fresh)
        assert (found.visits, found.friends, getattr(found, "friend", None)) == (7, ["kept"], None)
        assert all(not hasattr(one, "visits") for one in others)


def test_lists_and_dicts_of_a_newer_base_are_merged():
    """Its own additions and removals stand beside what life did."""

    def life(one):
        one.items.remove("b")
        one.items.append("life")
        one.table["life"] = 1
        del one.table["b"]
        one.codes |= {9}

    changes = lived(base(keeper(items=["a", "b"], table={"a": 1, "b": 2}, codes={1, 2})), life)
    newer = base(keeper(items=["a", "b", "newer"], table={"a": 5, "b": 2, "newer": 3}, codes={1, 3}))
    found = resumed(changes, newer)
    assert found.items == ["a", "newer", "life"]
    assert found.table == {"a": 5, "newer": 3, "life": 1}
    assert found.codes == {1, 3, 9}


@pytest.mark.parametrize("way", pickling._WAYS, ids=["fast", "deferred", "deep"])
@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 70_000])
def test_references_are_numbered_as_this_python_numbers_its_memo(way, count, monkeypatch):
    """What is known is referred to, and what comes after it has other numbers; whichever pickler wrote it."""
    monkeypatch.setattr(pickling, "_WAYS", (way,))
    known = [[number] for number in range(count)]
    new = {"again": known[-1]}
    dumped = pickling.dump([[known[0], new, known[-1], new], new], known=known)
    there = [[-number] for number in range(count)]

    def lost(module, name, error):
        raise error

    first, second = unpickling.load(dumped.payload, lost, there)
    assert first[0] is there[0]
    assert first[2] is first[1]["again"] is there[-1]
    assert first[1] is first[3] is second
    assert len(dumped.payload) < count * 12 + 200
