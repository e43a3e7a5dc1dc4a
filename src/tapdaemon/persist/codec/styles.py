"""The styles in which the members of a tap stand: pickle, and source, which is the text of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tapdaemon.errors import UnknownNameError


def _same(payload: bytes) -> bytes:
    return payload


def _graph(payload: bytes, before: str, after: str) -> bytes:
    from tapdaemon.tapfile.graph import graphs

    return graphs.form(after).write(graphs.form(before).read(payload))


def _changes(payload: bytes, before: str, after: str) -> bytes:
    from tapdaemon.tapfile.graph import graphs

    return graphs.write_changes(graphs.read_changes(payload, before), after)


class Codec(NamedTuple):
    """How a style is made of a pickle, and a pickle of it: of a graph, and of a change set."""

    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    encode_changes: Callable[[bytes], bytes]
    decode_changes: Callable[[bytes], bytes]


CODECS: Mapping[str, Codec] = {
    "pickle": Codec(_same, _same, _same, _same),
    "source": Codec(
        lambda payload: _graph(payload, "pickle", "source"),
        lambda payload: _graph(payload, "source", "pickle"),
        lambda payload: _changes(payload, "pickle", "source"),
        lambda payload: _changes(payload, "source", "pickle"),
    ),
}


def codec(style: str) -> Codec:
    """The codec of a style.

    :raises UnknownNameError: there is none of that name.
    """
    found = CODECS.get(style)
    if found is None:
        raise UnknownNameError("style", style, tuple(CODECS))
    return found
