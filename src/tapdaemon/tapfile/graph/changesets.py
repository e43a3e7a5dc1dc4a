"""The change set of a snapshot as inert nodes: places and rows, and what is right of each; see docs/format.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.graph import nodes, ways
from tapdaemon.tapfile.graph.comparison import words
from tapdaemon.tapfile.graph.nodes import Group, Made

STATES = "states"
"""The first item of what is no row, but states of objects that came before."""
_ROW = 5


class Entry(NamedTuple):
    """A line of the table of places.

    :param parent: the number of the place that leads to it, or `ways.ROOT`.
    :param key: of the step, as a node.
    :param kind: its class, with its module.
    """

    parent: int
    step: str
    key: Any
    kind: str


class Row(NamedTuple):
    """What changed in one facet of one object; see `persist.state.rows`.  All but the first two are nodes."""

    place: int
    facet: str
    given: Any
    gone: Any
    order: Any


class ChangeSet:
    """Places and what changed, checked: each reference leads to a place, each row is of a known facet.

    :param entries: the table of places.
    :param roots: a node for each row, or for states of objects that came before.
    :raises TapDamagedError: something of it is not as it should be.
    """

    def __init__(self, entries: list[Entry], roots: list[Any]) -> None:
        self.entries, self.roots = entries, roots
        for number, entry in enumerate(entries):
            problem = "its parent comes after it" if not ways.ROOT <= entry.parent < number else wrong_step(entry)
            if problem:
                raise TapDamagedError("changes", f"place {number}: {problem}")
        for number, root in enumerate(roots, 1):
            problem = wrong_root(root, entries)
            if problem:
                raise TapDamagedError("changes", f"change {number}: {problem}")
        for node in nodes.places(roots):
            if not 0 <= node.number < len(entries):
                raise TapDamagedError("changes", f"there is no place {node.number}")
            node.way = self.names[node.number]
        shared = nodes.shared(roots)
        if any(id(root) in shared for root in roots):
            raise TapDamagedError("changes", "one change is part of another")

    @cached_property
    def names(self) -> list[str]:
        """The way of each place."""
        return ways.names([(entry.parent, (entry.step, shown(entry.key)), entry.kind) for entry in self.entries])

    @property
    def rows(self) -> list[Row]:
        return [Row(*root.items) for root in self.roots if not is_states(root)]


def shown(key: Any) -> Any:
    """A step's key as `ways` has it."""
    if isinstance(key, Group) and key.kind == "tuple" and not any(isinstance(one, (Group, Made)) for one in key.items):
        return tuple(shown(one) for one in key.items)
    return _Words(words(key)) if isinstance(key, (Group, Made, nodes.Name)) else key


class _Words(str):
    """What is to be seen of a key that is no plain value: it is written without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# ---- what is right


def wrong_step(entry: Entry) -> str:
    """What is wrong with a line of the table; empty where nothing is."""
    check = _KEYS.get(entry.step) if isinstance(entry.step, str) else None
    if check is None:
        return "no such kind of step"
    if not isinstance(entry.kind, str):
        return "its class is no text"
    return "" if check(entry.key) else f"the key of a step of kind {entry.step} is another"


def _is_turn(key: Any) -> bool:
    return type(key) is int and key >= 0


def _is_child(key: Any) -> bool:
    is_pair = isinstance(key, Group) and key.kind == "tuple" and len(key.items) == 2  # noqa: PLR2004 - class and index
    return is_pair and isinstance(key.items[0], str) and _is_turn(key.items[1])


def _is_text(key: Any) -> bool:
    return isinstance(key, str)


def _is_any(_: Any) -> bool:
    return True


_KEYS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(ways.STEPS, _is_text),
    **dict.fromkeys(("key", "value", "element"), _is_turn),
    **dict.fromkeys(("root", "application", "service", "item"), _is_any),
    "child": _is_child,
}


def is_states(root: Any) -> bool:
    """Whether a root holds states of objects that came before."""
    return isinstance(root, Group) and len(root.items) == 2 and root.items[0] == STATES  # noqa: PLR2004 - the word and a list


def wrong_root(root: Any, entries: Sequence[Entry]) -> str:
    """What is wrong with a row or with states; empty where nothing is.

    :param entries: the table of places.
    """
    if not isinstance(root, Group) or root.kind != "tuple":
        return "it is no tuple"
    if is_states(root):
        held = root.items[1]
        is_right = _is_list(held) and all(isinstance(one, Group) and len(one.items) == _ROW for one in held.items)
        return "" if is_right else "states are a list of objects with their states"
    if len(root.items) != _ROW:
        return "it is no place, facet, given, gone and order"
    row = Row(*root.items)
    return next((problem for problem, is_right in _ROW_LAWS if not is_right(row, entries)), "")


def _facet(row: Row) -> Callable[[Any], bool] | None:
    return FACETS.get(row.facet) if isinstance(row.facet, str) else None


_FACET_OF = {"builtins.dict": "items", "builtins.list": "elements", "builtins.set": "members"}
_ROW_LAWS: Sequence[tuple[str, Callable[[Row, Sequence[Entry]], bool]]] = (
    ("there is no such place", lambda row, entries: type(row.place) is int and 0 <= row.place < len(entries)),
    ("there is no such facet", lambda row, _: _facet(row) is not None),
    (
        "the object at that place has no such facet",
        lambda row, entries: _FACET_OF.get(entries[row.place].kind, row.facet) == row.facet,
    ),
    ("its facet is given something else", lambda row, _: bool((_facet(row) or _is_any)(row.given))),
    ("what is gone is no list", lambda row, _: _is_list(row.gone, "tuple")),
    ("its order is no list", lambda row, _: row.order is None or _is_list(row.order)),
)
"""What holds of every row, in words for one of which it does not."""


def _is_list(node: Any, *others: str) -> bool:
    return isinstance(node, Group) and node.kind in ("list", *others)


def _is_dict(node: Any) -> bool:
    return isinstance(node, Group) and node.kind == "dict"


def _is_attributes(node: Any) -> bool:
    return _is_dict(node) and all(isinstance(name, str) for name, _ in node.items)


FACETS: Mapping[str, Callable[[Any], bool]] = {
    "attributes": _is_attributes,
    "items": _is_dict,
    "elements": _is_list,
    "members": _is_list,
    "content": _is_any,
    "state": _is_any,
    "versioned": _is_any,
}
"""The facets of an object that a row can be of, each with what it is given."""


# ---- the table as nodes


def entries_of(table: Any) -> list[Entry]:
    """The lines of a table of places, from the node that a pickle has of it.

    :raises TapDamagedError: it is no table.
    """
    return [_entry(node) for node in _items(table)]


def table_of(changes: ChangeSet) -> Group:
    """The table of places as the node that a pickle has of it."""
    lines = [Group("tuple", [one.parent, Group("tuple", [one.step, one.key]), one.kind]) for one in changes.entries]
    return Group("list", lines)


def _items(node: Any) -> list[Any]:
    if not isinstance(node, Group) or node.kind not in ("list", "tuple"):
        raise TapDamagedError("changes", "a list belongs where there is none")
    return node.items


def _entry(node: Any) -> Entry:
    try:
        parent, step, kind = _items(node)
        name, key = _items(step)
    except ValueError as error:
        raise TapDamagedError("changes", f"a place is no parent, step and class: {error}") from error
    if type(parent) is not int:
        raise TapDamagedError("changes", "the parent of a place is no number")
    return Entry(parent, name, key, kind)
