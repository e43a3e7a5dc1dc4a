"""What an object is made of: its shallow state, its parts and the steps that lead to them; it changes nothing."""

from __future__ import annotations

import collections
import functools
import operator
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tapdaemon.persist.rules import live
from tapdaemon.persist.rules.functions import has_global_name, is_bound, module_of
from tapdaemon.persist.state import kinds
from tapdaemon.persist.state.contents import content
from tapdaemon.persist.state.kinds import ATOMS, Plan, plan_of, qualified

Shallow = dict[str, Any]
"""The state of one object by facet, a copy one level deep; see `kinds.FACETS`."""


class Part(NamedTuple):
    """A part of an object.

    :param step: how the object leads to it: a kind of step (see `ways.STEPS`) and a name, key or number.
    """

    step: tuple[str, Any]
    value: Any


# ---- shallow state


def shallow(value: Any, before: Shallow | None = None) -> Shallow:
    """The object's state by facet; empty for a leaf.

    :param before: its state at an earlier moment: that very state is returned where every part is the same object.
    """
    plan = plan_of(type(value))
    if before is not None and plan.is_plain:
        own, old = _own(value), before.get("attributes", {})
        if len(own) == len(old) and all(map(operator.is_, own.values(), old.values())) and _are_keys(own, old):
            return before
    return {facet: _READERS[facet](value, plan) for facet in plan.facets}


def attributes(value: Any) -> dict[str, Any]:
    """The object's own attributes and slots, whatever its class says of attributes."""
    if type(value) is types.CellType:
        try:
            return {"cell_contents": value.cell_contents}
        except ValueError:
            return {}
    found = dict(_own(value))
    for name in plan_of(type(value)).slots:
        try:
            found[name] = object.__getattribute__(value, name)
        except AttributeError:  # an empty slot
            continue
    return found


def _own(value: Any) -> dict[str, Any]:
    """The dictionary of an object itself; an empty one where it has none, or its class puts another thing there."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return own if type(own) is dict else {}


def is_pending(value: Any) -> bool:
    """Whether an event has yet to happen, and nobody waits for it who would be lost."""
    if not plan_of(type(value)).is_event:
        return False
    own = attributes(value)
    return not own.get("called") and not live.is_live(value)


def _attributes(value: Any, plan: Plan) -> dict[str, Any]:
    found = attributes(value)
    if plan.is_event:
        return {"result": found["result"]} if "result" in found else {}
    if plan.hidden:
        for name in plan.hidden:
            found.pop(name, None)
    return found


_READERS: dict[str, Callable[[Any, Plan], Any]] = {
    "attributes": _attributes,
    "items": lambda value, _: ordered_items(value),
    "elements": lambda value, _: list(list.__iter__(value) if isinstance(value, list) else value),
    "members": lambda value, _: list(set.__iter__(value)),
    "content": lambda value, _: content(value),
}


def class_attributes(kind: type) -> dict[str, Any]:
    """What an application may change in a class of its own: its data, not its methods and descriptors."""
    return {
        name: value
        for name, value in vars(kind).items()
        if not (name.startswith(("__", "_abc_")) or isinstance(value, _CLASS_PARTS) or hasattr(type(value), "__get__"))
    }


_CLASS_PARTS = (type, types.FunctionType, staticmethod, classmethod, property)


def module_attributes(module: types.ModuleType) -> dict[str, Any]:
    """What an application may change in a module of its own: what its top level has named, but for imports."""
    return {
        name: value
        for name, value in vars(module).items()
        if not (name.startswith("__") or isinstance(value, (types.ModuleType, type)))
    }


def ordered_items(value: Any) -> dict[Any, Any]:
    """In the order that the dict itself has."""
    is_ordered = isinstance(value, collections.OrderedDict)
    return dict(collections.OrderedDict.items(value) if is_ordered else dict.items(value))


def own_classes(modules: frozenset[str]) -> list[type]:
    """The classes that these modules define at their top level, in order of definition."""
    return [
        value
        for name in sorted(modules)
        for value in vars(sys.modules[name]).values()
        if isinstance(value, type) and value.__module__ == name and "<" not in value.__qualname__
    ]


# ---- parts


def parts(value: Any) -> Iterator[Part]:
    """The parts of an object that can be walked on, in an order that is the same for the same making."""
    plan = plan_of(type(value))
    if plan.is_leaf:
        return
    if plan.special is not None:
        yield from _SPECIAL[plan.special](value)
    for facet in plan.facets:
        if facet != "content":
            yield from _PARTS[facet](_READERS[facet](value, plan))


def _of_items(items: dict[Any, Any]) -> Iterator[Part]:
    for number, (key, part) in enumerate(items.items()):
        if is_nameable(key):
            yield Part(("item", key), part)
        else:
            yield Part(("key", number), key)
            yield Part(("value", number), part)


def _of_members(members: list[Any]) -> Iterator[Part]:
    """The only one of its class has a place; of several nothing tells which is which."""
    counts = collections.Counter(type(member) for member in members)
    for member in members:
        if counts[type(member)] == 1:
            yield Part(("member", qualified(type(member))), member)


_PARTS: dict[str, Callable[[Any], Iterator[Part]]] = {
    "attributes": lambda found: (Part(("attribute", name), part) for name, part in found.items()),
    "items": _of_items,
    "elements": lambda found: (Part(("element", number), part) for number, part in enumerate(found)),
    "members": _of_members,
}


def is_nameable(key: Any) -> bool:
    """Whether a key says by itself what it is, in every process."""
    kind = type(key)
    if kind in ATOMS or isinstance(key, type) or kinds.is_named(kind):
        return True
    if kind is tuple:
        return all(is_nameable(part) for part in key)
    return kinds.is_choice(kind)


def _of_method(method: types.MethodType) -> Iterator[Part]:
    if module_of(method) is not None:
        return
    yield Part(("special", "self"), method.__self__)
    yield Part(("special", "function"), method.__func__)


def _of_builtin(method: Any) -> Iterator[Part]:
    """Of a method of an object of C's, the object; a function has none."""
    if is_bound(method) and module_of(method) is None:
        yield Part(("special", "self"), method.__self__)


