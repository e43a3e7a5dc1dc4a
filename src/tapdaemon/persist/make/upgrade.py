"""A graph that another version of a distribution saved, completed from a fresh build of its recipe.

What a newer class sets in __init__ the saved object lacks; the fresh build has it.  The two are walked in step from
their services; only attributes that the saved object has not at all are taken, and where one of them leads to an object
that has its counterpart in the graph, it leads there.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

from twisted.application.service import IService

_PLAIN = (str, bytes, int, float, bool, complex, type(None), type)
_NODES = 1_000_000


def complete(application: Any, fresh: Any) -> list[str]:
    """Give the saved objects what they lack.

    :param application: as it was loaded.
    :param fresh: made by the same recipe, here and now; it is used up.
    :returns: class and attribute of what was given.
    """
    pairs = list(_pairs(IService(application), IService(fresh)))
    counterpart = {id(new): old for old, new in pairs}
    given = []
    for old, new in pairs:
        for name, value in _attributes(new):
            if not hasattr(old, name):
                setattr(old, name, _translated(value, counterpart, set()))
                given.append(f"{type(old).__qualname__}.{name}")
    return given


def _pairs(old: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    """The objects of the two graphs that stand at the same place and are of the same class."""
    stack = [(old, new)]
    seen: set[int] = set()
    while stack and len(seen) < _NODES:
        one, other = stack.pop()
        if isinstance(one, _PLAIN) or id(one) in seen or not _alike(one, other):
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            stack += [(one[key], other[key]) for key in one.keys() & other.keys()]
        elif isinstance(one, (list, tuple)):
            stack += list(zip(one, other, strict=False)) if len(one) == len(other) else []
        else:
            yield one, other
            theirs = dict(_attributes(other))
            stack += [(value, theirs[name]) for name, value in _attributes(one) if name in theirs]


def _alike(one: Any, other: Any) -> bool:
    return type(one) is type(other)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """What an instance has itself, in __dict__ or slots."""
    found = list(vars(value).items()) if isinstance(getattr(value, "__dict__", None), dict) else []
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                found.append((name, getattr(value, name)))
    return found


def _translated(value: Any, counterpart: dict[int, Any], seen: set[int]) -> Any:
    """A fresh value, whose ways into the fresh graph lead into the saved one."""
    if isinstance(value, _PLAIN) or id(value) in seen:
        return value
    if id(value) in counterpart:
        return counterpart[id(value)]
    seen.add(id(value))
    if isinstance(value, MethodType):
        return MethodType(value.__func__, _translated(value.__self__, counterpart, seen))
    if isinstance(value, dict):
        for key in list(value):
            value[key] = _translated(value[key], counterpart, seen)
    elif isinstance(value, list):
        value[:] = [_translated(one, counterpart, seen) for one in value]
    elif isinstance(value, tuple) and type(value) is tuple:
        return tuple(_translated(one, counterpart, seen) for one in value)
    elif isinstance(getattr(value, "__dict__", None), dict) and not callable(value):
        for name, one in list(vars(value).items()):
            vars(value)[name] = _translated(one, counterpart, seen)
    return value
