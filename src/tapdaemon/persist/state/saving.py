"""A change set as bytes: the rows of a baseline, saved in a fork, with what was left out, named.

The payload is a pickle of the places, and then the rows, whose references to objects of the base are numbers of
places.
"""

from __future__ import annotations

import pickle
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.application.service import IService
from twisted.logger import Logger

from tapdaemon.errors import UnsavableError, os_reason
from tapdaemon.persist.codec import pickling
from tapdaemon.persist.codec.asking import PROTOCOL, Left
from tapdaemon.persist.codec.pickling import Dumped
from tapdaemon.persist.rules import live, rebuild
from tapdaemon.persist.rules.functions import has_global_name, is_bound, module_of
from tapdaemon.persist.state import apart, kinds
from tapdaemon.persist.state import changes as finding
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.persist.state.changes import Changes
from tapdaemon.persist.state.places import Places, all_parts
from tapdaemon.persist.state.rows import Row
from tapdaemon.tapfile.fields import CONTROL, TEXT_MAX
from tapdaemon.tapfile.graph.ways import STEPS, of_key
from tapdaemon.tapfile.manifest import LeftOut

log = Logger("tapd")
TRIES = 20
"""Forks at the most, each without the object that ended the one before."""
CLOSED = "what changes inside it cannot be seen, and is not kept; keep what it stands for in plain attributes"
SEARCHED_MAX = 200_000
"""Objects that are searched for the way to one that was left out."""


class ChangeSet(NamedTuple):
    """What a running application changed, saved.

    :param payload: a pickle, see above.
    :param modules: that applying it will import.
    :param left_out: what changed and is not in it.
    """

    payload: bytes
    modules: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def save(baseline: Baseline, *, is_running: bool) -> ChangeSet:
    """The change set of an application, as its moments have been taken.

    :param is_running: whether it goes on: there is no Stopped.
    :raises UnsavableError: nothing can be saved, whatever is left out.
    """
    live.load_entry_points()
    refused: dict[int, str] = {}
    outcome = apart.Outcome()
    for _ in range(TRIES):
        try:
            outcome = apart.run(lambda watch: _saved(baseline, refused, watch, is_running=is_running))
        except OSError as error:
            log.warn(
                "saving in this process, for there can be no fork: {reason}; give it more memory or tasks",
                reason=os_reason(error),
            )
            return _saved(baseline, refused, lambda _: None, is_running=is_running)
        if outcome.answer is not None:
            return ChangeSet(*outcome.answer)
        if not outcome.suspect or outcome.suspect in refused:
            break
        refused[outcome.suspect] = f"saving it: {outcome.trouble}"
    raise UnsavableError("the change set", [outcome.trouble])


def trial(baseline: Baseline) -> apart.Apart:
    """A save whose bytes nobody wants, to learn what would be left out; its answer is a ChangeSet's parts.

    :raises OSError: there can be no fork.
    """
    live.load_entry_points()
    return apart.Apart(lambda watch: _saved(baseline, {}, watch, is_running=True)._replace(payload=b""))


def _saved(
    baseline: Baseline, refused: Mapping[int, str], watch: Callable[[Any], None], *, is_running: bool
) -> ChangeSet:
    """In the child."""
    if is_running:
        baseline.take_last(is_running=True)
    else:
        baseline.born.undo_stop()
    places = baseline.places
    whole = finding.changed_inside(baseline)
    while True:
        changes = finding.find(baseline, is_running=is_running, whole=whole)
        dumped = pickling.dump(
            [tuple(row) for row in changes.rows],
            known=known(places),
            mark=rebuild.gone,
            watch=watch,
            refused=refused,
            asked=places.owned,
        )
        owners = {places.owned[at] for at in dumped.met}
        if owners <= whole:
            break
        whole |= owners  # something else refers to a member that has no place: the two have to stay one object
    head = pickle.dumps([tuple(entry) for entry in places.entries], PROTOCOL)
    return ChangeSet(head + dumped.payload, tuple(sorted(dumped.modules)), tuple(left_out(changes, dumped, places)))


def known(places: Places) -> list[Any]:
    """The objects that rows refer to by number; a stranger in the place of what is better saved by its name."""
    return [object() if _has_name(value) else value for value in places.objects]


def _has_name(value: Any) -> bool:
    if isinstance(value, (type, types.ModuleType)):
        return True
    if isinstance(value, (types.BuiltinFunctionType, types.MethodType)):
        return not is_bound(value) or module_of(value) is not None
    if isinstance(value, types.FunctionType):
        return has_global_name(value)
    return kinds.is_named(type(value))


