"""A tap's graph and change set as inert nodes, read and written in either style; nothing that they name is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import NoGraphError, TapDamagedError, TapError, UnknownNameError, within
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.graph import assembly, changesets, changetext, parsing, source, symbols
from tapdaemon.tapfile.graph.changesets import ChangeSet
from tapdaemon.tapfile.manifest import changes_name, graph_name


class Form(NamedTuple):
    """How a style's payload is read as nodes and written from them; a payload has a root or two."""

    read: Callable[[bytes], list[Any]]
    write: Callable[[Sequence[Any]], bytes]


SOURCE_MAX = 32 * 2**20
"""Bytes of a source: to parse it takes Python some seventy times as much memory."""


def _bytes_of(text: str) -> bytes:
    """A source as the member that holds it.

    :raises TapError: it is larger than what is read.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > SOURCE_MAX:
        raise TapError("source", f"{len(data)} bytes, more than the {SOURCE_MAX} that are read", "keep it as a pickle")
    return data


def _text_of(payload: bytes) -> str:
    """The source in a member.

    :raises TapDamagedError: it is none.
    """
    if len(payload) > SOURCE_MAX:
        raise TapDamagedError("source", f"{len(payload)} bytes, more than the {SOURCE_MAX} that are read")
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise TapDamagedError("source", f"it is no text: {error}") from error


FORMS: Mapping[str, Form] = {
    "pickle": Form(symbols.read, assembly.assemble),
    "source": Form(lambda payload: parsing.parse(_text_of(payload)), lambda roots: _bytes_of(source.write(roots))),
}


def form(style: str) -> Form:
    """The form of a style.

    :raises UnknownNameError: there is none of that name.
    """
    found = FORMS.get(style)
    if found is None:
        raise UnknownNameError("style", style, tuple(FORMS))
    return found


def roots(image: TapImage, subject: str) -> list[Any]:
    """The roots of a tap's graph.

    :param subject: the tap's path, for messages.
    :raises TapDamagedError: its payload is none.
    :raises TapSealedError: it has to be opened first.
    """
    with within(subject):
        if image.graph is None:
            raise NoGraphError(
                "",
                "it has no graph, for its objects could not be saved",
                "tapctl show names what stood in the way; change the .tac or the maker's options, and make it again",
            )
        return form(image.manifest.style).read(image.graph)


def with_roots(image: TapImage, found: Sequence[Any], style: str) -> TapImage:
    """The same tap with another graph, in a style of its own; nothing else of its manifest changes."""
    members = {name: data for name, data in image.members.items() if name != graph_name(image.manifest.style)}
    payload = {graph_name(style): form(style).write(found)}
    return seal_members(image.manifest._replace(style=style), members | payload)


# ---- change sets


def read_changes(payload: bytes, style: str) -> ChangeSet:
    """A change set in a style.

    :raises TapDamagedError: it is none.
    """
    if style == "source":
        return changetext.parse(_text_of(payload))
    table, roots = symbols.read_changes(payload)
    return ChangeSet(changesets.entries_of(table), roots)


def write_changes(changes: ChangeSet, style: str) -> bytes:
    """The change set in a style."""
    if style == "source":
        return _bytes_of(changetext.write(changes))
    return assembly.assemble_changes(changesets.table_of(changes), changes.roots, len(changes.entries))


def changes_of(image: TapImage, subject: str) -> ChangeSet | None:
    """The change set of a tap; None of a base.

    :param subject: the tap's path, for messages.
    :raises TapDamagedError: it is none that can be read.
    """
    if image.changes is None:
        return None
    with within(subject):
        return read_changes(image.changes, image.manifest.style)


def with_changes(image: TapImage, changes: ChangeSet) -> TapImage:
    """The same tap with another change set."""
    name = changes_name(image.manifest.style)
    members = dict(image.members) | {name: write_changes(changes, image.manifest.style)}
    return seal_members(image.manifest, members)


def restyled(image: TapImage, style: str, subject: str) -> TapImage:
    """The same tap with its graph and its change set in another style.

    :raises TapDamagedError: one of them is not whole.
    """
    before = image.manifest.style
    names = (graph_name(before), changes_name(before))
    members = {name: data for name, data in image.members.items() if name not in names}
    with within(subject):
        if image.graph is not None:
            members[graph_name(style)] = form(style).write(form(before).read(image.graph))
        if image.changes is not None:
            members[changes_name(style)] = write_changes(read_changes(image.changes, before), style)
    return seal_members(image.manifest._replace(style=style), members)
