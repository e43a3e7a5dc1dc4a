"""Random operations on the applications of `chance`, by numbers: the same on twins."""

from __future__ import annotations

import itertools
import types
from collections import deque
from functools import partial

import twins
from chance import NAMES, SCALARS, Frozen, Guarded, Room, Slotted, hashable, made
from twisted.application.service import IService, IServiceCollection, MultiService


def _set(one, name, value):
    if isinstance(one, types.CellType):
        one.cell_contents = value
    elif isinstance(one, (Guarded, Frozen)):
        object.__setattr__(one, name, value)
    elif isinstance(one, Slotted):
        setattr(one, "left" if len(name) == 1 else name, value)
    elif hasattr(one, "__dict__") and not isinstance(one, (types.FunctionType, partial)):
        setattr(one, name, value)


def _delete(one, name, _):
    if name in getattr(one, "__dict__", ()) and not isinstance(one, types.FunctionType):
        object.__delattr__(one, name)


def _swap(one, name, _):
    own = getattr(one, "__dict__", {})
    if not isinstance(one, types.FunctionType) and "a" in own and name in own:
        own["a"], own[name] = own[name], own["a"]


def _of_list(one, at, value, turn):
    if not isinstance(one, (list, deque)):
        return
    size = len(one)
    if turn == 0 or not size:
        one.append(value)
    elif turn == 1:
        one[at % size] = value
    elif turn == 2:
        del one[at % size]
    elif turn == 3:
        one.reverse()
    elif turn == 4:
        one.clear()
    elif isinstance(one, list):
        one.insert(at % size, value)
    else:
        one.rotate(at % 5)


def _of_dict(one, at, value, turn):
    if not isinstance(one, dict):
        return
    keys = list(one)
    if turn == 0 or not keys:
        one[NAMES[at % len(NAMES)]] = value
    elif turn == 1:
        one[keys[at % len(keys)]] = value
    elif turn == 2:
        del one[keys[at % len(keys)]]
    elif turn == 3:
        one[keys[at % len(keys)]] = one.pop(keys[at % len(keys)])
    elif turn == 4:
        one.clear()
    else:
        one.update((key, at) for key in hashable([value]))


def _of_set(one, at, value, turn):
    if not isinstance(one, set):
        return
    if turn in (0, 1):
        one.update(hashable([value]))
    elif one and turn in (2, 3):
        one.discard(sorted(one, key=twins.label)[at % len(one)])
    elif turn == 4:
        one.clear()
    else:
        one.add(at)


def _inside(one, at, *_):
    if isinstance(one, bytearray):
        one += b"z"
        one[0] = at % 256
    elif isinstance(one, itertools.count):
        next(one)


def _of_services(application, at, number, turn):
    every = [one for one in twins.walk(application) if isinstance(one, Room)]
    rooms = [IService(application), *(one for one in every if one.parent is not None)]
    parent, chosen = rooms[at % len(rooms)], rooms[number % len(rooms)]
    if turn == 0:
        fresh = Room()
        if at % 3:
            _name(fresh, parent, f"new {at % 7}")
        fresh.setServiceParent(parent)
        return
    if chosen is IService(application):
        return
    below, stack = set(), [chosen]
    while stack:
        one = stack.pop()
        below.add(id(one))
        stack += list(one)
    if turn == 2 and id(parent) in below:
        return
    home = chosen.parent
    chosen.disownServiceParent()
    if turn == 2:
        if chosen.name is not None:
            _name(chosen, parent, chosen.name)
        chosen.setServiceParent(parent)
    elif turn == 3:
        _name(chosen, home, f"other {at % 7}")
        chosen.setServiceParent(home)


def _name(service, parent, name):
    taken = {child.name for child in IServiceCollection(parent)} - {None}
    while name in taken:
        name += "'"
    service.name = name


def operate(application, step, labels):
    """One operation, the same on twins."""
    turn, target, at, value, *specs = step
    every = twins.walk(application)
    own = {id(part) for room in every if isinstance(room, MultiService) for part in (room.services, room.namedServices)}
    pool = [one for one in every if id(one) not in own]
    one = pool[target % len(pool)]
    fresh = made(specs, labels, pool)
    other = fresh[-1] if fresh else [*SCALARS, *pool][value % (len(SCALARS) + len(pool))]
    kind, turn = turn % 10, turn // 10
    if kind == 9:
        _of_services(application, at, value, turn % 4)
    elif kind < 3:
        (_set, _delete, _swap)[kind](one, NAMES[at % len(NAMES)], other)
    else:
        for change in (_of_list, _of_dict, _of_set, _inside):
            change(one, at, other, turn % 6)
