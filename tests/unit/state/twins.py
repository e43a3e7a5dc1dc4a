"""Compares two applications, object by object: values, order, and which holders share an object; knows no saving.

The two are walked in step.  Objects that can change must pair one to one, so that what is shared in one is shared in
the other.  Tuples, frozensets and bound methods have no identity that a program can rely on: they pair by their parts.
"""

from __future__ import annotations

import enum
import itertools
import types
from collections import OrderedDict, deque
from functools import partial

from twisted.application.service import IService

ATOMS = (type(None), bool, int, float, complex, str, bytes, range)
OF_A_RUN = frozenset({"running", "run_table", "run_flag"})
"""Attributes that the start of the test's services makes, and their stop takes away."""


def parts(value):  # noqa: PLR0911 - a table would hide that the order of these matters
    """What an object shows of itself, and its parts in an order that is the same for the same application."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, ATOMS):
        return (name, repr(value)), []
    if isinstance(value, enum.Enum):
        return (name, value.name), []
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType)):
        return (name, value.__name__), []
    if isinstance(value, types.MethodType):
        return (name,), [("self", value.__self__), ("function", value.__func__)]
    if isinstance(value, types.FunctionType):
        return (name, value.__qualname__, value.__code__.co_firstlineno), _of_function(value)
    if isinstance(value, types.CellType):
        return (name,), [("content", value.cell_contents)]
    if isinstance(value, partial):
        return (name,), [("func", value.func), ("args", value.args), ("keywords", value.keywords)]
    if isinstance(value, itertools.count):
        return (name, repr(value)), []
    return _of_container(value, name)


def _of_function(function):
    cells = [
        (f"<{name}>", cell)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    ]
    return [*cells, ("defaults", function.__defaults__)]


def _of_container(value, name):
    own = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        for slot in base.__dict__.get("__slots__", ()):
            if not slot.startswith("__") and hasattr(value, slot):
                own[slot] = getattr(value, slot)
    found = [(f".{key}", part) for key, part in sorted(own.items()) if not _is_shown_anyway(type(value), key, part)]
    if isinstance(value, bytearray):
        return (name, bytes(value)), found
    if isinstance(value, dict):
        return (name, len(value)), found + [
            (f"[{label(key)}]{which}", part)
            for key, item in (OrderedDict.items(value) if isinstance(value, OrderedDict) else dict.items(value))
            for which, part in (("key", key), ("", item))
        ]
    if isinstance(value, (set, frozenset)):
        return (name, len(value)), found + [(f"{{{turn}}}", part) for turn, part in enumerate(sorted(value, key=label))]
    if isinstance(value, (list, tuple, deque)):
        limit = getattr(value, "maxlen", None)
        return (name, len(value), limit), found + [(f"[{turn}]", part) for turn, part in enumerate(value)]
    return (name,), found


def _is_shown_anyway(kind, name, value):
    """Whether an attribute is of the run, or the object shows the same without it."""
    return name in OF_A_RUN or (isinstance(value, ATOMS) and value is getattr(kind, name, ATOMS))


def label(value):
    """What orders the members of a set, in every process: a value, or the label of an object."""
    if isinstance(value, (tuple, frozenset)):
        return type(value).__name__, repr(sorted(map(label, value)))
    return type(value).__name__, repr(getattr(value, "label", None) if hasattr(value, "__dict__") else value)


def is_shared(value):
    """Whether a program can tell it from an equal one."""
    return not isinstance(
        value,
        (*ATOMS, tuple, frozenset, types.MethodType, types.BuiltinFunctionType, type, enum.Enum, types.ModuleType),
    )


def walk(application):
    """Every object of an application that has an identity, in an order that twins agree on."""
    queue, found = deque([IService(application)]), {}
    while queue:
        value = queue.popleft()
        if is_shared(value):
            if id(value) in found:
                continue
            found[id(value)] = value
        queue.extend(part for _, part in parts(value)[1])
    return list(found.values())


def difference(one, other):
    """Where two applications differ, in words; empty where they are twins."""
    queue = deque([(IService(one), IService(other), "")])
    there, back, alive = {}, {}, []
    while queue:
        left, right, way = queue.popleft()
        if is_shared(left) and is_shared(right):
            if there.get(id(left), right) is not right or back.get(id(right), left) is not left:
                return f"{way}: shared otherwise: {left!r:.200} and {right!r:.200}"
            if id(left) in there:
                continue
            there[id(left)], back[id(right)] = right, left
            alive += [left, right]
        (shown, inside), (other_shown, other_inside) = parts(left), parts(right)
        if shown != other_shown:
            return f"{way}: {shown} and {other_shown}"
        names, other_names = [name for name, _ in inside], [name for name, _ in other_inside]
        if names != other_names:
            return f"{way}: {names!r:.300} and {other_names!r:.300}"
        queue.extend((part, match, way + name) for (name, part), (_, match) in zip(inside, other_inside, strict=True))
    return ""
