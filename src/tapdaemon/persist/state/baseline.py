"""A running application at its four moments: the shallow states of its base's objects, taken as the moments come.

It looks at the objects of the base and at those that the start made; `changes` tells what of it all is state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.application.service import IService

from tapdaemon.persist.rules import live
from tapdaemon.persist.state import kinds
from tapdaemon.persist.state.born import Born
from tapdaemon.persist.state.objects import Shallow, is_pending, is_unchanged, parts, same, shallow
from tapdaemon.persist.state.places import Places
from tapdaemon.persist.state.rows import ABSENT

MADE_MAX = 200_000
"""Objects that the start made, and that are watched for changes at the most."""
ORDER = object()
"""Stands for the order of a dict's keys among the names that were resumed."""


class Moment:
    """The shallow state of all objects at one moment; what did not change since the moment before is shared with it."""

    def __init__(self, places: Places, before: Moment | None = None) -> None:
        self.inside = {id(value): shallow(value) for value in places.unplaced}
        if before is None:
            self.states = [places.shallow(value) for value in places.objects]
            return
        self.states = []
        for value, old in zip(places.objects, before.states, strict=True):
            new = places.shallow(value, old)
            self.states.append(old if new is old or is_unchanged(old, new) else new)


class Baseline:
    """The base of a run, as made; take the other moments as they come.

    :param application: before a change set is applied to it.
    :param modules: names of the application's own modules.
    :param forgets: places that the tap's manifest says are not state.
    """

    def __init__(self, application: Any, modules: Iterable[str] = (), forgets: Iterable[str] = ()) -> None:
        self.places = Places(application, modules)
        self.forgets = tuple(forgets)
        services = (type(value) for value in self.places.objects if IService.providedBy(value))
        names = (*self.places.modules, *(kind.__module__ for kind in services))
        self.own_roots = {name.partition(".")[0] for name in names}
        self.built = self.ready = self.last = self.stopped = Moment(self.places)
        self.resumed: defaultdict[tuple[int, str], set[Any]] = defaultdict(set)
        self.born = Born((), self.is_base)
        self._is_ready = False
        self._made: dict[int, tuple[Any, Shallow]] = {}
        self._touched: set[int] = set()
        self._pending: dict[int, Any] = {}

    def containers(self) -> Iterable[Any]:
        """What the baseline itself holds objects of the base in: nothing of that is to be replaced with them."""
        yield self.places.objects
        for state in self.built.states:
            yield from state.values()

    def applied(self) -> None:
        """A change set has been put on: what differs from Built now is state for good."""
        now = Moment(self.places, self.built)
        for number, (built, given) in enumerate(zip(self.built.states, now.states, strict=True)):
            for facet in given if given is not built else ():
                self.resumed[number, facet] |= _DIFFERING[facet](built.get(facet, ()), given[facet])

    def was_resumed(self, number: int, facet: str, name: Any) -> bool:
        """Whether the last start took an attribute, a key or an element from a change set."""
        return name in self.resumed.get((number, facet), ())

    def take_ready(self) -> None:
        """The start is over."""
        self._is_ready = True
        self.ready = self.last = self.stopped = Moment(self.places, self.built)
        self._watch_made()

    def take_last(self, *, is_running: bool = False) -> None:
        """The services are about to be told to stop, or a running snapshot is taken."""
        if not self._is_ready:  # it came at once: what the start did is no life
            self.take_ready()
        self.last = self.stopped = Moment(self.places, self.ready)
        self._pending = {id(value): value for value in self._changed_values() if is_pending(value)}
        self._touched = {at for at, (value, before) in self._made.items() if not is_unchanged(before, shallow(value))}
        if not is_running:
            touched = (value for at, (value, _) in self._made.items() if at in self._touched)
            self.born = Born([*self._changed_values(), *self._came(), *touched], self.is_base)

    def take_stopped(self) -> None:
        """They have stopped."""
        self.stopped = Moment(self.places, self.last)

    # ---- what the start made

    def _watch_made(self) -> None:
        stack = [
            part
            for number, (built, ready) in enumerate(zip(self.built.states, self.ready.states, strict=True))
            if ready is not built
            for part in self._new_parts(number, built, ready)
        ]
        while stack and len(self._made) < MADE_MAX:
            value = stack.pop()
            if id(value) in self._made or self.is_base(value) or kinds.plan_of(type(value)).is_leaf:
                continue
            if live.is_live(value):
                continue
            self._made[id(value)] = (value, shallow(value))
            stack += [part for _, part in parts(value)]

    def _new_parts(self, number: int, built: Shallow, ready: Shallow) -> Iterable[Any]:
        for facet in ("attributes", "items"):
            before = built.get(facet, {})
            for name, part in ready.get(facet, {}).items():
                if not self.was_resumed(number, facet, name) and before.get(name, ABSENT) is not part:
                    yield part

    def _changed_values(self) -> Iterable[Any]:
        """What was set since Ready."""
        for ready, last in zip(self.ready.states, self.last.states, strict=True):
            for facet in ("attributes", "items") if last is not ready else ():
                before = ready.get(facet, {})
                yield from (part for name, part in last.get(facet, {}).items() if before.get(name, ABSENT) is not part)

    def _came(self) -> Iterable[Any]:
        """The elements that came to a list or set since Ready."""
        for ready, last in zip(self.ready.states, self.last.states, strict=True):
            for facet in ("elements", "members") if last is not ready else ():
                before = set(map(id, ready.get(facet, ())))
                yield from (part for part in last.get(facet, ()) if id(part) not in before)

    def is_base(self, value: Any) -> bool:
        """Whether an object has a place."""
        return id(value) in self.places.numbers

    def as_pending(self, value: Any) -> Any:
        """A value as it was at Last: an event that the stop alone let happen waits again."""
        return type(value)() if id(value) in self._pending else value

    def is_touched(self, value: Any) -> bool:
        """Whether life has changed the inside of what the start made: a cache, say; no service, and nothing live."""
        if id(value) not in self._made or IService.providedBy(value):
            return False
        seen: set[int] = set()
        stack, is_touched = [value], False
        while stack:
            one = stack.pop()
            if id(one) in seen or self.is_base(one) or kinds.plan_of(type(one)).is_value:
                continue
            seen.add(id(one))
            if live.is_live(one) or IService.providedBy(one):
                return False
            is_touched = is_touched or id(one) in self._touched
            if id(one) in self._made:
                stack += [part for _, part in parts(one)]
        return is_touched


