"""A change set as text that a person reads and edits, and back; it is parsed, never executed.

    change(
        'shop/desk',
        attributes={
            'visits': 3,
            'last': base('shop/desk.clock'),
        },
        gone=['greeting'],
    )

Each change says the place of an object of the base and the facet of it that has changed (see docs/format.md), `base`
names an object of the base by its place, and everything else is written as in a graph (`source`).  At the end `places`
is the table of places, in its order: by the name of each the place that leads to it, the step, and the class.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.graph import changesets, ways
from tapdaemon.tapfile.graph.changesets import FACETS, STATES, ChangeSet, Entry, Row
from tapdaemon.tapfile.graph.nodes import Group, Place
from tapdaemon.tapfile.graph.parsing import Reader, literal, statements, wrong
from tapdaemon.tapfile.graph.source import Writer, wrapped

HEADER = "# tapdaemon changes 1\n"
TABLE = """
# The places of the base: the place that leads to each, the step, and the class.  Leave this table as it is.
"""
CHANGE, PLACES = "change", "places"
_GONE: Mapping[str, str] = {"elements": "had", "members": "had"}
"""What a row's list of what is gone is called, where that is not `gone`."""
_EMPTY_GONE: Mapping[str, str] = dict.fromkeys(("attributes", "items", "elements", "members"), "list")
"""What it is where nothing is gone; else an empty tuple."""


def write(changes: ChangeSet) -> str:
    """The text of a change set; the same for the same."""
    writer = Writer([*changes.roots, *(entry.key for entry in changes.entries)])
    parts = [HEADER]
    for root in changes.roots:
        text = _states(root, writer) if changesets.is_states(root) else _change(Row(*root.items), changes, writer)
        parts += [f"\n{text}\n", writer.assignments()]
    lines = [_line(number, entry, changes, writer) for number, entry in enumerate(changes.entries)]
    parts += [TABLE, f"{PLACES} = {wrapped('{', lines, '}', 0, always=True)}\n", writer.assignments()]
    return "".join(parts)


def _states(root: Group, writer: Writer) -> str:
    return wrapped(f"{STATES}(", [writer.text(one, 1) for one in root.items[1].items], ")", 0)


def _change(row: Row, changes: ChangeSet, writer: Writer) -> str:
    given = [repr(changes.names[row.place]), f"{row.facet}={writer.text(row.given, 1)}"]
    is_default = row.gone.kind == _EMPTY_GONE.get(row.facet, "tuple") and not row.gone.items
    if not is_default or id(row.gone) in writer.shared:
        given.append(f"{_GONE.get(row.facet, 'gone')}={writer.text(row.gone, 1)}")
    if row.order is not None:
        given.append(f"order={writer.text(row.order, 1)}")
    return wrapped(f"{CHANGE}(", given, ")", 0)


def _line(number: int, entry: Entry, changes: ChangeSet, writer: Writer) -> str:
    parent = None if entry.parent == ways.ROOT else changes.names[entry.parent]
    return f"{changes.names[number]!r}: ({parent!r}, {entry.step!r}, {writer.text(entry.key, 2)}, {entry.kind!r})"


# ---- reading


def parse(text: str) -> ChangeSet:
    """The change set of a text.

    :raises TapDamagedError: with the line, and what is wrong there.
    """
    calls, assignments, table = [], [], None
    for statement in statements(text):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            calls.append(statement.value)
        elif _is_table(statement):
            table = statement
        else:
            assignments.append(statement)
    if not isinstance(table, ast.Assign) or not isinstance(table.value, ast.Dict):
        raise TapDamagedError("source", f"nothing is called {PLACES}: the table of places is missing")
    return _Changes(assignments, table.value).read(calls)


def _is_table(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == PLACES


class _Changes:
    def __init__(self, assignments: list[ast.stmt], table: ast.Dict) -> None:
        self._numbers: dict[str, int] = {}
        self._reader = Reader(assignments, {"base": self._base})
        self._entries = [self._entry(key, value) for key, value in zip(table.keys, table.values, strict=True)]
        self._lines = [value.lineno for value in table.values]

    def read(self, calls: list[ast.Call]) -> ChangeSet:
        roots = [self._root(call) for call in calls]
        self._reader.finish()
        for entry, line in zip(self._entries, self._lines, strict=True):
            problem = changesets.wrong_step(entry)
            if problem:
                raise TapDamagedError("source", f"line {line}: {problem}")
        for root, call in zip(roots, calls, strict=True):
            problem = changesets.wrong_root(root, self._entries)
            if problem:
                raise wrong(call, problem)
        return ChangeSet(self._entries, roots)

    def _entry(self, key: ast.expr | None, value: ast.expr) -> Entry:
        """A line of the table, whose name is known from here on."""
        if key is None or not isinstance(value, ast.Tuple) or len(value.elts) != len(Entry._fields):
            raise wrong(value, "a place is written 'NAME: (PARENT, STEP, KEY, CLASS)'")
        name, (parent, step, step_key, kind) = literal(key), value.elts
        if not isinstance(name, str) or name in self._numbers:
            raise wrong(key, f"{name!r} is no name of a place, or there twice")
        above = literal(parent)
        number = ways.ROOT if above is None else self._number(parent)
        self._numbers[name] = len(self._numbers)
        return Entry(number, literal(step), self._reader.node(step_key), literal(kind))

    def _number(self, expression: ast.expr) -> int:
        name = literal(expression)
        number = self._numbers.get(name) if isinstance(name, str) else None
        if number is None:
            raise wrong(expression, f"the base has no place {name!r}; the table of places names all")
        return number

    def _base(self, expression: ast.expr) -> Place:
        return Place(self._number(expression))

    def _root(self, call: ast.Call) -> Group:
        word = call.func.id if isinstance(call.func, ast.Name) else "?"
        if word == STATES and not call.keywords:
            return Group("tuple", [STATES, Group("list", [self._reader.node(one) for one in call.args])])
        if word != CHANGE or len(call.args) != 1:
            raise wrong(call, f"only {CHANGE}(PLACE, FACET=...) stands here")
        given = {one.arg: one.value for one in call.keywords}
        facets = [name for name in given if name in FACETS]
        if len(given) < len(call.keywords) or len(facets) != 1:
            raise wrong(call, f"a change is of one facet: {', '.join(FACETS)}")
        facet = facets[0]
        gone = _GONE.get(facet or "", "gone")
        unknown = [str(name) for name in given if name not in (facet, gone, "order")]
        if unknown:
            raise wrong(call, f"{facet} are given with {gone}= and order=, not with {unknown[0]}=")
        number = self._number(call.args[0])
        lost = self._reader.node(given[gone]) if gone in given else Group(_EMPTY_GONE.get(facet or "", "tuple"))
        order = self._reader.node(given["order"]) if "order" in given else None
        return Group("tuple", [number, facet, self._reader.node(given[facet]), lost, order])
