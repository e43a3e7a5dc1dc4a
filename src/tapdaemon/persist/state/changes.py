"""What of a baseline's four moments is state: the rows of a change set, and what changed and cannot be a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, NamedTuple

from tapdaemon import errors
from tapdaemon.errors import FOREIGN
from tapdaemon.persist.rules import live
from tapdaemon.persist.state import elements, kinds, machinery, objects, words
from tapdaemon.persist.state.baseline import ORDER, Baseline
from tapdaemon.persist.state.contents import copied
from tapdaemon.persist.state.elements import are_unchanged
from tapdaemon.persist.state.four import Four, Moments, decide
from tapdaemon.persist.state.objects import Shallow, is_unchanged, same
from tapdaemon.persist.state.rows import ABSENT, Row
from tapdaemon.tapfile.graph.ways import of_key


class Unkept(NamedTuple):
    """A change that is no row: where, of what, and why."""

    place: str
    value: Any
    reason: str


class Changes(NamedTuple):
    rows: list[Row]
    unkept: list[Unkept]


def find(baseline: Baseline, *, is_running: bool, whole: AbstractSet[int]) -> Changes:
    """What is state, as it was at Last.

    :param is_running: of an application that goes on: there is no Stopped.
    :param whole: numbers of sets that are given whole, by value, see `changed_inside`.
    """
    return _Finder(baseline, is_running=is_running, whole=whole).find()


def changed_inside(baseline: Baseline) -> set[int]:
    """The sets whose members have no place, and something changed in one: nothing less than the whole tells of it."""
    built, last = baseline.built.inside, baseline.last.inside
    return {owner for at, owner in baseline.places.owned.items() if not is_unchanged(built[at], last[at])}


class _Finder:
    def __init__(self, baseline: Baseline, *, is_running: bool, whole: AbstractSet[int]) -> None:
        self._whole = whole
        self._baseline, self._places, self._is_running = baseline, baseline.places, is_running
        self._rows: list[Row] = []
        self._unkept: list[Unkept] = []
        self._forgotten = [*baseline.forgets, *self._said(words.FORGETS)]
        self._kept = self._said(words.KEEPS)

    def _said(self, wanted: str) -> list[str]:
        """The places of which the application said so itself."""
        found = ((self._places.number(owner), name, word) for owner, name, word in words.all_said())
        return [self._place(at, "attributes", name) for at, name, word in found if word == wanted and at is not None]

    def find(self) -> Changes:
        base = self._baseline
        moments = zip(base.built.states, base.ready.states, base.last.states, base.stopped.states, strict=True)
        for number, states in enumerate(moments):
            if number not in self._whole and states[0] is states[2] and states[0] is states[3]:
                continue
            if self._kept and _is_below(self._places.text(number), self._kept):
                states = (states[0], states[0], states[3], states[3])  # noqa: PLW2901 - as if life had done all of it
            try:
                self._of_object(number, states)
            except FOREIGN as error:  # code of the application's, asked on the way
                reason = f"its changes cannot be told: {errors.words(error)}"
                self._unkept.append(Unkept(self._places.text(number), self._places.objects[number], reason))
        self._take_own_states()
        return Changes(self._rows, self._unkept)

    def _of_object(self, number: int, states: Sequence[Shallow]) -> None:
        if number in self._whole and "members" not in states[2]:
            self._rows.append(self._of_whole(number, list(self._places.objects[number])))
        for facet in states[2]:
            contents = [state.get(facet, ()) for state in states]
            if facet in ("attributes", "items"):
                row = self._of_names(number, facet, contents)
            elif facet == "content":
                row = self._of_content(number, contents)
            else:
                row = self._of_elements(number, facet, contents)
            if row is None:
                continue
            self._rows.append(row)
            versions = kinds.versions_of(type(self._places.objects[number]))
            if facet == "attributes" and versions:
                whole = {name: part for name, part in states[2][facet].items() if not live.is_live(part)}
                self._rows.append(Row(number, "versioned", (versions, whole)))

    def _take_own_states(self) -> None:
        """Objects whose class says what their state is: that, where anything in or below them is state."""
        owners = [
            number
            for number, value in enumerate(self._places.objects)
            if not isinstance(value, type) and kinds.has_own_state(type(value)) and not kinds.versions_of(type(value))
        ]
        changed = {number for row in self._rows for number in self._places.way(row.place)} if owners else set()
        for number in changed.intersection(owners):
            value = self._places.objects[number]
            try:
                state = value.__getstate__()
            except FOREIGN as error:
                reason = f"its __getstate__ failed with {errors.words(error)}; its attributes are kept as they are"
                self._unkept.append(Unkept(self._places.text(number), value, reason))
                continue
            self._rows = [row for row in self._rows if (row.place, row.facet) != (number, "attributes")]
            self._rows.append(Row(number, "state", state))

    # ---- attributes and items

    def _of_names(self, number: int, facet: str, contents: Sequence[Any]) -> Row | None:
        built, ready, last, stopped = contents
        value = self._places.objects[number]
        if kinds.is_event(type(value)) and not built:
            return None  # it happened in this process, and has to happen again in the next
        said = words.said_of(value) if facet == "attributes" else {}
        if self._is_plain_growth(contents) and not said:
            changed: Sequence[Any] = list(last)
        else:
            verdict = _Names(self._baseline, number, facet, contents, said, is_running=self._is_running)
            grown = self._grown(contents) if facet == "items" else frozenset()
            names = {**built, **last, **(stopped if said else {})}
            changed = [name for name in names if name in grown or verdict.is_state(name)]
        kept_of = [stopped if said.get(name) == words.KEEPS else last for name in changed] if said else None
        given: dict[Any, Any] = {}
        gone: list[Any] = []
        is_large = len(changed) > machinery.SEEN_MAX
        is_easy = not said and not self._forgotten and _are_many_and_plain([last.get(name) for name in changed])
        if is_easy:
            given = {name: last[name] for name in changed if name in last}
            gone = [name for name in changed if name not in last]
        for turn, name in enumerate(() if is_easy else changed):
            source = last if kept_of is None else kept_of[turn]
            if self._forgotten and self._is_forgotten(self._place(number, facet, name)):
                continue
            if name not in source:
                gone.append(name)
            elif self._can_keep(partial(self._place, number, facet, name), source[name], is_large=is_large):
                given[name] = self._baseline.as_pending(source[name])
        order = _order(built, given, gone, last) if facet == "items" and not is_large else None
        if order is not None and list(last) == list(ready) and not self._baseline.was_resumed(number, facet, ORDER):
            order = None  # the start's order, or the base's
        return Row(number, facet, given, gone, order) if given or gone or order is not None else None

    def _is_plain_growth(self, contents: Sequence[Any]) -> bool:
        """Whether the base and the start had nothing there, and the stop left all as it was: then all is state."""
        built, ready, last, stopped = contents
        if built or ready:
            return False
        return self._is_running or last is stopped or objects.are_same(list(last.values()), list(stopped.values()))

    def _grown(self, contents: Sequence[Any]) -> set[Any] | frozenset[Any]:
        """The keys that neither the base nor the start had, and that the stop left as they were: they are state."""
        built, ready, last, stopped = contents
        new = last.keys() - built.keys() - ready.keys()
        if self._is_running or last is stopped:
            return frozenset(new)
        return {name for name in new if name in stopped and same(last[name], stopped[name])}

    def _can_keep(self, place: Callable[[], str], value: Any, *, is_large: bool = False) -> bool:
        """Whether a value can be part of a row; else it is named.

        :param is_large: whether it is one of very many: then it is no machinery.
        """
        if self._baseline.is_base(value):
            return True
        reason = ""
        if live.is_live(value):
            reason = "it belongs to the process; the base's own stays"
        elif not is_large:
            part = machinery.inside(value, self._baseline)
            if part is not None:
                kind = f"{type(part).__module__}.{type(part).__qualname__}"
                reason = f"it is left out whole, for it holds a {kind}, which belongs to the process"
        if reason:
            self._unkept.append(Unkept(place(), value, reason))
        return not reason

    # ---- the rest

    def _of_content(self, number: int, contents: Sequence[Any]) -> Row | None:
        was_resumed = self._baseline.was_resumed(number, "content", None)
        verdict = decide(_four(contents, self._is_running, was_resumed), lambda one, other: bool(one == other))
        if not verdict.is_state or self._is_forgotten(self._places.text(number)):
            return None
        return Row(number, "content", copied(self._places.objects[number]))

    def _of_elements(self, number: int, facet: str, contents: Sequence[Any]) -> Row | None:
        """The row of a list's or set's elements."""
        is_whole = number in self._whole
        built, ready, last, stopped = contents
        place = self._places.text(number)
        if self._is_forgotten(place) or (not is_whole and are_unchanged(built, last)):
            return None
        resumed = self._baseline.resumed.get((number, facet), set())
        kept = elements.kept(facet, Moments(built, ready, last, stopped, self._is_running), resumed)
        if not is_whole and are_unchanged([part for part, _ in kept], built):
            return None
        is_large = len(kept) > machinery.SEEN_MAX
        if _are_many_and_plain([part for part, _ in kept]):
            given = [part for part, _ in kept]
        else:
            given = [
                part
                for part, is_own in kept
                if is_own or self._can_keep(lambda: f"{place}[…]", part, is_large=is_large)
            ]
        # The members of the base that have no place stay as the next base has them, if all do.
        strangers = {id(part) for part in built if id(part) in self._places.owned} if facet == "members" else set()
        if is_whole or not strangers <= {id(part) for part in given}:
            return self._of_whole(number, given)
        if not strangers:
            return Row(number, facet, given, list(built))
        return Row(number, facet, *([part for part in one if id(part) not in strangers] for one in (given, built)))

    def _of_whole(self, number: int, members: Sequence[Any]) -> Row:
        """The row of a set that is given by value."""
        value = self._places.objects[number]
        if isinstance(value, set):
            return Row(number, "content", set(members))
        whole = frozenset.__new__(type(value), members)
        for name, part in objects.attributes(value).items():
            object.__setattr__(whole, name, part)
        return Row(number, "content", whole)

    def _place(self, number: int, facet: str, name: Any) -> str:
        return self._places.text(number) + (f".{name}" if facet == "attributes" else of_key(name))

    def _is_forgotten(self, place: str) -> bool:
        return _is_below(place, self._forgotten)


def _is_below(place: str, ways: Sequence[str]) -> bool:
    """Whether a place is one of these, or below one."""
    return any(place == one or (place.startswith(one) and place[len(one)] in ".[/{<") for one in ways)


class _Names(NamedTuple):
    """The attributes of one object, or the items of one dict, at the four moments."""

    baseline: Baseline
    number: int
    facet: str
    contents: Sequence[Any]
    said: dict[str, str]
    is_running: bool

    def is_state(self, name: Any) -> bool:
        kind = type(self.baseline.places.objects[self.number])
        default = _default(kind, name) if self.facet == "attributes" else ABSENT
        at = [one.get(name, default) for one in self.contents]
        word = self.said.get(name)
        if word is not None:
            return word == words.KEEPS and not same(at[0], at[3])
        if same(at[0], at[2]):
            return False
        was_resumed = self.baseline.was_resumed(self.number, self.facet, name)
        is_touched = at[2] is not ABSENT and self.baseline.is_touched(at[2])
        return decide(_four(at, self.is_running, was_resumed, is_touched), same).is_state


def _four(at: Sequence[Any], is_running: bool, was_resumed: bool, is_touched: bool = False) -> Four:
    return Four(at[0], at[1], at[2], at[3], is_running, was_resumed, is_touched)


def _are_many_and_plain(parts: Sequence[Any]) -> bool:
    """Whether these are so many that none is machinery, and of classes that are never live: all can be kept."""
    return len(parts) > machinery.SEEN_MAX and not any(
        live.may_be_live(kind) or kinds.is_event(kind) for kind in set(map(type, parts))
    )


def _default(kind: type, name: str) -> Any:
    """What an object without the attribute shows: a plain value that its class has."""
    for base in kind.__mro__:
        if name in vars(base):
            value = vars(base)[name]
            return value if type(value) in kinds.ATOMS else ABSENT
    return ABSENT


def _order(built: dict[Any, Any], given: dict[Any, Any], gone: list[Any], last: dict[Any, Any]) -> list[Any] | None:
    """The order of a dict's keys, where taking away and setting in turn would not give the one that it has."""
    lost = set(gone)
    would_be = [key for key in built if key not in lost] + [key for key in given if key not in built]
    wanted = [key for key in last if key in given or key in built]
    return None if len(wanted) != len(would_be) or wanted == would_be else wanted
