"""Compares two applications by walking both in parallel: the same values, and the same identities both ways."""

from __future__ import annotations

import collections
import enum
import functools
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, FunctionType, MethodType
from typing import Any

ATOMS = (int, float, complex, str, bytes, type(None), type, enum.Enum, BuiltinFunctionType)
WITHOUT_IDENTITY = (tuple, frozenset, MethodType)
"""Values: whether two are one object is nobody's to ask."""
_EMPTY = object()


def differences(one: Any, other: Any) -> list[str]:
    """What differs, a line each; empty where nothing does."""
    told: list[str] = []
    there: dict[int, Any] = {}
    back: dict[int, Any] = {}
    seen: set[tuple[int, int]] = set()
    queue = collections.deque([("", one, other)])
    alive = []
    while queue and len(told) < 5:
        way, first, second = queue.popleft()
        if type(first) is not type(second):
            told.append(f"{way}: {first!r:.90} is {second!r:.90}")
        elif isinstance(first, ATOMS):
            if first != second:
                told.append(f"{way}: {first!r:.90} is {second!r:.90}")
        elif not isinstance(first, WITHOUT_IDENTITY) and (
            there.setdefault(id(first), second) is not second or back.setdefault(id(second), first) is not first
        ):
            told.append(f"{way}: {first!r:.90} is another object")
        elif (id(first), id(second)) not in seen:
            seen.add((id(first), id(second)))
            ours, theirs = dict(_parts(first)), dict(_parts(second))
            alive.append((ours, theirs))
            if list(ours) != list(theirs):
                told.append(f"{way}: of {type(first).__name__}: {list(ours)!r:.300} is {list(theirs)!r:.300}")
            queue.extend((way + name, part, theirs[name]) for name, part in ours.items() if name in theirs)
    return told


_SPECIAL: dict[type, Callable[[Any], list[tuple[str, Any]]]] = {
    MethodType: lambda value: [(".self", value.__self__), (".func", value.__func__)],
    FunctionType: lambda value: [(".code", (value.__module__, value.__qualname__, value.__defaults__))],
    CellType: lambda value: [(".cell", value.cell_contents)],
    functools.partial: lambda value: [(".call", value.func), (".args", value.args), (".keywords", value.keywords)],
    bytearray: lambda value: [(".bytes", bytes(value))],
    collections.deque: lambda value: [(".maxlen", value.maxlen)],
    collections.defaultdict: lambda value: [(".default_factory", value.default_factory)],
}


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """By what tells one part from another in both."""
    kind = type(value)
    if kind in _SPECIAL:
        yield from _SPECIAL[kind](value)
    if kind is FunctionType:
        yield from ((f"<{number}>", cell) for number, cell in enumerate(value.__closure__ or ()))
    if isinstance(value, dict):
        for number, (key, part) in enumerate(value.items()):
            yield from ((f"[key {number}]", key), (f"[{number}: {_shown(key)}]", part))
    elif isinstance(value, (set, frozenset)):
        yield from ((f"{{{number}}}", part) for number, part in enumerate(sorted(value, key=_shown)))
    elif isinstance(value, (list, tuple, collections.deque)):
        yield from ((f"[{number}]", part) for number, part in enumerate(value))
    own = dict(getattr(value, "__dict__", {}))
    slots = (name for base in kind.__mro__ for name in getattr(base, "__slots__", ()))
    own |= {name: getattr(value, name) for name in slots if hasattr(value, name)}
    yield from ((f".{name}", own[name]) for name in sorted(own) if not _is_default(kind, name, own[name]))


def _is_default(kind: type, name: str, value: Any) -> bool:
    """Whether the object would show the same without the attribute: `running` of a service that is not, say."""
    return isinstance(value, (int, type(None))) and getattr(kind, name, _EMPTY) == value


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {getattr(value, 'label', None) or value!s:.40}"
