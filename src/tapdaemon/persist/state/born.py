"""Objects that life made, as they were at Last: what the stop alone did to them is undone before they are saved.

The law is that of `four`: what is kept is kept as it was at Last.  A library's helper that is told to stop would else
come back stopped, and no start would start it.  Where the stop has ended something live that such an object held, a
timer or a connection, its attributes are of one piece with that, and stay as the stop has left them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.base import DelayedCall

from tapdaemon.persist.rules import live
from tapdaemon.persist.state import kinds
from tapdaemon.persist.state.objects import attributes, parts, same
from tapdaemon.persist.state.rows import ABSENT
from tapdaemon.persist.state.sweeping import set_attribute

BORN_MAX = 200_000
"""Objects that are looked at, at the most."""


class Born:
    """The attributes of objects at Last.

    :param values: what life has set, or changed the inside of.
    :param is_base: whether an object has a place.
    """

    def __init__(self, values: Iterable[Any], is_base: Callable[[Any], bool]) -> None:
        self._found: dict[int, tuple[Any, dict[str, Any], list[DelayedCall]]] = {}
        seen: set[int] = set()
        stack = list(values)
        while stack and len(seen) < BORN_MAX:
            value = stack.pop()
            if id(value) in seen or is_base(value) or kinds.plan_of(type(value)).is_leaf or live.is_live(value):
                continue
            seen.add(id(value))
            own = attributes(value)
            if own and not isinstance(value, type):
                waiting = [part for part in own.values() if isinstance(part, DelayedCall) and part.active()]
                self._found[id(value)] = (value, dict(own), waiting)
            stack += [part for _, part in parts(value)]

    def undo_stop(self) -> None:
        """Give back what the stop alone has changed; for a process that saves and ends."""
        for value, last, waiting in self._found.values():
            now = attributes(value)
            names = [name for name in {**last, **now} if not same(last.get(name, ABSENT), now.get(name, ABSENT))]
            if any(live.is_live(last.get(name)) for name in names) or not all(one.active() for one in waiting):
                continue
            for name in names:
                if name in last:
                    set_attribute(value, name, last[name])
                else:
                    object.__delattr__(value, name)
