"""Applications of random objects by a recipe of numbers; what happens to them stands in `operations`."""

from __future__ import annotations

import enum
import itertools
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.application.service import Application, MultiService, Service


class Thing:
    """An object with attributes; its label orders it in a set."""

    def __init__(self, label):
        self.label = label

    def method(self):
        return self.label


class Slotted:
    __slots__ = ("label", "left", "right")

    def __init__(self, label):
        self.label = label


@dataclass
class Record:
    label: Any
    left: Any = None
    parts: list = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    label: Any
    left: Any = None

    __hash__ = object.__hash__


class Stack(list):
    """A list with attributes."""


class Book(dict):
    """A dict with attributes."""


class Guarded(Thing):
    """What lets nobody set its attributes."""

    def __init__(self, label):
        self.__dict__["label"] = label

    def __setattr__(self, name, value):
        raise AttributeError(name)


class Answering(Thing):
    """What answers for every attribute, and recurses before it is whole."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.attribute_that_is_nowhere


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def function(content):
    def inner():
        return content

    return inner


class Room(MultiService):
    """A service that makes something at its start, and takes it away at its stop."""

    run_table = run_flag = None

    def startService(self):
        super().startService()
        self.run_table, self.run_flag = {"connections": []}, True

    def stopService(self):
        self.run_table = self.run_flag = None
        return super().stopService()


class Leaf(Service):
    pass


NAMES = ("a", "b", "c", "left", "right")
SCALARS = (0, 1, -7, 2.5, "x", "", b"y", None, True, (1, 2), Colour.RED, Colour.BLUE, 10**30, float("inf"))


def _filled(made, refs):
    for name, ref in zip(("left", "right", "a"), refs, strict=False):
        if isinstance(made, Guarded):
            made.__dict__[name] = ref
        elif not isinstance(made, Slotted) or name != "a":
            object.__setattr__(made, name, ref)


def _thing(kind):
    return kind, _filled


KINDS = {
    "list": (lambda _: [], lambda made, refs: made.extend(refs)),
    "dict": (lambda _: {}, lambda made, refs: made.update(zip(("a", "b", 1), refs, strict=False))),
    "keyed": (lambda _: {}, lambda made, refs: made.update((ref, turn) for turn, ref in enumerate(hashable(refs)))),
    "set": (lambda _: set(), lambda made, refs: made.update(hashable(refs))),
    "deque": (lambda _: deque(maxlen=9), lambda made, refs: made.extend(refs)),
    "ordered": (lambda _: OrderedDict(), lambda made, refs: made.update(zip("bac", refs, strict=False))),
    "default": (lambda _: defaultdict(list), lambda made, refs: made.update(zip("bac", refs, strict=False))),
    "stack": (lambda _: Stack(), lambda made, refs: made.extend(refs)),
    "book": (lambda _: Book(), lambda made, refs: made.update(zip("ab", refs, strict=False))),
    "thing": _thing(Thing), "slotted": _thing(Slotted), "record": _thing(Record), "frozen": _thing(Frozen),
    "guarded": _thing(Guarded), "answering": _thing(Answering),
    "bytes": (lambda _: bytearray(b"ab"), lambda *_: None),
    "count": (lambda _: itertools.count(3), lambda *_: None),
}  # fmt: skip
"""Kinds of objects that can hold anything: made empty, and filled later, so that there can be cycles."""
FIXED = {
    "tuple": tuple,
    "closure": lambda refs: function(refs[0] if refs else None),
    "partial": lambda refs: partial(function, *refs),
    "method": lambda refs: next((ref.method for ref in refs if isinstance(ref, Thing)), None),
    "frozenset": lambda refs: frozenset(hashable(refs)),
    "scalar": lambda _: None,
}
"""Kinds that are made of what is there before them."""
ALL = (*KINDS, *FIXED)


def hashable(refs):
    return [ref for ref in refs if isinstance(ref, (str, int, Thing, Colour, Frozen))]


def _picked(pool, numbers):
    return [pool[number % len(pool)] for number in numbers]


def made(specs, labels, pool=()):
    """New objects.

    :param specs: of each the number of its kind, and numbers of what it holds.
    :param pool: objects that they may hold beside each other.
    """
    pool = [*SCALARS, *pool]
    fresh, fillings = [], []
    for kind, *numbers in specs:
        name = ALL[kind % len(ALL)]
        if name in KINDS:
            make, fill = KINDS[name]
            one = make(f"label {next(labels)}")
            fillings.append((fill, one, numbers))
        else:
            one = FIXED[name](_picked([*fresh, *fresh, *fresh, *pool], numbers))
        fresh.append(one)
    for fill, one, numbers in fillings:
        fill(one, _picked([*fresh, *fresh, *fresh, *pool], numbers))
    return fresh


def recipe(specs, services):
    """An application of these objects, the same at each call.

    :param services: for each its parent, whether it is nameless, and numbers of what it holds.
    """
    application = Application("chance")
    fresh = made(specs, itertools.count()) or [None]
    rooms = [application]
    for turn, (parent, is_nameless, *numbers) in enumerate(services):
        room = Room()
        if not is_nameless:
            room.setName(f"room {turn}")
        for name, ref in zip(NAMES, _picked(fresh, numbers), strict=False):
            setattr(room, name, ref)
        room.setServiceParent(rooms[parent % len(rooms)])
        rooms.append(room)
    return application
