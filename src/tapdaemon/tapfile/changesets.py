"""The change set of a snapshot as inert nodes, in either style: its table of places, and its rows; nothing is imported.

A payload is a pickle of the places, one that puts the objects of the base into the memo, and one for each row; see
docs/format.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import TapDamagedError, within
from tapdaemon.tapfile import assembly, graphs, outline, parsing, source, symbols, ways
from tapdaemon.tapfile.comparison import NOTHING, brief
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.manifest import changes_name, graph_name
from tapdaemon.tapfile.nodes import Group, Made, Name, Place

Entry = tuple[int, tuple[str, Any], str]
STATES = "states"
_ROW = 5
_DEEP = 4
"""Containers in containers that a line shows."""


class ChangeSet(NamedTuple):
    """Places and rows.

    :param places: the node of the table.
    :param roots: a row each (place, facet, given, gone, order), or states of objects that came before.
    """

    places: Any
    roots: list[Any]

    @property
    def entries(self) -> list[Entry]:
        return [_entry(node) for node in _items(self.places)]


class Change(NamedTuple):
    """One thing that changed.

    :param way: where.
    :param place: the number of the object, and the step below it (a facet's name, a name or key).
    :param before: what the base had there, where the change set knows; else `NOTHING`.
    :param after: what is there now; `NOTHING` if it is gone.
    """

    way: str
    place: tuple[int, str, Any]
    before: Any
    after: Any


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
    if type(parent) is not int or not isinstance(name, str) or name not in ways.STEPS or not isinstance(kind, str):
        raise TapDamagedError("changes", "a place is no parent, step and class")
    shown = _key(key)
    if name == "child" and not (isinstance(shown, tuple) and [type(part) for part in shown] == [str, int]):
        raise TapDamagedError("changes", "a nameless service is no class and number")
    if name == "element" and type(shown) is not int:
        raise TapDamagedError("changes", "an element is no number")
    return parent, (name, shown), kind


def _key(node: Any, depth: int = 0) -> Any:
    """A key as it is shown: a plain value, a tuple of some, or the name of a class."""
    if isinstance(node, Group) and node.kind == "tuple" and depth < _DEEP:
        return tuple(_key(part, depth + 1) for part in node.items)
    return brief(node) if isinstance(node, (Group, Made, Name)) else node


def read(payload: bytes, style: str) -> ChangeSet:
    """A change set in a style.

    :raises TapDamagedError: it is none.
    """
    if style == "source":
        return _placed(parsing.parse_changes(graphs.text_of(payload)))
    return _placed(symbols.read_changes(payload))


def write(changes: ChangeSet, style: str) -> bytes:
    """The change set in a style."""
    if style == "source":
        named = _named(changes)
        return graphs.bytes_of(source.write_changes(named.places, named.roots))
    return assembly.assemble_changes(changes.places, changes.roots, len(changes.entries))


def _checked(changes: ChangeSet) -> ChangeSet:
    entries = changes.entries
    for number, (parent, _, _) in enumerate(entries):
        if not ways.ROOT <= parent < number:
            raise TapDamagedError("changes", f"place {number} does not come after what leads to it")
    for root in changes.roots:
        items = _items(root)
        is_states = len(items) == 2 and items[0] == STATES  # noqa: PLR2004 - the word and a list
        if not is_states and (len(items) != _ROW or type(items[0]) is not int or not 0 <= items[0] < len(entries)):
            raise TapDamagedError("changes", "a row is no place, facet, given, gone and order")
    return _named(changes)


def _named(changes: ChangeSet) -> ChangeSet:
    """With the way of each reference to the base."""
    entries = changes.entries
    for node in assembly.places_in(changes.roots):
        if not 0 <= node.number < len(entries):
            raise TapDamagedError("changes", f"there is no place {node.number}")
        node.name = ways.text(entries, node.number)
    return changes


def _placed(changes: tuple[Any, list[Any]]) -> ChangeSet:
    return _checked(ChangeSet(*changes))


def of(image: TapImage, subject: str) -> ChangeSet | None:
    """The change set of a tap; None of a base.

    :param subject: the tap's path, for messages.
    :raises TapDamagedError: it is none that can be read.
    """
    if image.changes is None:
        return None
    with within(subject):
        return read(image.changes, image.manifest.style)


def restyled(image: TapImage, style: str, subject: str) -> TapImage:
    """The same tap with its graph and its change set in another style.

    :raises TapDamagedError: one of them is not whole.
    """
    before = image.manifest.style
    names = (graph_name(before), changes_name(before))
    members = {name: data for name, data in image.members.items() if name not in names}
    with within(subject):
        if image.graph is not None:
            members[graph_name(style)] = graphs.form(style).write(graphs.form(before).read(image.graph))
        if image.changes is not None:
            members[changes_name(style)] = write(read(image.changes, before), style)
    return seal_members(image.manifest._replace(style=style), members)


def with_changes(image: TapImage, changes: ChangeSet) -> TapImage:
    """The same tap with another change set."""
    name = changes_name(image.manifest.style)
    members = dict(image.members) | {name: write(changes, image.manifest.style)}
    return seal_members(image.manifest, members)


# ---- in words


def listed(changes: ChangeSet) -> Iterator[Change]:
    """What changed, one by one, by place."""
    entries = changes.entries
    for root in changes.roots:
        items = _items(root)
        if len(items) != _ROW:
            continue
        number, facet, given, gone, _ = items
        base = ways.text(entries, number)
        if facet in ("attributes", "items") and isinstance(given, Group):
            for key, value in given.items:
                yield Change(base + _below(facet, key), (number, facet, _key(key)), NOTHING, value)
            for key in _items(gone):
                yield Change(base + _below(facet, key), (number, facet, _key(key)), NOTHING, NOTHING)
        elif facet in ("elements", "members"):
            yield Change(base, (number, facet, None), gone, given)
        elif facet != "versioned":
            yield Change(base, (number, facet, None), NOTHING, given)


def _below(facet: str, key: Any) -> str:
    return f".{key}" if facet == "attributes" else ways.of_key(_key(key))


def in_base(root: Any, changes: ChangeSet, change: Change) -> Any:
    """What the base's graph has where something changed, as far as the nodes show it; else `NOTHING`.

    :param root: of the graph.
    """
    if change.before is not NOTHING:
        return change.before
    number, facet, key = change.place
    node = _found(root, changes.entries, number)
    if facet == "attributes":
        return node.attributes.get(key, NOTHING) if isinstance(node, Made) else NOTHING
    return _item(node, key) if facet == "items" else NOTHING


def _found(root: Any, entries: Sequence[Entry], number: int) -> Any:
    """The node of a place."""
    parent, (step, key), _ = entries[number]
    if parent == ways.ROOT:
        return {"root": outline.top(root), "application": root}.get(step, NOTHING)
    node = _found(root, entries, parent)
    if isinstance(node, Made) and step in ("service", "child"):
        index = key[1] if step == "child" else -1
        children = list(enumerate(outline.children(node)))
        label = f"{key[0]}[{key[1]}]" if step == "child" else key
        return next((child for at, child in children if outline.label(child, at) == label or at == index), NOTHING)
    if isinstance(node, Made) and step == "attribute":
        return node.attributes.get(key, NOTHING)
    if step == "item":
        return _item(node, key)
    if step == "element" and isinstance(node, Group) and node.kind in ("list", "tuple") and key < len(node.items):
        return node.items[key]
    return NOTHING


def _item(node: Any, key: Any) -> Any:
    pairs = node.items if isinstance(node, Group) and node.kind == "dict" else getattr(node, "pairs", [])
    return next((value for one, value in pairs if _key(one) == key), NOTHING)


def words(node: Any, depth: int = 0) -> str:
    """A node as a line has it: small containers with what is in them."""
    if isinstance(node, Place):
        return node.name
    if isinstance(node, Group) and node.kind in _BRACKETS and len(node.items) <= 8 and depth < _DEEP:  # noqa: PLR2004 - what fits a line
        opening, closing = _BRACKETS[node.kind]
        parts = [": ".join(words(part, depth + 1) for part in one) for one in _parts_of(node)]
        text = opening + ", ".join(parts) + closing
        return text if len(text) <= 200 else brief(node)  # noqa: PLR2004 - what fits a line
    if isinstance(node, Made) and str(node.callee).endswith((".rebuild.gone", ".rebuild.nothing")):
        return "(left out)"
    return brief(node)


def _parts_of(node: Group) -> list[list[Any]]:
    return [list(pair) for pair in node.items] if node.kind == "dict" else [[part] for part in node.items]


_BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "dict": ("{", "}"), "set": ("{", "}")}
