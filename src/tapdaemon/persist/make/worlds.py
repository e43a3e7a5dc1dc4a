"""What making or loading an application leaves in the world outside its graph, as digests that processes can compare.

The world is the module-level data and the class attributes of the application's modules.  Two digests of one value are
equal in any two processes; they say nothing of where an object lies.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from tapdaemon.persist.make import outside
from tapdaemon.persist.rules.references import rule_for

STOCK = frozenset(
    {"twisted", "zope", "attr", "attrs", "automat", "constantly", "hyperlink", "incremental", "idna", "OpenSSL"}
    | {"cryptography", "bcrypt", "click", "packaging", "typing_extensions", "service_identity", "_cffi_backend"}
)
"""Twisted and what it stands on: `references` knows what they keep outside the graph."""
_PLAIN = (str, bytes, int, float, bool, complex, type(None))
_NODES = 20_000
_DEPTH = 8
_NOT_DATA = ("__", "_tapdaemon")


def modules_of(roots: Iterable[str]) -> list[str]:
    """The imported modules of these top-level packages, sorted."""
    wanted = set(roots) - STOCK
    return sorted(name for name in list(sys.modules) if name.partition(".")[0] in wanted)


def digests(names: Iterable[str]) -> dict[str, str]:
    """Way (``shop.settings['port']`` is part of ``shop.settings``) to digest, of each datum of these modules.

    A name that none of their functions reads is left out: nothing can go wrong by it any more.
    """
    modules = [module for name in names if isinstance(module := sys.modules.get(name), ModuleType)]
    read = outside.read_by_functions(modules)
    return {way: _digest(value) for module in modules for way, value in _data(module, read) if way not in outside.BOUND}


def _data(module: ModuleType, read: Collection[str]) -> Iterator[tuple[str, Any]]:
    for name, value in sorted(vars(module).items()):
        if name.startswith(_NOT_DATA) or isinstance(value, ModuleType) or name not in read:
            continue
        way = f"{module.__name__}.{name}"
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                yield from _of_class(value, way)
        elif not isinstance(value, (FunctionType, BuiltinFunctionType)):
            yield way, value


def _of_class(kind: type, way: str) -> Iterator[tuple[str, Any]]:
    """Attributes that are data: no methods, no descriptors, nothing of zope's."""
    for name, value in sorted(vars(kind).items()):
        if not name.startswith("_") and (isinstance(value, _PLAIN) or type(value) in (list, dict, set, tuple)):
            yield f"{way}.{name}", value


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """The ways in which two worlds differ, sorted; what only one of them has counts."""
    return sorted(way for way in here.keys() | there.keys() if here.get(way) != there.get(way))


def _digest(value: Any) -> str:
    writer = hashlib.sha256()
    for part in _parts(value, {}, [0], 0):
        writer.update(part.encode("utf-8", "backslashreplace") + b"\0")
    return writer.hexdigest()


def _parts(value: Any, seen: dict[int, int], count: list[int], depth: int) -> Iterator[str]:
    """A value as texts, in an order that does not depend on the process; cycles by the number of their first sight."""
    count[0] += 1
    kind = MethodType if isinstance(value, outside.StandIn) else type(value)
    yield f"{kind.__module__}.{kind.__qualname__}"
    if kind in _PLAIN:
        yield repr(value)
        return
    if rule_for(kind) is not None:
        return  # saved by name or anew, and so the same in every process that matters
    if isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)):
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', getattr(value, '__name__', ''))}"
        return
    if id(value) in seen:
        yield f"#{seen[id(value)]}"
        return
    seen[id(value)] = len(seen)
    if depth < _DEPTH and count[0] <= _NODES:
        for one in _inside(value):
            yield from _parts(one, seen, count, depth + 1)


def _shallow(value: Any) -> str:
    """A key or an element of a set: plain ones, and tuples of them, by value, others by kind."""
    if type(value) is tuple:
        return f"({', '.join(map(_shallow, value))})"
    return repr(value) if type(value) in _PLAIN else f"{type(value).__module__}.{type(value).__qualname__}"


def _inside(value: Any) -> Iterator[Any]:
    """What a container or an object holds, in an order of its own."""
    if isinstance(value, dict):
        for key in sorted(value, key=_shallow):
            yield _shallow(key)
            yield value[key]
    elif isinstance(value, (set, frozenset)):
        yield from sorted(_shallow(one) for one in value)
    elif isinstance(value, (list, tuple)):
        yield from value
    if isinstance(getattr(value, "__dict__", None), dict):
        for name, one in sorted(vars(value).items()):
            yield name
            yield one
