"""The steps that lead from an object to its parts, and how each is followed in another base."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from twisted.application.service import IService

from tapdaemon.persist.state.objects import attributes, ordered_items
from tapdaemon.tapfile.graph.ways import ROOT

__all__ = ["FOLLOW", "GONE", "LISTED", "ROOT", "Entry", "Step"]

Step = tuple[str, Any]


class Entry(NamedTuple):
    """A line of the table of places.

    :param parent: the number of the object that leads to it, or `ROOT`.
    :param step: how: see `FOLLOW`.
    :param kind: its class, with its module.
    """

    parent: int
    step: Step
    kind: str


def _follow_service(collection: Any, name: Any) -> Any:
    return next(child for child in list(collection) if getattr(child, "name", None) == name)


def _follow_child(collection: Any, key: tuple[str, int]) -> Any:
    """A nameless service: the one of its class at that place among the children."""
    child = list(collection)[key[1]]
    if type(child).__qualname__ != key[0] or getattr(child, "name", None):
        raise LookupError(key)
    return child


def _follow_attribute(value: Any, name: str) -> Any:
    if isinstance(value, (type, type(sys))):
        return vars(value)[name]
    return attributes(value)[name]


def _follow_member(value: Any, kind: str) -> Any:
    (found,) = [one for one in value if f"{type(one).__module__}.{type(one).__qualname__}" == kind]
    return found


def _follow_cell(function: Any, name: str) -> Any:
    return function.__closure__[function.__code__.co_freevars.index(name)]


_SPECIAL_NAMES: Mapping[str, str] = {"self": "__self__", "function": "__func__"}


def _follow_class(_: Any, key: str) -> Any:
    module, _, name = key.partition(":")
    value: Any = sys.modules[module]
    for part in name.split("."):
        value = vars(value)[part]
    return value


FOLLOW: Mapping[str, Callable[[Any, Any], Any]] = {
    "root": lambda application, _: IService(application),
    "application": lambda application, _: application,
    "module": lambda _, key: sys.modules[key],
    "class": _follow_class,
    "service": _follow_service,
    "child": _follow_child,
    "attribute": _follow_attribute,
    "item": dict.__getitem__,
    "member": _follow_member,
    "cell": _follow_cell,
    "special": lambda value, key: getattr(value, _SPECIAL_NAMES.get(key, key)),
}
"""How each kind of step leads from an object by a key; it raises one of `GONE` where there is no such step."""
LISTED: Mapping[str, Callable[[Any], list[Any]]] = {
    "key": lambda value: list(ordered_items(value)),
    "value": lambda value: list(ordered_items(value).values()),
    "element": list,
}
"""Steps by number alone: what they number.  With `FOLLOW` these are the steps of `ways.STEPS`."""
GONE = (LookupError, AttributeError, TypeError, ValueError, StopIteration)