# ---- what was left out, in words


def left_out(changes: Changes, dumped: Dumped, places: Places) -> Iterable[LeftOut]:
    """One line for each place."""
    for value in places.objects:
        if kinds.is_closed(value):
            yield line(places.text(places.numbers[id(value)]), value, CLOSED)
    for one in changes.unkept:
        yield line(one.place, one.value, one.reason)
    for number, reason in dumped.failed.items():
        row = changes.rows[number]
        yield line(f"{places.text(row.place)} ({row.facet})", row.given, f"it cannot be saved: {reason}")
    if dumped.left:
        yield from _found(changes.rows, dumped.left, places)


def _found(rows: Sequence[Row], left: Sequence[Left], places: Places) -> Iterable[LeftOut]:
    wanted = {id(one.value): one for one in left}
    for row in rows:
        if row.facet == "versioned":
            continue
        base = places.text(row.place)
        for way, value in _parts(row):
            for place, one in search(value, base + way, wanted, places):
                yield line(place, one.value, one.reason)
    for one in wanted.values():
        yield line("somewhere below what changed", one.value, one.reason)


def _parts(row: Row) -> Iterable[tuple[str, Any]]:
    if row.facet == "attributes":
        return [(f".{name}", value) for name, value in row.given.items()]
    if row.facet == "items":
        return [pair for key, value in row.given.items() for pair in ((of_key(key), value), ("[a key]", key))]
    if row.facet in ("elements", "members"):
        return [(f"[{number}]", value) for number, value in enumerate(row.given)]
    return []


def search(value: Any, way: str, wanted: dict[int, Left], places: Places | None = None) -> Iterable[tuple[str, Left]]:
    """The ways to wanted objects at and below a value; each is found once, and taken out of `wanted`."""
    queue = deque([(value, way)])
    seen: set[int] = set()
    while queue and wanted and len(seen) < SEARCHED_MAX:
        one, place = queue.popleft()
        if id(one) in wanted:
            yield place, wanted.pop(id(one))
        if id(one) in seen or (places is not None and seen and places.number(one) is not None):
            continue
        seen.add(id(one))
        for (kind, key), part in all_parts(one):
            if not kinds.plan_of(type(part)).is_value:
                queue.append((part, place + STEPS[kind](key, type(part).__qualname__)))


def search_application(application: Any, wanted: dict[int, Left]) -> Iterable[tuple[str, Left]]:
    """The places of wanted objects of an application."""
    if wanted:
        for root in (IService(application), application):
            yield from search(root, str(getattr(root, "name", None) or type(root).__name__), wanted)


def every(application: Any) -> Iterable[tuple[str, Any]]:
    """Every object of an application that is no plain value, with its place."""
    root = IService(application)
    queue: deque[tuple[Any, str]] = deque([(root, str(root.name or type(root).__name__)), (application, "application")])
    seen: set[int] = set()
    while queue:
        value, place = queue.popleft()
        if id(value) in seen or kinds.plan_of(type(value)).is_value:
            continue
        seen.add(id(value))
        yield place, value
        queue.extend(
            (part, place + STEPS[kind](key, type(part).__qualname__)) for (kind, key), part in all_parts(value)
        )


def closed(application: Any) -> Iterable[LeftOut]:
    """The objects of an application inside which no change can be seen, and so none is kept."""
    return (line(place, value, CLOSED) for place, value in every(application) if kinds.is_closed(value))


def line(place: str, value: Any, reason: str) -> LeftOut:
    """Something that was left out, in words that a manifest may hold."""
    kind = type(value) if not isinstance(value, (type, types.FunctionType)) else value
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}".lstrip(".")
    return LeftOut(_shown(place), _shown(name), _shown(_where(kind)), _shown(reason))


def _shown(text: str) -> str:
    """As a manifest may hold it."""
    return CONTROL.sub("?", text)[:TEXT_MAX]


def _where(kind: Any) -> str:
    """The file and line where a class or function is defined, as far as that can be told."""
    code = getattr(kind, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    firsts = [function.__code__ for function in vars(kind).values() if isinstance(function, types.FunctionType)]
    if firsts:
        code = min(firsts, key=lambda one: one.co_firstlineno)
        return f"{code.co_filename}:{code.co_firstlineno}"
    return str(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
