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

import ast
import keyword
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.symbols import Group, Made, Name

HEADER = "# tapdaemon source 1\n"
ROOTS = ("application", "names")
_DEEP = 12
"""Levels of brackets that stand in one expression; Python's own parser has a limit (200), and readers one before."""
_WIDTH = 100


# ---- writing


def write(roots: Iterable[Any]) -> str:
    """The text of these roots; the same for the same graph."""
    given = list(roots)
    writer = _Writer(given)
    return HEADER + "".join(f"\n{label} = {text}\n" for label, text in writer.assignments())


class _Writer:
    def __init__(self, roots: list[Any]) -> None:
        self._roots = roots
        self._labels: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._queue: list[tuple[str, Any]] = list(zip(ROOTS, roots, strict=False))
        for label, root in self._queue:
            if isinstance(root, (Group, Made)):
                self._labels[id(root)] = label
        self._shared = _shared(roots)

    def assignments(self) -> list[tuple[str, str]]:
        """Label and expression of each, in the order in which they are reached."""
        found = []
        for label, node in self._queue:  # grows while it is read
            found.append((label, self._expression(node, 0)))
        return found

    def _text(self, node: Any, depth: int) -> str:
        """A node where it is used: in place, or by its label."""
        if not isinstance(node, (Group, Made)):
            return _plain(node)
        known = self._labels.get(id(node))
        if known is None and (id(node) in self._shared or (depth > _DEEP and _parts(node))):
            known = self._labels[id(node)] = self._label(node)
            self._queue.append((known, node))
        return known or self._expression(node, depth)

    def _label(self, node: Any) -> str:
        kind = node.kind if isinstance(node, Group) else _class(node)
        word = re.sub(r"\W", "_", kind.rpartition(".")[2]).lower() or "object"
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
            given = [self._text(one, depth + 1) for one in arguments.items]
        else:
            given = [f"*{self._text(arguments, depth + 1)}"]
        text = _wrapped(f"{word}(", [self._callee(node.callee, depth), *given], ")", depth)
        if node.keywords is not None:
            text += f".keywords({self._text(node.keywords, depth + 1)})"
        if node.appended:
            text += f".append({self._group(Group('list', node.appended), depth + 1)})"
        if node.pairs:
            pairs = [Group("tuple", list(pair)) for pair in node.pairs]
            text += f".items({self._group(Group('list', pairs), depth + 1)})"
        return text + self._states(node, depth)

    def _callee(self, callee: Any, depth: int) -> str:
        return repr(f"{callee.module}:{callee.name}") if isinstance(callee, Name) else self._text(callee, depth + 1)

    def _states(self, node: Made, depth: int) -> str:
        text = ""
        for number, state in enumerate(node.states, 1):
            if node.setter is not None and number == len(node.states):
                text += f".by({self._callee(node.setter, depth)}, {self._text(state, depth + 1)})"
            elif _is_attributes(state) and id(state) not in self._shared:
                given = [f"{name}={self._text(value, depth + 1)}" for name, value in state.items]
                text += _wrapped(".set(", given, ")", depth, always=True)
            else:
                text += f".state({self._text(state, depth + 1)})"
        return text

    def _group(self, node: Group, depth: int) -> str:
        if node.kind == "bytearray":
            return f"bytearray({bytes(node.items[0] if node.items else b'')!r})"
        if node.kind == "dict":
            given = [f"{self._text(key, depth + 1)}: {self._text(value, depth + 1)}" for key, value in node.items]
            return _wrapped("{", given, "}", depth)
        given = [self._text(item, depth + 1) for item in node.items]
        if node.kind == "tuple":
            return _wrapped("(", given, ",)" if len(given) == 1 else ")", depth)
        opening, closing = {"list": ("[", "]"), "set": ("set([", "])"), "frozenset": ("frozenset([", "])")}[node.kind]
        return _wrapped(opening, given, closing, depth)


