"""The source style read: its text as inert nodes, by Python's own grammar (`ast`); nothing of it is executed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.nodes import Group, Made, Name, Place
from tapdaemon.tapfile.source import CHANGE, PLACES, ROOT


def parse(text: str) -> list[Any]:
    """The roots of a text.

    :raises TapDamagedError: with the line, and what is wrong there.
    """
    return _Reader(_tree(text)).roots(ROOT, ROOT)


def parse_changes(text: str) -> tuple[Any, list[Any]]:
    """The table of places and the rows of a change set's text.

    :raises TapDamagedError: with the line, and what is wrong there.
    """
    places, *rows = _Reader(_tree(text)).roots(PLACES, CHANGE)
    return places, rows


def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, fact = getattr(error, "lineno", "?"), getattr(error, "msg", error)
        raise TapDamagedError("source", f"line {line}: {fact}") from error


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

    def roots(self, first: str, others: str) -> list[Any]:
        """What stands under one label, and under another with numbers, in their order."""
        if first not in self._expressions:
            raise TapDamagedError("source", f"nothing is called {first}")
        numbered = [
            label
            for label in self._expressions
            if label.startswith(f"{others}_") and label.rpartition("_")[2].isdigit()
        ]
        numbered.sort(key=lambda label: int(label.rpartition("_")[2]))
        found = [self._labelled(label) for label in (first, *numbered)]
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
    if made is None or not base.args or (word not in ("obj", "call", "base") and len(base.args) > 1):
        raise _wrong(expression, f"{word}(...) is none of {', '.join(_WORDS)} as they are written here")
    return made(base.args[0])


_WORDS: Mapping[str, Callable[[ast.expr], Any]] = {
    "obj": lambda _: Made(None, None, new=True),
    "call": lambda _: Made(None, None),
    "base": lambda argument: _base(argument),  # noqa: PLW0108 - it is defined below
    "name": lambda argument: _named(argument),  # noqa: PLW0108 - it is defined below
    "set": lambda _: Group("set"),
    "frozenset": lambda _: Group("frozenset"),
    "bytearray": lambda _: Group("bytearray"),
    "float": lambda argument: float(str(_literal(argument))),
}


def _base(expression: ast.expr) -> Place:
    number = _literal(expression)
    if type(number) is not int or number < 0:
        raise _wrong(expression, "an object of the base is written base(NUMBER, WAY)")
    return Place("", "", number)


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
