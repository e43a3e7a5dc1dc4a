"""Puts a change set onto a base: what still has a place is set, what has none is named; no start fails for that."""

from __future__ import annotations

import collections
import io
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import FOREIGN, UnloadableError, words
from tapdaemon.persist.codec import unpickling
from tapdaemon.persist.rules import live, rebuild
from tapdaemon.persist.state import contents, kinds, sweeping
from tapdaemon.persist.state import objects as looking
from tapdaemon.persist.state.baseline import Baseline, tag
from tapdaemon.persist.state.resolving import Missing, resolve
from tapdaemon.persist.state.rows import Row
from tapdaemon.persist.state.steps import Entry
from tapdaemon.persist.state.sweeping import set_attribute
from tapdaemon.tapfile.graph.ways import text


class Applied(NamedTuple):
    """What became of a change set.

    :param rows: those that were put on, with the places of this base.
    :param lost: what has no place in it any more, or could not be loaded, a line each.
    """

    rows: list[Row]
    lost: list[str]


def apply(payload: bytes, application: Any, baseline: Baseline, *, is_same: bool = False) -> Applied:
    """Put a change set onto the base that `baseline` was taken of.  Runs code: the caller has checked who wrote it.

    :param payload: see `saving`.
    :param is_same: whether the base that it was taken from was made by the very same recipe.
    :raises UnloadableError: it cannot be read at all.
    """
    lost = _Lost()
    try:
        entries, rest = _head(payload, lost)
        objects = resolve(entries, application, is_same=is_same)
        rows = [_row(items, len(objects)) for items in _roots(rest, lost, objects)]
    except FOREIGN as error:
        raise UnloadableError(
            "its change set",
            f"loading it failed with {words(error)}",
            "start from the base with --fresh, which keeps the snapshot",
        ) from error
    applied = Applied([], [])
    rows = _swept(rows, objects, entries, lost, applied.lost)
    swaps: list[tuple[Any, Any]] = []
    for row in rows:
        target = objects[row.place]
        if isinstance(target, Missing):
            applied.lost.append(f"{text(entries, row.place)} is no longer there, and had changed ({_named(row)})")
            continue
        number = baseline.places.number(target)
        try:
            swaps += _PUTTERS[row.facet](target, row) or ()
        except FOREIGN as error:
            applied.lost.append(f"{text(entries, row.place)} does not take what had changed: {words(error)}")
            continue
        if number is not None:
            applied.rows.append(row._replace(place=number))
    if swaps:
        sweeping.replace(swaps, [objects, swaps, *baseline.containers()])
    _finish(_holders(applied.rows, baseline), baseline)
    return applied


def _holders(rows: Iterable[Row], baseline: Baseline) -> list[Any]:
    """The objects of the base in or below which something was put: they are told as well that they are back."""
    numbers = {number for row in rows for number in baseline.places.way(row.place)}
    return [baseline.places.objects[number] for number in sorted(numbers)]


def _head(payload: bytes, lost: _Lost) -> tuple[list[Entry], bytes]:
    stream = io.BytesIO(payload)
    entries = [Entry(*entry) for entry in unpickling.Unpickler(stream, lost.name).load()]
    return entries, payload[stream.tell() :]


def _row(items: Any, places: int) -> Row:
    """A row as it should be; of a damaged change set nothing is put onto the base."""
    row = Row(*items)
    if type(row.place) is not int or not 0 <= row.place < places or row.facet not in _PUTTERS:
        raise ValueError("a change of no place or of no facet")
    kind = {"attributes": dict, "items": dict, "elements": list, "members": list}.get(row.facet, object)
    if not isinstance(row.given, kind) or not isinstance(row.gone, (list, tuple)):
        raise TypeError(f"{row.facet} that are none")
    return row


def _roots(payload: bytes, lost: _Lost, objects: list[Any]) -> list[Any]:
    """The rows; where a class refuses what it was saved as, without that object."""
    try:
        return unpickling.load(payload, lost.name, objects)
    except FOREIGN:
        rebuild.taken_marks()
        rebuild.taken_resumed()
        return unpickling.load(payload, lost.name, objects, lost.broken)


class _Lost:
    """Stands in for names that lead nowhere any more."""

    def __init__(self) -> None:
        self.kinds: dict[str, type[rebuild.Gone]] = {}

    def name(self, module: str, name: str, error: BaseException) -> type[rebuild.Gone]:
        way = f"{module}.{name}"
        if way not in self.kinds:
            reason = f"no {way}: {words(error)}"
            self.kinds[way] = type(name.rpartition(".")[2], (rebuild.Gone,), {"reason": reason})
        return self.kinds[way]

    def broken(self, called: Any, error: BaseException) -> rebuild.Gone:
        """What stands in the place of an object that could not be made again."""
        name = f"{getattr(called, '__module__', '')}.{getattr(called, '__qualname__', called)}"
        mark = rebuild.Gone()
        mark.reason = f"{name} could not be made again: {words(error)}"
        return mark


def _named(row: Row) -> str:
    names = [*map(str, row.given), *map(str, row.gone)] if row.facet in ("attributes", "items") else [row.facet]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004 - what fits a line