def _wrapped(opening: str, given: list[str], closing: str, depth: int, *, always: bool = False) -> str:
    """On one line where that is short, else a line for each."""
    line = opening + ", ".join(given) + closing
    if not given or ("\n" not in line and len(line) + 4 * depth <= _WIDTH and not always):
        return line
    inner = "".join(f"{_indented(one)},\n" for one in given)
    return f"{opening}\n{inner}{closing.removeprefix(',')}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _plain(value: Any) -> str:
    if isinstance(value, Name):
        return f"name({f'{value.module}:{value.name}'!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _class(node: Made) -> str:
    arguments = node.arguments.items if isinstance(node.arguments, Group) else []
    callee = node.callee
    if isinstance(callee, Name) and callee.name == "new" and arguments and isinstance(arguments[0], Name):
        callee = arguments[0]
    return str(callee) if isinstance(callee, Name) else "object"


def _is_attributes(state: Any) -> bool:
    """Whether a state can stand as keywords."""
    if not isinstance(state, Group) or state.kind != "dict":
        return False
    names = [name for name, _ in state.items]
    return len(set(map(str, names))) == len(names) and all(
        isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) for name in names
    )


def _parts(node: Any) -> list[Any]:
    """The nodes below a node."""
    if isinstance(node, Group):
        return [part for pair in node.items for part in pair] if node.kind == "dict" else node.items
    if isinstance(node, Made):
        pairs = [part for pair in node.pairs for part in pair]
        return [node.callee, node.arguments, node.keywords, *node.appended, *pairs, *node.states, node.setter]
    return []


def _shared(roots: Iterable[Any]) -> set[int]:
    """The containers and objects that are reached more than once."""
    seen: Counter[int] = Counter()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, (Group, Made)):
            seen[id(node)] += 1
            if seen[id(node)] == 1:
                stack += _parts(node)
    return {number for number, count in seen.items() if count > 1}


# ---- reading


