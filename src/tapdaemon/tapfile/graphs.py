"""The graph of a tap as inert nodes, read from and written in either style; nothing that it names is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import TapDamagedError, TapError, UnknownNameError, within
from tapdaemon.tapfile import assembly, parsing, source, symbols
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.manifest import graph_name


class Form(NamedTuple):
    """How a style's payload is read as nodes and written from them; a payload has a root or two."""

    read: Callable[[bytes], list[Any]]
    write: Callable[[Sequence[Any]], bytes]


SOURCE_MAX = 32 * 2**20
"""Bytes of a source: to parse it takes Python some seventy times as much memory."""


def bytes_of(text: str) -> bytes:
    """A source as the member that holds it.

    :raises TapError: it is larger than what is read.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > SOURCE_MAX:
        raise TapError("source", f"{len(data)} bytes, more than the {SOURCE_MAX} that are read", "keep it as a pickle")
    return data


def text_of(payload: bytes) -> str:
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
    "source": Form(lambda payload: parsing.parse(text_of(payload)), lambda roots: bytes_of(source.write(roots))),
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
            raise TapError("", "it holds no graph: its objects could not be saved", "tapctl show says why")
        return form(image.manifest.style).read(image.graph)


def with_roots(image: TapImage, found: Sequence[Any], style: str) -> TapImage:
    """The same tap with another graph, in a style of its own; nothing else of its manifest changes."""
    members = {name: data for name, data in image.members.items() if name != graph_name(image.manifest.style)}
    payload = {graph_name(style): form(style).write(found)}
    return seal_members(image.manifest._replace(style=style), members | payload)
