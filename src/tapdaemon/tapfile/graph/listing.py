"""A change set in words: what changed, one by one, by place, and what the base's graph has there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tapdaemon.tapfile.graph import outline, ways
from tapdaemon.tapfile.graph.changesets import STATES, ChangeSet, Entry, Row, is_states, shown
from tapdaemon.tapfile.graph.comparison import NOTHING, words
from tapdaemon.tapfile.graph.nodes import Group, Made

_FEW = 8
"""Names or keys of one object that are listed one by one."""


class Change(NamedTuple):
    """One thing that changed.

    :param way: where.
    :param row: of which it is a part.
    :param key: the name of an attribute, or an item's key as `ways` has it; None of a whole facet.
    :param before: what the base had there, where the change set knows; else `NOTHING`.
    :param after: what is there now; `NOTHING` if it is gone.
    """

    way: str
    row: Row
    key: Any
    before: Any
    after: Any


def listed(changes: ChangeSet) -> Iterator[Change]:
    """What changed, by place."""
    for row in changes.rows:
        yield from _of_row(row, changes)


def _of_row(row: Row, changes: ChangeSet) -> Iterator[Change]:
    base = changes.names[row.place]
    if row.facet in ("attributes", "items"):
        pairs = [*row.given.items, *((key, NOTHING) for key in row.gone.items)]
        for key, value in pairs:
            step = f".{words(key) if not isinstance(key, str) else key}" if row.facet == "attributes" else None
            yield Change(ways.below(base, step or ways.of_key(shown(key))), row, shown(key), NOTHING, value)
    elif row.facet in ("elements", "members"):
        yield Change(base, row, None, row.gone, row.given)
    elif row.facet != "versioned":  # which says what `attributes` says
        yield Change(base, row, None, NOTHING, row.given)


def lines(changes: ChangeSet) -> Iterator[str]:
    """What changed, a line each; of an object with many names or keys, as counters of libraries have, the first few."""
    for row in changes.rows:
        found = list(_of_row(row, changes))
        for one in found[: len(found) if len(found) <= _FEW else _FEW - 1]:
            yield f"{one.way}: {'gone' if one.after is NOTHING else words(one.after)}"
        if len(found) > _FEW:
            yield f"{changes.names[row.place]}: {len(found) - _FEW + 1} more of its {row.facet}"


def named(changes: ChangeSet) -> list[tuple[str, Any]]:
    """The nodes of a change set, each with the place and the facet that it is of."""
    found: list[tuple[str, Any]] = []
    for root in changes.roots:
        if is_states(root):
            found.append((STATES, root.items[1]))
            continue
        row = Row(*root.items)
        name = changes.names[row.place]
        found.append((f"{name} {row.facet}", row.given))
        if row.facet in ("attributes", "items") and row.gone.items:
            found.append((f"{name} gone", row.gone))
        if row.order is not None:
            found.append((f"{name} order", row.order))
    return found


# ---- what the base has


class BaseGraph:
    """The objects of a base's graph by their places, as far as its nodes show them.

    :param root: of the graph; `NOTHING` where there is none.
    :param entries: the table of places.
    """

    def __init__(self, root: Any, entries: list[Entry]) -> None:
        self._held: dict[tuple[int, str], Mapping[Any, Any]] = {}
        self._nodes: list[Any] = []
        for entry in entries:
            if entry.parent == ways.ROOT:
                roots: Mapping[str, Callable[[Any], Any]] = {"root": outline.top, "application": lambda node: node}
                found = roots[entry.step](root) if entry.step in roots and root is not NOTHING else NOTHING
                self._nodes.append(NOTHING if found is None else found)
            else:
                self._nodes.append(self._below(self._nodes[entry.parent], entry.step, entry.key))

    def at(self, change: Change) -> Any:
        """What it has where something changed; `NOTHING` where nothing shows."""
        if change.before is not NOTHING:
            return change.before
        node = self._nodes[change.row.place]
        if change.row.facet == "attributes":
            return self._of(node, "attribute").get(change.key, NOTHING)
        if change.row.facet == "items":
            return self._of(node, "item").get(change.key, NOTHING)
        return node if change.row.facet == "content" else NOTHING

    def _below(self, node: Any, step: str, key: Any) -> Any:
        if not isinstance(node, (Group, Made)):
            return NOTHING
        if step == "element":
            items = node.appended if isinstance(node, Made) else node.items if node.kind in ("list", "tuple") else []
            return items[key] if key < len(items) else NOTHING
        if step == "child":
            key = ways.STEPS["child"](shown(key), "").removeprefix("/")
        return self._of(node, "service" if step == "child" else step).get(shown(key), NOTHING)

    def _of(self, node: Any, step: str) -> Mapping[Any, Any]:
        """What a node has by the keys of steps of a kind; worked out once."""
        if not isinstance(node, (Group, Made)):
            return {}
        found = self._held.get((id(node), step))
        if found is None:
            read = _READERS.get(step)
            found = self._held[id(node), step] = {} if read is None else read(node)
        return found


def _attributes(node: Any) -> dict[Any, Any]:
    return dict(node.attributes) if isinstance(node, Made) else {}


def _items(node: Any) -> dict[Any, Any]:
    pairs = node.pairs if isinstance(node, Made) else node.items if node.kind == "dict" else []
    return {shown(key): value for key, value in pairs}


def _services(node: Any) -> dict[Any, Any]:
    children = outline.children(node) if isinstance(node, Made) else []
    return {outline.label(child, index): child for index, child in enumerate(children)}


_READERS: Mapping[str, Callable[[Any], dict[Any, Any]]] = {
    "attribute": _attributes,
    "item": _items,
    "service": _services,
}