def parse(text: str) -> list[Any]:
    """The roots of a text.

    :raises TapDamagedError: with the line, and what is wrong there.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TapDamagedError("source", f"line {getattr(error, 'lineno', '?')}: {error}") from error
    return _Reader(tree).roots()


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self._expressions: dict[str, ast.expr] = {}
        self._nodes: dict[str, Any] = {}
        self._waiting: list[tuple[Any, ast.expr]] = []
        for statement in tree.body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                raise _wrong(statement, "only 'LABEL = ...' stands here")
            label = statement.targets[0].id
            if label in self._expressions:
                raise _wrong(statement, f"{label} is there twice")
            self._expressions[label] = statement.value

    def roots(self) -> list[Any]:
        if ROOTS[0] not in self._expressions:
            raise TapDamagedError("source", f"nothing is called {ROOTS[0]}")
        found = [self._labelled(label) for label in ROOTS if label in self._expressions]
        while self._waiting:
            node, expression = self._waiting.pop()
            self._fill(node, expression)
        return found

    def _labelled(self, label: str, where: ast.AST | None = None) -> Any:
        """The node of a label: an empty one first, so that a cycle finds it, and filled later."""
        if label not in self._nodes:
            if label not in self._expressions:
                raise _wrong(where, f"nothing is called {label}")
            self._nodes[label] = self._node(self._expressions[label])
        return self._nodes[label]

    def _node(self, expression: ast.expr) -> Any:
        """The node of an expression; containers and objects are filled when their turn comes."""
        if isinstance(expression, ast.Name):
            return self._labelled(expression.id, expression)
        made = _empty(expression)
        if isinstance(made, (Group, Made)):
            self._waiting.append((made, expression))
        return made

    def _fill(self, node: Any, expression: ast.expr) -> None:
        if isinstance(node, Made):
            self._fill_object(node, expression)
        elif isinstance(expression, ast.Dict):
            keys = [key if key is not None else _none(expression) for key in expression.keys]
            node.items += [
                (self._node(key), self._node(item)) for key, item in zip(keys, expression.values, strict=True)
            ]
        elif isinstance(expression, (ast.List, ast.Tuple, ast.Set)):
            node.items += [self._node(one) for one in expression.elts]
        elif isinstance(expression, ast.Call) and node.kind == "bytearray":
            node.items.append(_literal(expression.args[0]))
        elif isinstance(expression, ast.Call):
            (inner,) = expression.args
            node.items += [self._node(one) for one in _elements(inner)]

    def _fill_object(self, node: Made, expression: ast.expr) -> None:
        steps: list[ast.Call] = []
        while isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
            steps.append(expression)
            expression = expression.func.value
        assert isinstance(expression, ast.Call)
        callee, *given = expression.args
        node.callee = self._callee(callee)
        if len(given) == 1 and isinstance(given[0], ast.Starred):
            node.arguments = self._node(given[0].value)
        else:
            node.arguments = Group("tuple", [self._node(one) for one in given])
        for step in reversed(steps):
            self._step(node, step)

    def _step(self, node: Made, step: ast.Call) -> None:
        assert isinstance(step.func, ast.Attribute)
        word = step.func.attr
        if word == "set" and not step.args:
            items = [(one.arg or _none(step), self._node(one.value)) for one in step.keywords]
            node.states.append(Group("dict", items))
        elif word == "state" and len(step.args) == 1:
            node.states.append(self._node(step.args[0]))
        elif word == "by" and len(step.args) == 2:  # noqa: PLR2004 - a callee and a state
            node.setter = self._callee(step.args[0])
            node.states.append(self._node(step.args[1]))
        elif word == "append" and len(step.args) == 1:
            node.appended += [self._node(one) for one in _elements(step.args[0])]
        elif word == "items" and len(step.args) == 1:
            for pair in _elements(step.args[0]):
                key, value = _elements(pair)
                node.pairs.append((self._node(key), self._node(value)))
        elif word == "keywords" and len(step.args) == 1:
            node.keywords = self._node(step.args[0])
        else:
            raise _wrong(step, f"no object has .{word}(...) of that kind")

    def _callee(self, expression: ast.expr) -> Any:
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            return _named(expression)
        return self._node(expression)


def _empty(expression: ast.expr) -> Any:
    """An empty container or object for an expression, or its plain value."""
    if isinstance(expression, ast.Dict):
        return Group("dict")
    if isinstance(expression, (ast.List, ast.Tuple)):
        return Group("list" if isinstance(expression, ast.List) else "tuple")
    if not isinstance(expression, ast.Call):
        return _literal(expression)
    base = expression
    while isinstance(base.func, ast.Attribute) and isinstance(base.func.value, ast.Call):
        base = base.func.value
    word = base.func.id if isinstance(base.func, ast.Name) else "?"
    made = _WORDS.get(word)
    if made is None or not base.args or (word not in ("obj", "call") and len(base.args) > 1):
        raise _wrong(expression, f"{word}(...) is none of {', '.join(_WORDS)} as they are written here")
    return made(base.args[0])


_WORDS: Mapping[str, Callable[[ast.expr], Any]] = {
    "obj": lambda _: Made(None, None, new=True),
    "call": lambda _: Made(None, None),
    "name": lambda argument: _named(argument),  # noqa: PLW0108 - it is defined below
    "set": lambda _: Group("set"),
    "frozenset": lambda _: Group("frozenset"),
    "bytearray": lambda _: Group("bytearray"),
    "float": lambda argument: float(str(_literal(argument))),
}


def _named(expression: ast.expr) -> Name:
    text = _literal(expression)
    module, mark, name = str(text).partition(":")
    if not mark or not isinstance(text, str):
        raise _wrong(expression, "a name is written 'module:name'")
    return Name(module, name)


def _literal(expression: ast.expr) -> Any:
    try:
        value = ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise _wrong(expression, "no literal, no label and no word of this style") from error
    if not isinstance(value, (str, bytes, int, float, bool, type(None))):
        raise _wrong(expression, f"a {type(value).__name__} cannot stand here")
    return value


def _elements(expression: ast.expr) -> list[ast.expr]:
    if not isinstance(expression, (ast.List, ast.Tuple)):
        raise _wrong(expression, "a list belongs here")
    return expression.elts


def _none(where: ast.AST) -> Any:
    raise _wrong(where, "** cannot stand here")


def _wrong(where: ast.AST | None, reason: str) -> TapDamagedError:
    return TapDamagedError("source", f"line {getattr(where, 'lineno', '?')}: {reason}")
