"""Inert nodes as a pickle again: the reverse of `symbols`, opcode by opcode, without recursion."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable
from typing import Any

from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place

_HEAD = b"\x80\x05"
_STOP = b"."
_OPEN = {"list": (b"]", b"e"), "dict": (b"}", b"u"), "set": (b"\x8f", b"\x90")}
_CLOSED = {"tuple": b"t", "frozenset": b"\x91"}


class _End:
    """What follows the parts of a node that exists only once they do: its own opcode, unless a part has made it.

    A tuple that holds a list that holds the tuple is written from within, and then what is on the stack is dropped.
    """

    def __init__(self, node: Any, opcode: bytes, drop: bytes) -> None:
        self.node, self.opcode, self.drop = node, opcode, drop


def assemble(roots: Iterable[Any]) -> bytes:
    """A payload of these roots, with one memo over all of them."""
    writer = _Writer()
    return b"".join(_HEAD + writer.write(root) + _STOP for root in roots)


def assemble_changes(places: Any, rows: Iterable[Any], count: int) -> bytes:
    """A change set's payload: the table of places, the objects of the base put into the memo, the rows.

    :param count: of the places.
    """
    writer = _Writer(count)
    asked = b"".join(_atom(number) + b"Q\x940" for number in range(count))
    return assemble([places]) + _HEAD + asked + b"N." + b"".join(_HEAD + writer.write(row) + _STOP for row in rows)


class _Writer:
    """:param count: objects that are in the memo before anything is written."""

    def __init__(self, count: int = 0) -> None:
        self._memo: dict[int, int] = {}
        self._texts: dict[str, int] = {}
        self._count = count
        self._keep: list[Any] = []  # nodes whose identity is in the memo stay alive

    def write(self, root: Any) -> bytes:
        """The opcodes that leave this node on the stack."""
        out: list[bytes] = []
        tasks: list[Any] = [_Node(root)]
        while tasks:
            task = tasks.pop()
            if isinstance(task, bytes):
                out.append(task)
            elif isinstance(task, _End):
                out.append(self._end(task))
            else:
                tasks += reversed(self._parts(task.node))
        return b"".join(out)

    def _end(self, end: _End) -> bytes:
        known = self._memo.get(id(end.node))
        return end.opcode + self._memoize(end.node) if known is None else end.drop + _get(known)

    def _memoize(self, node: Any) -> bytes:
        self._memo[id(node)] = self._count
        self._count += 1
        self._keep.append(node)
        return b"\x94"

    def _text(self, text: str) -> bytes:
        """A text, and when it comes again a reference to it, as to any name of an attribute."""
        known = self._texts.get(text)
        if known is not None:
            return _get(known)
        self._texts[text] = self._count
        self._count += 1
        data = text.encode("utf-8", "surrogatepass")
        size = len(data)
        head = b"\x8c" + bytes([size]) if size < 256 else b"\x8d" + struct.pack("<Q", size)  # noqa: PLR2004 - a byte
        return head + data + b"\x94"

    def _parts(self, node: Any) -> list[Any]:
        """What is written for a node, in order: bytes, nodes, ends."""
        if isinstance(node, Place):
            return [_get(node.number)]
        if not isinstance(node, (Group, Made, Name)):
            return [self._text(node) if isinstance(node, str) else _atom(node)]
        known = self._memo.get(id(node))
        if known is not None:
            return [_get(known)]
        if isinstance(node, Name):
            return [self._text(node.module), self._text(node.name), b"\x93", self._memoize(node)]
        return self._made(node) if isinstance(node, Made) else self._group(node)

    def _group(self, node: Group) -> list[Any]:
        if node.kind == "bytearray":
            data = node.items[0] if node.items else b""
            return [b"\x96" + struct.pack("<Q", len(data)) + data, self._memoize(node)]
        if node.kind in _CLOSED:
            return [b"(", *map(_Node, node.items), _End(node, _CLOSED[node.kind], b"1")]
        opening, closing = _OPEN[node.kind]
        return [opening, self._memoize(node), *_items(node.items, closing, pairs=node.kind == "dict")]

    def _made(self, node: Made) -> list[Any]:
        parts: list[Any] = [_Node(node.callee), _Node(node.arguments)]
        if node.keywords is not None:
            parts += [_Node(node.keywords), _End(node, b"\x92", b"000")]
        else:
            parts.append(_End(node, b"\x81" if node.new else b"R", b"00"))
        parts += _items(node.appended, b"e", pairs=False) + _items(node.pairs, b"u", pairs=True)
        states = list(node.states)
        last = states.pop() if node.setter is not None and states else None
        for state in states:
            parts += [_Node(state), b"b"]
        if node.setter is not None:
            parts += [_Node(node.setter), _Node(node), _Node(last), b"\x86R0"]
        return parts


class _Node:
    """A task: write this node."""

    def __init__(self, node: Any) -> None:
        self.node = node


def _items(items: list[Any], closing: bytes, *, pairs: bool) -> list[Any]:
    if not items:
        return []
    flat = [part for pair in items for part in pair] if pairs else items
    return [b"(", *map(_Node, flat), closing]


def _get(index: int) -> bytes:
    return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)  # noqa: PLR2004 - BINGET has a byte


def _atom(value: Any) -> bytes:
    """A plain value, as the standard library writes it, between its header and its STOP."""
    if isinstance(value, bytes):
        return b"\x8e" + struct.pack("<Q", len(value)) + value
    return pickle.dumps(value, 2)[2:-1]
