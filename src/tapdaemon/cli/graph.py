"""Saved objects for people and for programs: a tree with labels where objects are shared, or a flat table.

It is drawn from inert nodes, without recursion, so any depth and any cycle can be shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from tapdaemon.tapfile.graph import nodes, outline
from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place

_BRACKETS = {
    "list": "[]",
    "tuple": "()",
    "dict": "{}",
    "set": "set()",
    "frozenset": "frozenset()",
    "bytearray": "bytearray",
}
_JSON = (str, int, float, bool, type(None))
_LONG = 200
_DEEP = 100
"""Levels of indentation; what lies deeper is not moved further to the right."""


def tree(*roots: Any, names: Sequence[str] = ()) -> str:
    """One line for each object and value, indented below what holds it; `&3` labels what `*3` means again.

    :param names: what stands before each of the roots.
    """
    shared = nodes.shared(roots)
    labels: dict[int, int] = {}
    lines = []
    stack: list[tuple[int, str, Any]] = [
        (0, name, root) for name, root in zip(names or [""] * len(roots), roots, strict=True)
    ]
    stack.reverse()
    while stack:
        depth, way, value = stack.pop()
        words, children = _label(value, shared, labels)
        lines.append("  " * min(depth, _DEEP) + (f"{way}: " if way else "") + words)
        if children:
            stack += [(depth + 1, name, child) for name, child in reversed(list(_children(value)))]
    return "\n".join(lines)


def table(root: Any, changed: Sequence[tuple[str, Any]] = ()) -> dict[str, Any]:
    """Every object by a number, with its class and its parts.

    A part is a plain value, `{"ref": number}`, or `{"base": place}` for an object of the base that a change refers to.

    :param changed: the changes of a snapshot: what each is, and its node.
    """
    numbers: dict[int, int] = {}
    objects: list[dict[str, Any]] = []
    queue: deque[Any] = deque()

    def part(value: Any) -> Any:
        if isinstance(value, Place):
            return {"base": str(value)}
        if not isinstance(value, (Group, Made, Name)):
            return value if isinstance(value, _JSON) and not nodes.is_long(value) else nodes.literal(value)
        if id(value) not in numbers:
            numbers[id(value)] = len(numbers)
            queue.append(value)
        return {"ref": numbers[id(value)]}

    found: dict[str, Any] = {"root": part(root)}
    if changed:
        found["changes"] = [[name, part(value)] for name, value in changed]
    while queue:
        value = queue.popleft()
        objects.append({"is": _kind(value), "parts": [[name, part(child)] for name, child in _children(value)]})
    return found | {"objects": objects}


def _label(value: Any, shared: set[int], labels: dict[int, int]) -> tuple[str, bool]:
    """The words for a value, and whether its parts follow."""
    if not isinstance(value, (Group, Made)):
        return _plain(value), False
    if id(value) in labels:
        return f"*{labels[id(value)]}", False
    mark = ""
    if id(value) in shared:
        labels[id(value)] = len(labels) + 1
        mark = f" &{labels[id(value)]}"
    return _kind(value) + mark, True


def _plain(value: Any) -> str:
    text = str(value) if isinstance(value, (Name, Place)) else nodes.literal(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"


def _kind(value: Any) -> str:
    """A container by its brackets, an object by its class, a call by the function's name."""
    if isinstance(value, Group):
        return _BRACKETS[value.kind]
    if isinstance(value, Name):
        return str(value)
    return outline.class_of(value) + ("" if value.kind is not None else "()")


def _arguments(value: Made) -> list[Any]:
    return value.arguments.items if isinstance(value.arguments, Group) else []


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Group):
        for index, item in enumerate(value.items):
            if value.kind == "dict":
                yield _key(item[0]), item[1]
            else:
                yield f"[{index}]", item
    elif isinstance(value, Made):
        skipped = 1 if value.kind is not None and not value.new else 0
        yield from ((f"({index})", item) for index, item in enumerate(_arguments(value)[skipped:]))
        attributes = value.attributes
        yield from attributes.items()
        if not attributes:
            yield from (("state", state) for state in value.states)
        yield from ((f"[{index}]", item) for index, item in enumerate(value.appended))
        yield from ((_key(key), item) for key, item in value.pairs)


def _key(key: Any) -> str:
    return f"[{_plain(key) if not isinstance(key, (Group, Made)) else _kind(key)}]"
