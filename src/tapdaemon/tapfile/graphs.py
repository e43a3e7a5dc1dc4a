"""The graph of a tap as inert nodes, read from and written in either style; nothing that it names is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import TapDamagedError, UnknownNameError
from tapdaemon.tapfile import assembly, parsing, source, symbols
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.manifest import payload_name


class Form(NamedTuple):
    """How a style's payload is read as nodes and written from them; a payload has a root or two."""

    read: Callable[[bytes], list[Any]]
    write: Callable[[Sequence[Any]], bytes]


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise TapDamagedError("source", f"it is no text: {error}") from error


FORMS: Mapping[str, Form] = {
    "pickle": Form(symbols.read, assembly.assemble),
    "source": Form(
        lambda payload: parsing.parse(_text(payload)),
        lambda roots: source.write(roots).encode("utf-8", "surrogatepass"),
    ),
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
    try:
        return form(image.manifest.style).read(image.payload)
    except TapDamagedError as error:
        error.within(subject)
        raise


def with_roots(image: TapImage, found: Sequence[Any], style: str) -> TapImage:
    """The same tap with another graph, in a style of its own; nothing else of its manifest changes."""
    members = {name: data for name, data in image.members.items() if name != image.manifest.payload.name}
    payload = {payload_name(style): form(style).write(found)}
    return seal_members(image.manifest._replace(style=style), members | payload)
