"""What of a change is state: the rule of four moments, as a pure function of values; it looks at no object's inside.

Built: the base as made, before a change set is applied.  Ready: when the start was over.  Last: before the services
were told to stop.  Stopped: when they had.  A running snapshot has no Stopped.

The law: state is what the life between Ready and Last changed.  What the start made, the next start makes again; what
the stop undid belonged to the run; what the stop alone did belongs to the stop.  So what is kept is kept as it was at
Last, the one moment that is no part of a start or a stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple


class Four(NamedTuple):
    """One attribute, key or element at the four moments.

    :param stopped: of a running snapshot the same as `last`.
    :param is_running: whether this is a running snapshot.
    :param was_resumed: whether the last start took it from a change set.
    :param is_touched: whether life has changed the inside of an object that the start made.
    """

    built: Any
    ready: Any
    last: Any
    stopped: Any
    is_running: bool = False
    was_resumed: bool = False
    is_touched: bool = False


class Verdict(Enum):
    """Why a change is state, or is not."""

    UNCHANGED = "it is as the base has it"
    UNDONE = "the stop undid it"
    RESUMED = "it was state before"
    LIFE = "the running application changed it"
    TOUCHED = "the running application changed what the start made"
    COUNTED = "the start counted it"
    START = "the start made it"
    STOP = "the stop alone did it"

    @property
    def is_state(self) -> bool:
        return self in (Verdict.RESUMED, Verdict.LIFE, Verdict.TOUCHED, Verdict.COUNTED)


def decide(four: Four, same: Callable[[Any, Any], bool]) -> Verdict:
    """Whether the change from Built to Last is state.

    :param same: whether two values are one.
    """
    for verdict, holds in _RULES:
        if holds(four, same):
            return verdict
    return Verdict.LIFE


Same = Callable[[Any, Any], bool]


def _is_counted(four: Four, same: Same) -> bool:
    """A number that the start has changed and the stop has left: starts are counted so."""
    numbers = (four.built, four.ready, four.last, four.stopped)
    is_number = all(type(value) in (int, float) for value in numbers)
    return is_number and not four.is_running and same(four.ready, four.last) and same(four.last, four.stopped)


_RULES: Sequence[tuple[Verdict, Callable[[Four, Same], bool]]] = (
    (Verdict.UNCHANGED, lambda four, same: same(four.last, four.built)),
    (Verdict.UNDONE, lambda four, same: not four.is_running and same(four.stopped, four.built)),
    (Verdict.RESUMED, lambda four, _: four.was_resumed),
    (Verdict.TOUCHED, lambda four, same: four.is_touched and same(four.last, four.ready)),
    (Verdict.COUNTED, _is_counted),
    (
        Verdict.START,
        lambda four, same: same(four.last, four.ready) and (four.is_running or same(four.last, four.stopped)),
    ),
    (Verdict.STOP, lambda four, same: same(four.last, four.ready)),
    (Verdict.UNDONE, lambda four, same: not four.is_running and same(four.stopped, four.ready)),
)
"""The first that holds decides; where none does, life has changed it."""


class Moments(NamedTuple):
    """One list, set or dict at the four moments, for `elements`; as in `Four`."""

    built: Sequence[Any]
    ready: Sequence[Any]
    last: Sequence[Any]
    stopped: Sequence[Any]
    is_running: bool = False


def elements(
    moments: Moments, tag: Callable[[Any], Any], resumed: frozenset[Any] | set[Any] = frozenset()
) -> list[tuple[Any, bool]]:
    """What of a list or set is state, element by element: each is there or not at each moment.

    :param tag: what an element is known by; equal elements are told apart by how often they came before.
    :param resumed: tags of elements that the last start took from a change set.
    :returns: the elements that the next base should have, in order, with whether it has each by itself.
    """
    tagged = [_numbered(sequence, tag) for sequence in moments[:4]]
    built, _, last, stopped = tagged
    keep: dict[Any, tuple[Any, bool]] = {}
    for key, element in [*last.items(), *built.items(), *stopped.items()]:
        if key in keep:
            continue
        there = [key in one for one in tagged]
        four = Four(there[0], there[1], there[2], there[3], moments.is_running, key[0] in resumed)
        is_state = decide(four, bool.__eq__).is_state
        if (key in last) if is_state else (key in built):
            keep[key] = (element, key in built)
    if list(keep) == list(built):
        return list(keep.values())
    return _in_order(keep, list(last), list(built))


def _numbered(sequence: Sequence[Any], tag: Callable[[Any], Any]) -> dict[tuple[Any, int], Any]:
    counts: dict[Any, int] = {}
    found = {}
    for element in sequence:
        key = tag(element)
        counts[key] = counts.get(key, 0) + 1
        found[key, counts[key]] = element
    return found


def _in_order(
    keep: Mapping[Any, tuple[Any, bool]], last: Sequence[Any], built: Sequence[Any]
) -> list[tuple[Any, bool]]:
    """As they stood at Last; what was not there then stands behind what it stood behind in the base."""
    order = [key for key in last if key in keep]
    known = set(order)
    for index, key in enumerate(built):
        if key in keep and key not in known:
            before = next((one for one in reversed(built[:index]) if one in known), None)
            order.insert(0 if before is None else order.index(before) + 1, key)
            known.add(key)
    return [keep[key] for key in order]