def _swept(rows: list[Row], objects: list[Any], entries: Sequence[Entry], lost: _Lost, told: list[str]) -> list[Row]:
    """The rows without what stands for objects that did not come back; says which those are.

    An attribute or key of the base whose value did not come back stays as the base has it.
    """
    marks: list[Any] = rebuild.taken_marks()
    missing = [one for one in objects if isinstance(one, Missing)]
    gone = [*marks, *lost.kinds.values()]
    if not gone and not missing:
        return rows
    direct = {id(one) for one in (*gone, *missing)}
    told.extend(
        f"{text(entries, one.number)} is no longer there, and was referred to"
        for one in sweeping.held(missing, [objects, missing])
    )
    told.extend(
        dict.fromkeys([mark.reason for mark in marks if mark.reason] + [one.reason for one in lost.kinds.values()])
    )
    rows = [_without(row, direct) for row in rows]
    sweeping.sweep([*gone, *missing], [objects, missing, marks, gone, lost.kinds])
    return rows


def _without(row: Row, marks: set[int]) -> Row:
    if row.facet in ("attributes", "items"):
        return row._replace(
            given={name: value for name, value in row.given.items() if id(value) not in marks and id(name) not in marks}
        )
    if row.facet in ("elements", "members"):
        return row._replace(
            given=[part for part in row.given if id(part) not in marks],
            gone=[part for part in row.gone if id(part) not in marks],
        )
    return row


def _finish(holders: Iterable[Any], baseline: Baseline) -> None:
    """Upgrade what is Versioned, take down what is state now, and tell objects that they are back.

    :param holders: objects of the base.
    :raises UnloadableError: an upgrade fails.
    """
    persisted = sys.modules.get("twisted.persisted.styles")
    try:
        if persisted is not None:  # else nothing can be Versioned
            persisted.doUpgrade()
        baseline.applied()
        for value in (*rebuild.taken_resumed(), *holders):
            resumed = live.rule_of(type(value)).resumed
            if resumed is not None:
                resumed(value)
    except FOREIGN as error:
        raise UnloadableError(
            "its change set",
            f"bringing it up to date failed with {words(error)}",
            "mend the upgrade, or start from the base with --fresh, which keeps the snapshot",
        ) from error


# ---- one facet each


def _put_attributes(target: Any, row: Row) -> None:
    for name, value in row.given.items():
        set_attribute(target, name, value)
    for name in row.gone:
        _delete(target, name)


def _delete(target: Any, name: str) -> None:
    if name in looking.attributes(target):
        if isinstance(target, type):
            type.__delattr__(target, name)
        else:
            object.__delattr__(target, name)


def _put_state(target: Any, row: Row) -> None:
    """What the class's own __getstate__ gave, to its own __setstate__."""
    target.__setstate__(row.given)


def _put_items(target: Any, row: Row) -> None:
    base = collections.OrderedDict if isinstance(target, collections.OrderedDict) else dict
    for key in row.gone:
        if dict.__contains__(target, key):
            base.__delitem__(target, key)
    for key, value in row.given.items():
        base.__setitem__(target, key, value)
    if row.order is not None:
        items = dict(base.items(target))
        base.clear(target)
        for key in [*(key for key in row.order if key in items), *items]:
            base.__setitem__(target, key, items[key])


def _put_elements(target: Any, row: Row) -> None:
    parts = merged(list(target), list(row.given), list(row.gone))
    if isinstance(target, list):
        list.__setitem__(target, slice(None), parts)
    else:
        target.clear()
        target.extend(parts)


def merged(own: list[Any], given: list[Any], had: list[Any]) -> list[Any]:
    """What a list becomes: what is given, where the base is the old one; else its own, less and more as life made it.

    :param own: what the new base has.
    :param given: what the application had.
    :param had: what the old base had.
    """
    if list(map(tag, own)) == list(map(tag, had)):
        return given
    before, after = set(map(tag, had)), set(map(tag, given))
    kept = [part for part in own if tag(part) not in before - after]
    known = set(map(tag, kept))
    return kept + [part for part in given if tag(part) not in before and tag(part) not in known]


def _put_members(target: Any, row: Row) -> None:
    parts = merged(list(set.__iter__(target)), list(row.given), list(row.gone))
    set.clear(target)
    set.update(target, parts)


def _put_content(target: Any, row: Row) -> Iterable[tuple[Any, Any]]:
    """Inside the object, where that can be; else another stands in its place everywhere."""
    return [] if contents.put(target, row.given) else [(target, row.given)]


def _put_versioned(target: Any, row: Row) -> None:
    """Of an older version of its class an object has the whole state, which the class then upgrades."""
    versions, state = row.given
    if versions == kinds.versions_of(type(target)):
        return
    from twisted.persisted import styles

    for name in list(looking.attributes(target)):
        _delete(target, name)
    saved = {f"{way}.persistenceVersion": number for way, number in versions.items()}
    styles.Versioned.__setstate__(target, state | saved)


_PUTTERS: Mapping[str, Callable[[Any, Row], Iterable[tuple[Any, Any]] | None]] = {
    "attributes": _put_attributes,
    "items": _put_items,
    "elements": _put_elements,
    "members": _put_members,
    "content": _put_content,
    "versioned": _put_versioned,
    "state": _put_state,
}
