"""What of a list or set is state: as `four` has it, and at once where that is plain to see, as with large lists."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from tapdaemon.persist.state import four, objects
from tapdaemon.persist.state.baseline import tag
from tapdaemon.persist.state.four import Four, Moments, decide
from tapdaemon.persist.state.objects import same


def are_unchanged(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return one is other or objects.are_same(one, other)


def kept(facet: str, moments: Moments, resumed: set[Any]) -> list[tuple[Any, bool]]:
    """As `four.elements`; at once where life alone has added elements behind those of the base."""
    built, ready, last, stopped, is_running = moments
    is_start_idle = len(built) == len(ready) and _is_start(built, ready) and _is_start(built, last)
    if is_start_idle and len(last) > len(built) and (is_running or are_unchanged(last, stopped)):
        return [(part, number < len(built)) for number, part in enumerate(last)]
    if facet == "elements" and len({len(one) for one in moments[:4]}) == 1:
        return _in_turn(moments, resumed)
    return four.elements(moments, tag, resumed)


def _is_start(short: Sequence[Any], long: Sequence[Any]) -> bool:
    """Whether a sequence begins with these very objects."""
    return len(short) <= len(long) and all(map(operator.is_, short, long))


def _in_turn(moments: Moments, resumed: set[Any]) -> list[tuple[Any, bool]]:
    """A list that kept its length is a record: each of its places is looked at for itself."""
    found = []
    for at in zip(*moments[:4], strict=True):
        built, _, last, _ = at
        was_resumed = tag(built) in resumed or tag(last) in resumed
        is_state = decide(Four(at[0], at[1], at[2], at[3], moments.is_running, was_resumed), same).is_state
        found.append((last, same(last, built)) if is_state else (built, True))
    return found
