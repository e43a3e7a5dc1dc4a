"""The source style read: its text as inert nodes, by Python's own grammar (`ast`); nothing of it is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.graph.nodes import Group, Made, Name
from tapdaemon.tapfile.graph.source import ROOT

_MORE = re.compile(rf"{ROOT}_[0-9]{{1,9}}\Z")


def parse(text: str) -> list[Any]:
    """The roots of a text.

    :raises TapDamagedError: with the line, and what is wrong there.
    """
    reader = Reader(statements(text))
    labels = sorted(filter(_MORE.match, reader.labels), key=lambda label: int(label.rpartition("_")[2]))
    if ROOT not in reader.labels:
        raise TapDamagedError("source", f"nothing is called {ROOT}")
    found = [reader.labelled(label) for label in (ROOT, *labels)]
    reader.finish()
    return found


def statements(text: str) -> list[ast.stmt]:
    """The statements of a text.

    :raises TapDamagedError: it is not in Python's grammar.
    """
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, fact = getattr(error, "lineno", "?"), getattr(error, "msg", error)
        raise TapDamagedError("source", f"line {line}: {fact}") from error


class Reader:
    """Makes nodes of expressions; an empty one first, so that a cycle finds it, and filled when its turn comes.

    :param body: assignments to labels.
    :param words: more words that may be called, each with what it makes of its argument.
    """

    def __init__(self, body: list[ast.stmt], words: Mapping[str, Callable[[ast.expr], Any]] | None = None) -> None:
        self.labels: dict[str, ast.expr] = {}
        self._words = {**_WORDS, **(words or {})}
        self._nodes: dict[str, Any] = {}
        self._waiting: list[tuple[Any, ast.expr]] = []
        for statement in body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                raise wrong(statement, "only 'LABEL = ...' stands here")
            if len(statement.targets) > 1:
                raise wrong(statement, "a label stands for itself: 'LABEL = ...'")
            label = statement.targets[0].id
            if label in self.labels:
                raise wrong(statement, f"{label} is there twice")
            self.labels[label] = statement.value

    def finish(self) -> None:
        """Fill what has been made, and what that leads to."""
        while self._waiting:
            node, expression = self._waiting.pop()
            self._fill(node, expression)

    def labelled(self, label: str, where: ast.AST | None = None) -> Any:
        """The node of a label."""
        passed: dict[str, None] = {}
        while label not in self._nodes:
            expression = self.labels.get(label)
            if expression is None:
                raise wrong(where, f"nothing is called {label}")
            passed[label] = None
            if not isinstance(expression, ast.Name):
                self._nodes[label] = self.node(expression)
                break
            label, where = expression.id, expression
            if label in passed:
                raise wrong(where, f"{label} is called what it is called")
        for one in passed:
            self._nodes[one] = self._nodes[label]
        return self._nodes[label]

    def node(self, expression: ast.expr) -> Any:
        """The node of an expression, which `finish` fills."""
        if isinstance(expression, ast.Name):
            return self.labelled(expression.id, expression)
        made = self._empty(expression)
        if isinstance(made, (Group, Made)):
            self._waiting.append((made, expression))
        return made

    def _empty(self, expression: ast.expr) -> Any:
        """An empty container or object for an expression, or its plain value."""
        if isinstance(expression, ast.Dict):
            return Group("dict")
        if isinstance(expression, (ast.List, ast.Tuple)):
            return Group("list" if isinstance(expression, ast.List) else "tuple")
        if not isinstance(expression, ast.Call):
            return literal(expression)
        first = expression
        while isinstance(first.func, ast.Attribute) and isinstance(first.func.value, ast.Call):
            first = first.func.value
        word = first.func.id if isinstance(first.func, ast.Name) else "?"
        made = self._words.get(word)
        is_object = word in ("obj", "call")
        if (
            made is None
            or not first.args
            or first.keywords
            or (not is_object and (len(first.args) > 1 or first is not expression))
        ):
            raise wrong(expression, f"{word}(...) is none of {', '.join(self._words)} as they are written here")
        return made(first.args[0])

    def _fill(self, node: Any, expression: ast.expr) -> None:
        if isinstance(node, Made):
            self._fill_object(node, expression)
        elif isinstance(expression, ast.Dict):
            keys = [key if key is not None else _none(expression) for key in expression.keys]
            node.items += [(self.node(key), self.node(item)) for key, item in zip(keys, expression.values, strict=True)]
        elif isinstance(expression, (ast.List, ast.Tuple, ast.Set)):
            node.items += [self.node(one) for one in expression.elts]
        elif isinstance(expression, ast.Call) and node.kind == "bytearray":
            data = literal(expression.args[0])
            if not isinstance(data, bytes):
                raise wrong(expression, "a bytearray is made of bytes")
            node.items.append(data)
        elif isinstance(expression, ast.Call):
            (inner,) = expression.args
            node.items += [self.node(one) for one in _elements(inner)]

    def _fill_object(self, node: Made, expression: ast.expr) -> None:
        steps: list[ast.Call] = []
        while isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
            steps.append(expression)
            expression = expression.func.value
        assert isinstance(expression, ast.Call)
        callee, *given = expression.args
        node.callee = self._callee(callee)
        if len(given) == 1 and isinstance(given[0], ast.Starred):
            node.arguments = self.node(given[0].value)
        else:
            node.arguments = Group("tuple", [self.node(one) for one in given])
        for step in reversed(steps):
            self._step(node, step)

    def _step(self, node: Made, step: ast.Call) -> None:
        assert isinstance(step.func, ast.Attribute)
        word = step.func.attr
        if word == "set" and not step.args:
            items = [(one.arg or _none(step), self.node(one.value)) for one in step.keywords]
            node.states.append(Group("dict", items))
        elif step.keywords:
            raise wrong(step, f"only .set(...) has names, and .{word}(...) has not")
        elif word == "state" and len(step.args) == 1:
            node.states.append(self.node(step.args[0]))
        elif word == "by" and len(step.args) == 2:  # noqa: PLR2004 - a callee and a state
            node.setter = self._callee(step.args[0])
            node.states.append(self.node(step.args[1]))
        elif word == "append" and len(step.args) == 1:
            node.appended += [self.node(one) for one in _elements(step.args[0])]
        elif word == "items" and len(step.args) == 1:
            for pair in _elements(step.args[0]):
                if len(_elements(pair)) != 2:  # noqa: PLR2004 - key and value
                    raise wrong(pair, "a key and a value belong here")
                key, value = _elements(pair)
                node.pairs.append((self.node(key), self.node(value)))
        elif word == "keywords" and len(step.args) == 1:
            node.keywords = self.node(step.args[0])
        else:
            raise wrong(step, f"no object has .{word}(...) of that kind")

    def _callee(self, expression: ast.expr) -> Any:
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            return _named(expression)
        return self.node(expression)


_WORDS: Mapping[str, Callable[[ast.expr], Any]] = {
    "obj": lambda _: Made(None, None, new=True),
    "call": lambda _: Made(None, None),
    "name": lambda argument: _named(argument),  # noqa: PLW0108 - it is defined below
    "set": lambda _: Group("set"),
    "frozenset": lambda _: Group("frozenset"),
    "bytearray": lambda _: Group("bytearray"),
    "float": lambda argument: _float(argument),  # noqa: PLW0108 - it is defined below
}


def _float(expression: ast.expr) -> float:
    try:
        return float(str(literal(expression)))
    except ValueError as error:
        raise wrong(expression, str(error)) from error


def _named(expression: ast.expr) -> Name:
    text = literal(expression)
    module, mark, name = str(text).partition(":")
    if not mark or not isinstance(text, str):
        raise wrong(expression, "a name is written 'module:name'")
    return Name(module, name)


def literal(expression: ast.expr) -> Any:
    """The plain value of an expression.

    :raises TapDamagedError: it has none.
    """
    try:
        value = ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise wrong(expression, "no literal, no label and no word of this style") from error
    if not isinstance(value, (str, bytes, int, float, bool, type(None))):
        raise wrong(expression, f"a {type(value).__name__} cannot stand here")
    return value


def _elements(expression: ast.expr) -> list[ast.expr]:
    if not isinstance(expression, (ast.List, ast.Tuple)):
        raise wrong(expression, "a list belongs here")
    return expression.elts


def _none(where: ast.AST) -> Any:
    raise wrong(where, "** cannot stand here")


def wrong(where: ast.AST | None, reason: str) -> TapDamagedError:
    """The error of a line."""
    return TapDamagedError("source", f"line {getattr(where, 'lineno', '?')}: {reason}")