def _of_function(function: types.FunctionType) -> Iterator[Part]:
    if has_global_name(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield Part(("cell", name), cell)
    for name in ("__defaults__", "__kwdefaults__"):
        yield Part(("special", name), getattr(function, name))


def _of_partial(partial: functools.partial[Any]) -> Iterator[Part]:
    yield Part(("special", "func"), partial.func)
    yield Part(("special", "args"), partial.args)
    yield Part(("special", "keywords"), partial.keywords)


def _of_tuple(value: tuple[Any, ...]) -> Iterator[Part]:
    return (Part(("element", number), part) for number, part in enumerate(value))


_SPECIAL: dict[type, Callable[[Any], Iterator[Part]]] = {
    types.MethodType: _of_method,
    types.BuiltinMethodType: _of_builtin,
    types.MethodWrapperType: _of_builtin,
    types.FunctionType: _of_function,
    functools.partial: _of_partial,
    tuple: _of_tuple,
    frozenset: lambda value: _of_members(list(value)),
}


# ---- comparing


def same(one: Any, other: Any) -> bool:
    """Whether a value is what it was: the same object, or an equal value; no __eq__ of the application's is asked."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if plan_of(kind).is_value:
        return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - not a number is what it was
    compare = _SAME.get(kind)
    return compare is not None and compare(one, other)


_SAME: dict[type, Callable[[Any, Any], bool]] = {
    tuple: lambda one, other: len(one) == len(other) and all(map(same, one, other)),
    types.MethodType: lambda one, other: one.__self__ is other.__self__ and one.__func__ is other.__func__,
    types.BuiltinMethodType: lambda one, other: one.__self__ is other.__self__ and one.__name__ == other.__name__,
    types.MethodWrapperType: lambda one, other: one.__self__ is other.__self__ and one.__name__ == other.__name__,
    frozenset: lambda one, other: len(one) == len(other) and all(type(part) in ATOMS for part in one) and one == other,
}
"""Values that are made of others."""


def is_unchanged(before: Shallow, now: Shallow) -> bool:
    """Whether no facet of an object differs."""
    return before.keys() == now.keys() and all(_same_facet(content, now[facet]) for facet, content in before.items())


def _same_facet(before: Any, now: Any) -> bool:
    if isinstance(before, bytes):
        return bool(before == now)
    if len(before) != len(now):
        return False
    if isinstance(before, dict):
        return _are_keys(before, now) and are_same(list(before.values()), list(now.values()))
    return are_same(before, now)


def _are_keys(before: dict[Any, Any], now: dict[Any, Any]) -> bool:
    """Whether two dicts have the same keys in the same order."""
    return all(map(operator.is_, before, now)) or (list(before) == list(now))


def are_same(before: Sequence[Any], now: Sequence[Any]) -> bool:
    """Whether each part is what it was.  At C's speed where all are the same objects, which is the rule."""
    return len(before) == len(now) and (all(map(operator.is_, before, now)) or all(map(same, before, now)))
