"""Objects as pickles, protocol 5 at C speed: what Python cannot save is saved by rule, or left out and named.

The law: an object that cannot be saved never fails the whole.  It is left out, a mark stands in its place, and it is
told with its reason.  Objects that the loading side has already (those of the base) are references: both sides agree
on their numbers, and the pickler's memo has them.

A payload is one pickle after another over one memo.  Where a graph is too deep for the C pickler, objects come first
and their states follow, in pickles of their own.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from tapdaemon.persist.codec.asking import PROTOCOL, Left, Rules, Watch
from tapdaemon.persist.codec.plain import words_of
from tapdaemon.persist.codec.unpickling import STATES
from tapdaemon.persist.rules import rebuild

_DEEP = 10**6
"""Frames of Python that the last way may take: each costs half a kilobyte of memory, and none the stack of C."""


class Dumped(NamedTuple):
    """What was saved.

    :param modules: that loading will import.
    :param left: what was left out.
    :param failed: the numbers of roots that could not be saved at all, with the reason.
    :param met: of the objects that were asked for, by identity, those that are in the payload.
    """

    payload: bytes
    modules: frozenset[str]
    left: tuple[Left, ...] = ()
    failed: Mapping[int, str] = {}
    met: frozenset[int] = frozenset()


class _Fast(Rules, pickle.Pickler):
    """At C's speed, and as deep as its stack allows."""


class _Deep(Rules, pickle._Pickler):  # noqa: SLF001 - the library's own, in Python
    """Slow, and as deep as memory allows."""


class _Way(NamedTuple):
    pickler: type[Any]
    is_deferred: bool


_WAYS = (_Way(_Fast, is_deferred=False), _Way(_Fast, is_deferred=True), _Way(_Deep, is_deferred=True))
"""Each goes deeper than the one before, and is slower."""


def dump(
    roots: Sequence[Any],
    *,
    known: Sequence[Any] = (),
    mark: Callable[[], Any] = rebuild.nothing,
    watch: Watch = lambda _: None,
    refused: Mapping[int, str] | None = None,
    asked: Collection[int] = (),
) -> Dumped:
    """Save roots, each as a pickle of its own over one memo.

    :param known: objects that the loading side has; `load` is given as many, in the same order.
    :param mark: the function of `rebuild` that is called in place of what was left out.
    :param watch: told each object before code of its own is asked for its state.
    :param refused: objects, by identity, that are not tried, with the reason.
    :param asked: objects, by identity, of which the caller wants to know whether the payload has them.
    """
    limit = sys.getrecursionlimit()
    try:
        return _dumped(roots, known, mark, dict(refused or {}), watch, asked)
    finally:
        sys.setrecursionlimit(limit)


def _dumped(
    roots: Sequence[Any],
    known: Sequence[Any],
    mark: Callable[[], Any],
    refuse: dict[int, str],
    watch: Watch,
    asked: Collection[int],
) -> Dumped:
    failed: dict[int, str] = {}
    ways = list(_WAYS)
    while True:
        pickler, buffer = _pickler(ways[0], known, mark, refuse, watch)
        number = 0
        try:
            for number, root in enumerate(roots):
                if number not in failed:
                    pickler.dump(root)
                    _dump_later(pickler)
        except RecursionError:
            if len(ways) > 1:
                ways.pop(0)
                continue
            failed[number] = "it is nested too deeply"
        except Exception as error:  # noqa: BLE001 - whatever a reduction leads to, the rest is saved
            culprit = pickler.current
            if culprit is None or id(culprit) in refuse:
                failed[number] = words_of(error)
            else:
                refuse[id(culprit)] = words_of(error)
        else:
            left, met = tuple(pickler.left.values()), _met(pickler, asked)
            return Dumped(buffer.getvalue(), frozenset(pickler.modules), left, failed, met)


def _met(pickler: Any, asked: Collection[int]) -> frozenset[int]:
    """Those of the objects asked for that the memo has."""
    return frozenset(pickler.memo.copy()).intersection(asked) if asked else frozenset()


def _pickler(
    way: _Way, known: Sequence[Any], mark: Callable[[], Any], refused: Mapping[int, str], watch: Watch
) -> tuple[Any, io.BytesIO]:
    buffer = io.BytesIO()
    pickler = way.pickler(buffer, PROTOCOL)
    pickler.begin(mark, refused, watch, is_deferred=way.is_deferred)
    if known:
        pickler.memo = {id(value): (number, value) for number, value in enumerate(known)}
        buffer.write(_prologue(len(known)))
    if way.pickler is _Deep:
        sys.setrecursionlimit(_DEEP)
    return pickler, buffer


def _prologue(count: int) -> bytes:
    """A pickle that puts objects of the loading side into its memo: each asked for by its number, noted, and dropped.

    (CPython's Unpickler loses what is set as its `memo`.)
    """
    asked = b"".join(
        (b"K" + number.to_bytes(1, "little") if number < 256 else b"J" + number.to_bytes(4, "little")) + b"Q\x940"  # noqa: PLR2004 - BININT1 has a byte
        for number in range(count)
    )
    return b"\x80\x05" + asked + b"N."


def _dump_later(pickler: Any) -> None:
    while pickler.later:
        later, pickler.later = pickler.later, []
        for start in range(0, len(later), 1000):
            pickler.dump((STATES, later[start : start + 1000]))
