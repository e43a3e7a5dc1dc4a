"""The styles a payload can have: a table of codecs over one idea of what is saved by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tapdaemon.errors import TapError, UnknownNameError, UnsavableError, words
from tapdaemon.persist.codec import pickling


class Codec(NamedTuple):
    """How a style writes a graph (with the modules it names) and reads it."""

    dumps: Callable[[Any], tuple[bytes, frozenset[str]]]
    loads: Callable[[bytes, Iterable[str]], Any]


def _source_dumps(value: Any) -> tuple[bytes, frozenset[str]]:
    """What a pickle of it says, as text."""
    from tapdaemon.tapfile import graphs

    payload, modules = pickling.dumps(value)
    return graphs.form("source").write(graphs.form("pickle").read(payload)), modules


def _source_loads(payload: bytes, needed: Iterable[str]) -> Any:
    """The text as a pickle, which goes through the same gate."""
    from tapdaemon.tapfile import graphs

    return pickling.loads(graphs.form("pickle").write(graphs.form("source").read(payload)), needed)


CODECS: Mapping[str, Codec] = {
    "pickle": Codec(pickling.dumps, pickling.loads),
    "source": Codec(_source_dumps, _source_loads),
}


def codec(style: str) -> Codec:
    """The codec of a style.

    :raises UnknownNameError: there is none of that name.
    """
    found = CODECS.get(style)
    if found is None:
        raise UnknownNameError("style", style, tuple(CODECS))
    return found


def dump(application: Any, style: str) -> tuple[bytes, frozenset[str]]:
    """The payload of an application, and the modules that it names.

    :raises UnsavableError: with every object that stands in the way.
    :raises UnknownNameError: no such style.
    """
    dumps = codec(style).dumps
    try:
        return dumps(application)
    except TapError:
        raise
    except Exception as error:
        from tapdaemon.core.tree import walk
        from tapdaemon.persist.explain import unsavable

        name = next(walk(application)).path
        lines = unsavable(application) or [f"{name}: {words(error)}"]
        raise UnsavableError(f"application {name}", lines) from error


def dump_states(states: Mapping[str, Any], style: str) -> bytes:
    """The payload of a tap that keeps its recipe: what services keep, by their path.

    :raises UnsavableError: with every object that stands in the way.
    """
    try:
        return codec(style).dumps(dict(states))[0]
    except TapError:
        raise
    except Exception as error:
        lines = [f"{path}: what saveState gave: {_reason(part, style)}" for path, part in states.items()]
        raise UnsavableError("state", [line for line in lines if not line.endswith(": ")]) from error


def _reason(state: Any, style: str) -> str:
    try:
        codec(style).dumps(state)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return words(error)
    return ""


def load(payload: bytes, style: str, needed: Iterable[str]) -> Any:
    """The application of a payload.  Runs code: the caller has checked who wrote it.

    :param needed: the modules that its tap lists.
    """
    return codec(style).loads(payload, needed)
