"""Ways to hold an object, for the tests that take one out of each; objects are held through no name of theirs."""

from __future__ import annotations

import types
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque, namedtuple
from functools import partial

Pair = namedtuple("Pair", "first second")  # noqa: PYI024 - the classic form is one of the ways


class Parts(tuple):  # noqa: SLOT001 - it has attributes
    """A tuple with attributes."""


class Members(frozenset):
    """A frozenset with attributes."""


class Slotted:
    __slots__ = ("part", "rest")

    def __init__(self, part):
        self.part, self.rest = part, 1


class Plain:
    """What the base has, and a newer one does not."""

    def __init__(self, part=None):
        self.part, self.rest = part, 1

    def method(self):
        return self.rest


def call(*parts, **names):
    return parts, names


def with_default(part):
    def inner(one=part, *, other=part):
        return one, other

    return inner


def over_cell(part):
    def inner():
        return part

    return inner


def raised(part):
    error = ValueError("a reason", part)
    error.part = part
    return error


def with_attribute(value, part):
    value.part = part
    return value


WAYS = {
    "attribute": Plain,
    "slot": Slotted,
    "namespace": lambda part: types.SimpleNamespace(part=part, rest=1),
    "list": lambda part: [1, part],
    "deque": lambda part: deque([1, part], 5),
    "set": lambda part: {1, part},
    "set of tuples": lambda part: {1, (2, part)},
    "dict": lambda part: {"a": part, "b": 1},
    "key": lambda part: {"a": 1, part: 2, "b": 3},
    "key in a tuple": lambda part: {"a": 1, (1, part): 2, "b": 3},
    "default dict": lambda part: defaultdict(list, {"a": part, "b": 1}),
    "ordered dict": lambda part: OrderedDict(a=part, b=1),
    "key of an ordered dict": lambda part: OrderedDict([("a", 1), (part, 2), ("b", 3)]),
    "key in a tuple of an ordered dict": lambda part: OrderedDict([("a", 1), ((1, part), 2), ("b", 3)]),
    "chain": lambda part: ChainMap({"a": part}, {"b": 1}),
    "user's dict": lambda part: UserDict({"a": part, "b": 1}),
    "tuple": lambda part: (1, part),
    "tuple in a tuple": lambda part: (1, (2, part)),
    "tuple in a list in a tuple": lambda part: (1, [(2, part)]),
    "named tuple": lambda part: Pair(1, part),
    "own tuple": lambda part: with_attribute(Parts((1, part)), part),
    "frozenset": lambda part: frozenset({1, part}),
    "own frozenset": lambda part: with_attribute(Members({1, part}), part),
    "frozenset of tuples": lambda part: frozenset({(1, part)}),
    "proxy": lambda part: types.MappingProxyType({"a": part}),
    "slice": lambda part: [slice(part, 2)],
    "partial": lambda part: partial(call, 1, part),
    "name of a partial": lambda part: partial(call, 1, part=part),
    "tuple in a partial": lambda part: partial(call, (1, part)),
    "called by a partial": lambda part: partial(part.method, 1),
    "method": lambda part: part.method,
    "method of another": lambda part: types.MethodType(call, part),
    "methods in a tuple": lambda part: (part, types.MethodType(call, part)),
    "cell": over_cell,
    "default": with_default,
    "exception": raised,
}
"""By name: what holds an object that has a `method` and is hashed by identity."""
