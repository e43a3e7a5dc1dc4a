"""The source style: a payload as text that a person can read, diff and edit; it is parsed, never executed.

The text is in Python's grammar: assignments to labels, of literals and of calls of five words.

    site_1 = obj("twisted.web.server:Site").set(
        resource=obj("twisted.web.static:Data", ...),
    )
    root = ...

`obj` makes an object of a class without calling it, `call` calls what is named, `name` names it only; `.set(...)`
sets attributes, `.state(x)` hands over any other state, `.by(callee, x)` does so through a function; `.append([...])`
and `.items([(k, v), ...])` fill kinds of lists and dicts.  What is shared, part of a cycle or deep has a label.
"""

from __future__ import annotations

import keyword
import math
import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place, literal, parts, shared

HEADER = "# tapdaemon source 1\n"
ROOT = "application"
"""The label of the application; what holds states of objects beside it is application_1 and so on."""
RESERVED = frozenset({ROOT, "places"})
"""Labels that stand for something of their own."""
_NO_LABEL = re.compile(r"[^a-z0-9_]")
_DEEP = 12
"""Levels of brackets that stand in one expression; Python's own parser has a limit (200), and readers one before."""
_WIDTH = 100


def write(roots: Iterable[Any]) -> str:
    """The text of these roots; the same for the same graph."""
    labelled = {ROOT if number == 0 else f"{ROOT}_{number}": root for number, root in enumerate(roots)}
    writer = Writer(labelled.values(), labelled)
    return HEADER + writer.assignments()


class Writer:
    """Writes nodes as expressions.

    :param roots: all that is going to be written.
    :param labelled: those that have labels from the beginning, by these.
    """

    def __init__(self, roots: Iterable[Any], labelled: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._labels: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._queue: deque[tuple[str, Any]] = deque(labelled.items())
        for label, root in self._queue:
            if isinstance(root, (Group, Made)):
                self._labels[id(root)] = label
        self.shared = shared(roots)

    def assignments(self) -> str:
        """The labels that have been used and not yet written, each with its expression."""
        found = []
        while self._queue:
            label, node = self._queue.popleft()
            found.append(f"\n{label} = {self._expression(node, 0)}\n")
        return "".join(found)

    def text(self, node: Any, depth: int) -> str:
        """A node where it is used: in place, or by its label."""
        if not isinstance(node, (Group, Made)):
            return _plain(node)
        known = self._labels.get(id(node))
        if known is None and (id(node) in self.shared or (depth > _DEEP and parts(node))):
            known = self._labels[id(node)] = self._label(node)
            self._queue.append((known, node))
        return known or self._expression(node, depth)

    def _label(self, node: Any) -> str:
        kind = node.kind or node.callee if isinstance(node, Made) else node.kind
        word = _NO_LABEL.sub("_", str(kind).rpartition(".")[2].lower()) if isinstance(kind, (Name, str)) else "object"
        word = f"{word}_object" if word in RESERVED or keyword.iskeyword(word) or not word.isidentifier() else word
        self._counts[word] += 1
        return f"{word}_{self._counts[word]}"

    def _expression(self, node: Any, depth: int) -> str:
        if not isinstance(node, (Group, Made)):
            return _plain(node)
        if isinstance(node, Group):
            return self._group(node, depth)
        word = "obj" if node.new else "call"
        arguments = node.arguments
        if isinstance(arguments, Group) and arguments.kind == "tuple":
            given = [self.text(one, depth + 1) for one in arguments.items]
        else:
            given = [f"*{self.text(arguments, depth + 1)}"]
        text = wrapped(f"{word}(", [self._callee(node.callee, depth), *given], ")", depth)
        if node.keywords is not None:
            text += f".keywords({self.text(node.keywords, depth + 1)})"
        if node.appended:
            text += f".append({self._group(Group('list', node.appended), depth + 1)})"
        if node.pairs:
            pairs = [f"({self.text(key, depth + 2)}, {self.text(value, depth + 2)})" for key, value in node.pairs]
            text += f".items({wrapped('[', pairs, ']', depth + 1)})"
        return text + self._states(node, depth)

    def _callee(self, callee: Any, depth: int) -> str:
        return repr(f"{callee.module}:{callee.name}") if isinstance(callee, Name) else self.text(callee, depth + 1)

    def _states(self, node: Made, depth: int) -> str:
        text = ""
        for number, state in enumerate(node.states, 1):
            if node.setter is not None and number == len(node.states):
                text += f".by({self._callee(node.setter, depth)}, {self.text(state, depth + 1)})"
            elif _is_attributes(state) and id(state) not in self.shared:
                given = [f"{name}={self.text(value, depth + 1)}" for name, value in state.items]
                text += wrapped(".set(", given, ")", depth, always=True)
            else:
                text += f".state({self.text(state, depth + 1)})"
        return text

    def _group(self, node: Group, depth: int) -> str:
        if node.kind == "bytearray":
            return f"bytearray({bytes(node.items[0] if node.items else b'')!r})"
        if node.kind == "dict":
            given = [f"{self.text(key, depth + 1)}: {self.text(value, depth + 1)}" for key, value in node.items]
            return wrapped("{", given, "}", depth)
        given = [self.text(item, depth + 1) for item in node.items]
        if node.kind == "tuple":
            return wrapped("(", given, ",)" if len(given) == 1 else ")", depth)
        opening, closing = {"list": ("[", "]"), "set": ("set([", "])"), "frozenset": ("frozenset([", "])")}[node.kind]
        return wrapped(opening, given, closing, depth)


def wrapped(opening: str, given: list[str], closing: str, depth: int, *, always: bool = False) -> str:
    """A list of expressions in brackets.  On one line where that is short, else a line for each."""
    line = opening + ", ".join(given) + closing
    if not given or ("\n" not in line and len(line) + 4 * depth <= _WIDTH and not always):
        return line
    inner = "".join(f"{_indented(one)},\n" for one in given)
    return f"{opening}\n{inner}{closing.removeprefix(',')}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _plain(value: Any) -> str:
    if isinstance(value, Place):
        return f"base({value.way!r})"
    if isinstance(value, Name):
        return f"name({f'{value.module}:{value.name}'!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return literal(value)


def _is_attributes(state: Any) -> bool:
    """Whether a state can stand as keywords."""
    if not isinstance(state, Group) or state.kind != "dict":
        return False
    names = [name for name, _ in state.items]
    return all(
        # ASCII: the parser would write any other name in its normal form (NFKC).
        isinstance(name, str) and name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
        for name in names
    ) and len(set(names)) == len(names)
