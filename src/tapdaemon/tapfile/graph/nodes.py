"""What a payload is made of, as inert nodes: names, containers, objects; they know neither style.

Sharing and cycles are the nodes' own identities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Atom = (type(None), bool, int, float, complex, str, bytes)
"""What a node may be beside the classes below: a value of Python's own that cannot do anything."""


_DECIMAL_BITS = 14_000
"""Bits of what has 4300 digits, sys.int_info's default limit, and a few less."""
_NEW = ("tapdaemon.persist.rules.rebuild.new", "copyreg._reconstructor", "copy_reg._reconstructor")
"""The functions that call the __new__ of the class they are given."""


@dataclass(eq=False)
class Name:
    """A module's attribute, as it is named: a class, a function."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Place:
    """A reference from a change set to an object of the base.

    :param number: of its place.  way: the same in words, once the table of places is known.
    """

    number: int
    way: str = ""

    def __str__(self) -> str:
        return self.way or f"place {self.number}"


@dataclass(eq=False)
class Group:
    """A list, tuple, dict, set, frozenset or bytearray.

    :param items: of a dict pairs.
    """

    kind: str
    items: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Made:
    """An object: what is called to make it, and what is put into it afterwards.

    :param new: whether `callee` is a class whose __new__ alone is called.
    :param states: what BUILD sets, usually one dict of attributes.
    :param setter: what is called with the object and its last state, where that is not BUILD's.
    :param appended: to a kind of list.  pairs: of a kind of dict.
    """

    callee: Any
    arguments: Any
    new: bool = False
    keywords: Any = None
    states: list[Any] = field(default_factory=list)
    appended: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    setter: Any = None

    @property
    def kind(self) -> Any:
        """The class that it is an object of, where nothing but __new__ is called; None of what a function returns."""
        if self.new:
            return self.callee
        given = self.arguments.items if isinstance(self.arguments, Group) else []
        return given[0] if isinstance(self.callee, Name) and str(self.callee) in _NEW and given else None

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that its states set, as far as they are plain dicts."""
        found: dict[str, Any] = {}
        for state in self.states:
            parts = state.items if isinstance(state, Group) and state.kind == "tuple" else [state]
            for part in parts:
                if isinstance(part, Group) and part.kind == "dict":
                    found |= {name: value for name, value in part.items if isinstance(name, str)}
        return found


def parts(node: Any) -> list[Any]:
    """The nodes below a node, in the order in which they are written."""
    if isinstance(node, Group):
        return [part for pair in node.items for part in pair] if node.kind == "dict" else node.items
    if isinstance(node, Made):
        pairs = [part for pair in node.pairs for part in pair]
        return [node.callee, node.arguments, node.keywords, *node.appended, *pairs, *node.states, node.setter]
    return []


def literal(value: Any) -> str:
    """A plain value as Python writes it; a long number in hexadecimal, for Python refuses to write it in decimal."""
    return hex(value) if is_long(value) else repr(value)


def is_long(value: Any) -> bool:
    """Whether a value is a number that Python does not write in decimal."""
    return type(value) is int and value.bit_length() > _DECIMAL_BITS


def names(roots: Iterable[Any]) -> Iterator[Name]:
    """Every module's attribute that is named, each once."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, Name):
            yield node
        elif isinstance(node, (Group, Made)) and id(node) not in seen:
            seen.add(id(node))
            stack += parts(node)


def places(roots: Iterable[Any]) -> Iterator[Place]:
    """Every reference to the base, each once."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if not isinstance(node, (Group, Made, Place)) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Place):
            yield node
        else:
            stack += parts(node)


def shared(roots: Iterable[Any]) -> set[int]:
    """The identities of the containers and objects that are reached more than once."""
    seen: Counter[int] = Counter()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, (Group, Made)):
            seen[id(node)] += 1
            if seen[id(node)] == 1:
                stack += parts(node)
    return {number for number, count in seen.items() if count > 1}
