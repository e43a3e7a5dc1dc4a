"""What one base declares differently from another, and putting that onto a snapshot of the other; it reads no file.

A tap made anew with another port or path keeps the state of the old one: the two fresh graphs are walked in step, and
the attributes in which they differ are named by their way through the tree.  At the next start the snapshot gets
those, and only those, from the new base.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tapdaemon.core.tree import walk
from tapdaemon.errors import UsageError

ARROW = " → "
_TOKEN = re.compile(r"\.?([^\W\d]\w*)|\[((?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|b'[^']*'|-?\d+))\]")
_LEAVES = (str, bytes, int, float, bool, type(None))
Way = tuple[Any, ...]
"""Attribute names as texts, indices and keys as one-element tuples."""


class _ShapeError(Exception):
    """The two graphs differ in more than values."""


def differences(old: Any, new: Any) -> tuple[str, ...]:
    """The ways, as texts, of the attributes in which two fresh applications of one shape differ.

    :raises UsageError: they differ in more than values: other services or other kinds of objects.
    """
    before = {node.path: node.service for node in walk(old)}
    after = {node.path: node.service for node in walk(new)}
    if before.keys() != after.keys():
        odd = ", ".join(sorted(before.keys() ^ after.keys()))
        raise _cannot_keep(f"the service trees differ in {odd}")
    services = {id(service) for service in (*before.values(), *after.values())}
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for path, service in before.items():
        try:
            found += [f"{path}{ARROW}{_text(way)}" for way in _compare(service, after[path], (), services, seen)]
        except _ShapeError as error:
            raise _cannot_keep(f"{path}{ARROW}{error}") from None
    return tuple(found)


def _cannot_keep(reason: str) -> UsageError:
    return UsageError("--keep-state", reason, "state is kept where only addresses, users and other plain values change")


def _compare(old: Any, new: Any, way: Way, services: set[int], seen: set[tuple[int, int]]) -> Iterator[Way]:
    if old is new or (id(old), id(new)) in seen or (way and id(old) in services):
        return
    seen.add((id(old), id(new)))
    if _is_leaf(old) and _is_leaf(new):
        if old != new:
            yield way
        return
    if type(old) is not type(new):
        raise _ShapeError(f"{_text(way)}: {type(old).__name__} became {type(new).__name__}")
    for token, one, other in _steps(old, new, way):
        yield from _compare(one, other, (*way, token), services, seen)


def _is_leaf(value: Any) -> bool:
    """A value that is taken over whole; an endpoint is one, for it is how an address is declared."""
    from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint

    kind = type(value)
    return kind in _LEAVES or IStreamServerEndpoint.implementedBy(kind) or IStreamClientEndpoint.implementedBy(kind)


def _steps(old: Any, new: Any, way: Way) -> Iterator[tuple[Any, Any, Any]]:
    if isinstance(old, (list, tuple)):
        if len(old) != len(new):
            raise _ShapeError(f"{_text(way)}: {len(old)} items became {len(new)}")
        yield from (((index,), one, other) for index, (one, other) in enumerate(zip(old, new, strict=True)))
    elif isinstance(old, dict):
        plain = {key for key in (*old, *new) if type(key) in (str, bytes, int)}
        if {key for key in old if key in plain} != {key for key in new if key in plain}:
            raise _ShapeError(f"{_text(way)}: its keys changed")
        yield from (((key,), old[key], new[key]) for key in old if key in plain)
    elif hasattr(old, "__dict__") and not isinstance(old, type) and not callable(old):
        one, other = vars(old), vars(new)
        for name in sorted(one.keys() | other.keys()):
            yield name, one.get(name), other.get(name)


def _text(way: Way) -> str:
    parts = [f"[{token[0]!r}]" if isinstance(token, tuple) else f".{token}" for token in way]
    return "".join(parts).removeprefix(".")


def _parse(text: str) -> Way:
    tokens: list[Any] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"not a way through a tree: {text!r}")
        tokens.append(match[1] or (ast.literal_eval(match[2]),))
        position = match.end()
    return tuple(tokens)


def apply(moved: tuple[str, ...], base: Any, application: Any) -> list[str]:
    """Put what `base` declares anew onto `application`, which was resumed from a snapshot of an older base.

    :returns: the ways that the application no longer has; nothing was done about those.
    """
    fresh = {node.path: node.service for node in walk(base)}
    live = {node.path: node.service for node in walk(application)}
    missing = []
    for text in moved:
        path, _, rest = text.partition(ARROW)
        try:
            way = _parse(rest)
            _assign(live[path], way, _follow(fresh[path], way))
        except (KeyError, IndexError, AttributeError, TypeError, ValueError):
            missing.append(text)
    return missing


def _follow(value: Any, way: Way) -> Any:
    for token in way:
        value = value[token[0]] if isinstance(token, tuple) else getattr(value, token)
    return value


def _assign(owner: Any, way: Way, value: Any) -> None:
    parent = _follow(owner, way[:-1])
    token = way[-1]
    if isinstance(parent, tuple):
        items = list(parent)
        items[token[0]] = value
        _assign(owner, way[:-1], tuple(items))
    elif isinstance(token, tuple):
        parent[token[0]] = value
    else:
        setattr(parent, token, value)
