"""The machinery of libraries: an engine, a pool, a client with threads; it comes back whole or not at all."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tapdaemon.persist.rules import live
from tapdaemon.persist.state import kinds
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.persist.state.objects import parts

SEEN_MAX = 1_000
"""Objects that are looked at: machinery is small, and what is larger is state."""


def inside(value: Any, baseline: Baseline) -> Any:
    """What belongs to the process inside an object of a library's, in or below a value; None where there is none near.

    Locks count: what they guard would come back by halves.
    """
    stack = [(value, False)]
    seen: set[int] = set()
    while stack and len(seen) < SEEN_MAX:
        one, is_inside = stack.pop()
        if id(one) in seen or baseline.is_base(one) or kinds.plan_of(type(one)).is_value:
            continue
        seen.add(id(one))
        if is_inside and (kinds.is_lock(type(one)) or live.is_live(one)):
            return one
        is_inside = is_inside or _is_of_library(type(one), baseline)
        stack += [(part, is_inside) for _, part in islice(parts(one), SEEN_MAX)]
    return None


def _is_of_library(kind: type, baseline: Baseline) -> bool:
    root = kind.__module__.partition(".")[0]
    return root not in baseline.own_roots and root not in kinds.KNOWN_ROOTS
