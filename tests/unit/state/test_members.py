"""Members of sets, which no step leads to, and elements that are values: what life did to them is kept."""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import uuid

import holding
import pytest
from test_contents import again
from test_marks import base, keeper

from tapdaemon.persist.state.baseline import Baseline


def plain(label):
    one = holding.Plain([label])
    one.label = label
    return one


def named(group):
    group.name = "a name"
    return group


def of(group):
    """The two objects in a set, whatever else is in it."""
    found = []
    for member in group:
        found += [member] if isinstance(member, holding.Plain) else []
        found += of(member) if isinstance(member, (tuple, frozenset)) else []
    return sorted(found, key=lambda one: one.label)


GROUPS = {
    "set": lambda one, other: {one, other},
    "frozenset": lambda one, other: frozenset({one, other}),
    "own frozenset": lambda one, other: named(holding.Members({one, other})),
    "set of tuples": lambda one, other: {(1, one), (2, other)},
    "frozenset in a set": lambda one, other: {frozenset({one, other}), 5},
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("life", ["another holder", "what is below has another holder", "a change inside", "both"])
def test_what_happens_to_a_member_is_kept(group, life):
    """It changes inside, or gets another holder, with which it stays one object; after a second start as well."""

    def made():
        return base(group=GROUPS[group](plain("a"), plain("b")), other=None)

    application = made()
    baseline = Baseline(application)
    baseline.take_ready()
    found = keeper(application)
    one, other = of(found.group)
    if life != "a change inside":
        found.other = one.part if life == "what is below has another holder" else one
    if life in ("a change inside", "both"):
        other.rest = 9
    fresh, second = made(), made()
    again(again(baseline, fresh), second)
    for application in (fresh, second):
        one, other = of(keeper(application).group)
        assert (one.label, other.label, other.rest) == ("a", "b", 9 if life in ("a change inside", "both") else 1)
        wanted = {"a change inside": None, "what is below has another holder": one.part}.get(life, one)
        assert keeper(application).other is wanted
        assert type(keeper(application).group) is type(found.group)
        assert getattr(keeper(application).group, "name", None) == getattr(found.group, "name", None)


def test_members_that_nothing_happened_to_stay_the_bases():
    """What life adds stands beside them: they are not replaced by what they were when the state was saved."""

    def made(text):
        one, other = plain("a"), plain("b")
        one.text = text
        return base(group={one, other}, other=None)

    application = made("old")
    baseline = Baseline(application)
    baseline.take_ready()
    keeper(application).group.add(5)
    fresh = made("new")
    before = of(keeper(fresh).group)
    again(baseline, fresh)
    assert set(map(id, of(keeper(fresh).group))) == set(map(id, before))
    assert 5 in keeper(fresh).group


def test_a_member_that_life_took_out_stays_out():
    """After a second start as well."""

    def made():
        return base(group={plain("a"), plain("b")})

    application = made()
    baseline = Baseline(application)
    baseline.take_ready()
    keeper(application).group.discard(of(keeper(application).group)[0])
    fresh, second = made(), made()
    again(again(baseline, fresh), second)
    assert [[one.label for one in of(keeper(app).group)] for app in (fresh, second)] == [["b"], ["b"]]


VALUES = {
    "int": lambda n: n,
    "bytes": lambda n: b"%d" % n,
    "uuid": lambda n: uuid.UUID(int=n),
    "datetime": lambda n: dt.datetime(2020, 1, n, tzinfo=dt.UTC),
    "decimal": decimal.Decimal,
    "path": lambda n: pathlib.Path(str(n)),
    "tuple": lambda n: (n, "a"),
    "tuple of tuples": lambda n: (n, (decimal.Decimal(n), "a")),
    "frozenset": lambda n: frozenset({n, (n, n)}),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", [list, set])
@pytest.mark.parametrize("is_newer", [False, True], ids=["the same base", "a newer base"])
def test_values_that_life_took_out_stay_out(value, kind, is_newer):
    """An element that is a value is known by it, in a newer base as well, and beside what that one has of its own."""
    make = VALUES[value]

    def made(*more):
        return base(group=kind([make(1), make(2), *more]))

    application = made()
    baseline = Baseline(application)
    baseline.take_ready()
    group = keeper(application).group
    group.remove(make(1))
    (group.add if kind is set else group.append)(make(3))
    more = [make(9)] if is_newer else []
    fresh, second = made(*more), made(*more)
    again(again(baseline, fresh), second)
    for one in (fresh, second):
        assert len(keeper(one).group) == 2 + is_newer
        assert set(keeper(one).group) == {make(2), make(3), *more}


@pytest.mark.parametrize("keys", ["cab", "bca", "acb", "b", "bdca", "dcba", "dabc"])
def test_the_order_of_keys_is_kept(keys):
    """After a second start as well: that one's own order is no change of the start's."""

    def made():
        return base(table=dict.fromkeys("abc", 1))

    application = made()
    baseline = Baseline(application)
    baseline.take_ready()
    table = keeper(application).table
    table.clear()
    table.update(dict.fromkeys(keys, 1))
    fresh, second = made(), made()
    again(again(baseline, fresh), second)
    assert ["".join(keeper(one).table) for one in (fresh, second)] == [keys, keys]