def _names(built: Any, now: Any) -> set[Any]:
    """The names or keys under which two states differ, and `ORDER` where setting these would not give it."""
    before = built or {}
    found = {name for name in {**before, **now} if not same(before.get(name, ABSENT), now.get(name, ABSENT))}
    if [*(name for name in before if name in now), *(name for name in now if name not in before)] != list(now):
        found.add(ORDER)
    return found


def _elements(built: Any, now: Any) -> set[Any]:
    """The tags of the elements that came, went or stand elsewhere; of equal ones, one more counts."""
    had, has = list(map(tag, built)), list(map(tag, now))
    if len(had) == len(has):
        return {one for pair in zip(had, has, strict=True) if pair[0] != pair[1] for one in pair}
    return _members(built, now)


def _members(built: Any, now: Any) -> set[Any]:
    counts = Counter(map(tag, now))
    counts.subtract(map(tag, built))
    return {one for one, count in counts.items() if count}


_DIFFERING: Mapping[str, Callable[[Any, Any], set[Any]]] = {
    "attributes": _names,
    "items": _names,
    "elements": _elements,
    "members": _members,
    "content": lambda built, now: {None} if built != now else set(),
}
"""What of one facet a change set gave, by the names that the four moments are asked for."""


def tag(value: Any) -> Any:
    """What an element is known by in a list or set, in this base and another: a value by itself, else its identity."""
    kind = type(value)
    if kind in kinds.ATOMS and kind is not slice:
        return kind, value
    if kind is tuple:
        return kind, tuple(map(tag, value))
    if kind is frozenset:
        return kind, frozenset(map(tag, value))
    if kinds.plan_of(kind).is_value:
        try:
            hash(value)
        except TypeError:
            return id(value)
        return kind, value
    return id(value)
