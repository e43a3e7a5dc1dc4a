"""What stands for an object that did not come back is taken out of everything that holds it."""

from __future__ import annotations

import gc
import sys
import time
import types

import holding
import livelihood
import pytest
from twisted.application.service import IServiceCollection

import tapdaemon
from tapdaemon.persist.rules import rebuild
from tapdaemon.persist.state import applying, saving, sweeping
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.persist.state.resolving import Missing

OLD = """
class Old:
    def method(self):
        return 1
"""


@pytest.fixture
def module():
    """A module whose class is there when the state is saved, and gone when it is loaded."""
    made = sys.modules["changing"] = types.ModuleType("changing")
    exec(OLD, vars(made))
    yield made
    del sys.modules["changing"]


def base(**attributes):
    application = tapdaemon.Application("app")
    service = livelihood.Keeper()
    service.setName("keeper")
    service.visits, service.goods, service.queue = 0, {"tea": 1}, ["first"]
    vars(service).update(attributes)
    service.setServiceParent(application)
    return application


def keeper(application):
    return IServiceCollection(application).getServiceNamed("keeper")


def saved(application, change):
    """The change set of a life that changes the keeper."""
    baseline = Baseline(application)
    baseline.take_ready()
    change(keeper(application))
    changes = saving._saved(baseline, {}, lambda _: None, is_running=True)
    assert not changes.left_out
    return changes.payload


def reached(root):
    """Every mark below an object, as the collector sees what refers to what."""
    stack, seen, found = [root], {}, []
    while stack:
        value = stack.pop()
        if isinstance(value, (rebuild.Gone, Missing)) or (
            isinstance(value, type) and issubclass(value, rebuild.Gone) and value is not rebuild.Gone
        ):
            found.append(value)
        if id(value) in seen or isinstance(value, (type, types.ModuleType, types.FrameType)):
            continue
        seen[id(value)] = value
        if isinstance(value, types.FunctionType):  # beside its module's names
            stack += [value.__closure__, value.__defaults__, value.__kwdefaults__, vars(value)]
        else:
            stack += gc.get_referents(value)
    return found


@pytest.mark.parametrize("way", holding.WAYS)
@pytest.mark.parametrize("what", ["an object whose class is gone", "an object that the newer base lacks"])
def test_no_mark_is_left(module, what, way):
    """Whatever held it, by itself or deeper in what is new; the rest is kept, and what is missing is told."""
    is_gone = what == "an object whose class is gone"
    application = base() if is_gone else base(friend=holding.Plain())
    make = holding.WAYS[way]

    def life(one):
        part = module.Old() if is_gone else one.friend
        one.visits, one.held, one.inner = 7, make(part), holding.Plain(make(part))
        one.goods["held"] = make(part)
        one.queue.append(make(part))

    payload = saved(application, life)
    if is_gone:
        del module.Old
    fresh = base()
    (told,) = applying.apply(payload, fresh, Baseline(fresh)).lost
    assert ("changing.Old" if is_gone else "app/keeper.friend") in told
    assert reached(fresh) == []
    found = keeper(fresh)
    assert (found.visits, found.goods["tea"], found.queue[0], found.inner.rest) == (7, 1, "first", 1)


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        ("tuple in a tuple", (1, (2, None))),
        ("named tuple", holding.Pair(1, None)),
        ("frozenset", frozenset({1})),
        ("set of tuples", {1, (2, None)}),
        ("key in a tuple of an ordered dict", {"a": 1, (1, None): 2, "b": 3}),
        ("key of an ordered dict", {"a": 1, "b": 3}),
        ("deque", holding.deque([1], 5)),
        ("method", None),
        ("called by a partial", None),
    ],
)
def test_what_cannot_be_changed_is_made_again(module, way, wanted):
    """With nothing in the place of the mark, of the same class, in the same order; what was its alone is None."""
    payload = saved(base(), lambda one: setattr(one, "inner", holding.Plain(holding.WAYS[way](module.Old()))))
    del module.Old
    fresh = base()
    applying.apply(payload, fresh, Baseline(fresh))
    part = keeper(fresh).inner.part
    assert part == wanted
    assert type(part) is type(wanted) or isinstance(wanted, dict)
    if isinstance(wanted, dict):
        assert list(part) == list(wanted)


def test_what_is_made_again_stays_one_object(module):
    """Two holders of one tuple hold one tuple, and one partial still calls the same."""

    def life(one):
        pair = (1, module.Old())
        one.inner = [holding.Plain(pair), holding.Plain(pair), holding.partial(holding.call, pair)]

    payload = saved(base(), life)
    del module.Old
    fresh = base()
    applying.apply(payload, fresh, Baseline(fresh))
    one, other, call = keeper(fresh).inner
    assert one.part is other.part is call()[0][0]


def test_attributes_of_classes_are_replaced_as_a_class_has_them():
    """Python remembers what a class has: what is put into its dictionary alone is not seen."""

    class Home:
        part = old = holding.Plain()

    one = Home()
    assert one.part is Home.old
    sweeping.replace([(Home.old, 5)])
    assert (one.part, Home.part, Home.old) == (5, 5, 5)


def test_very_many_marks_are_swept_at_once(module):
    """Ten thousand objects of a class that is gone, each held by an object: no search of all memory for each."""
    count = 10_000
    payload = saved(base(), lambda one: setattr(one, "inner", [holding.Plain(module.Old()) for _ in range(count)]))
    del module.Old
    fresh = base()
    baseline = Baseline(fresh)
    begin = time.process_time()
    applying.apply(payload, fresh, baseline)
    assert time.process_time() - begin < 10  # a search for each takes minutes
    found = keeper(fresh).inner
    assert (len(found), {one.part for one in found}) == (count, {None})
