"""Objects whose inside no attribute shows: a bytearray, a counter, a random generator, a stream in memory.

Their content is compared by what their own pickle says of it, copied without their class's own, and put back inside
the object, so that whatever holds it, or a method of it, goes on with it.
"""

from __future__ import annotations

import ast
import copy
import io
import pickle
import random
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from tapdaemon.errors import FOREIGN
from tapdaemon.persist.state.kinds import CONTENT_NAMES, UNREADABLE, qualified

_OPEN_MAX = 1 << 24
"""Bytes of a C object's pickle, at the most, that are compared."""
_STEPS_MAX = 10**7
"""Steps that a counter is taken on at the most; one that is further away is replaced."""


def content(value: Any) -> bytes:
    """A copy of what is inside, only to be compared; of what cannot be read it is always the same."""
    try:
        found = _READ.get(_base(value), lambda one: pickle.dumps(one, 5))(value)
    except FOREIGN:
        found = None
    if found is None or len(found) > _OPEN_MAX:
        UNREADABLE.add(type(value))
        return b""
    return found


def copied(value: Any) -> Any:
    """An object with equal content, of the class that Python brings."""
    return _COPIES.get(_base(value), copy.copy)(value)


def put(target: Any, given: Any) -> bool:
    """Put content into an object.  Returns whether that can be; else `given` is to stand in its place everywhere."""
    if isinstance(target, set):  # one whose members have no place
        set.clear(target)
        set.update(target, given)
        return True
    putter = _PUT.get(_base(target))
    return putter is not None and putter(target, given)


def _base(value: Any) -> str:
    """The class that Python brings, of which this one is or is derived."""
    return next((name for name in map(qualified, type(value).__mro__) if name in CONTENT_NAMES), "")


def _read_stream(value: Any) -> bytes:
    return b"" if value.closed else pickle.dumps((value.getvalue(), value.tell()), 5)


_READ: Mapping[str, Callable[[Any], bytes]] = {
    "builtins.bytearray": bytes,
    "itertools.count": lambda value: repr(value).encode(),
    "random.Random": lambda value: pickle.dumps(value.getstate(), 5),
    "_io.BytesIO": _read_stream,
    "_io.StringIO": _read_stream,
}


def _copied_random(value: random.Random) -> random.Random:
    made = random.Random()  # noqa: S311 - it has the state of another
    made.setstate(value.getstate())
    return made


def _copied_stream(value: Any) -> Any:
    made: Any = io.BytesIO() if isinstance(value, io.BytesIO) else io.StringIO()
    _put_stream(made, value)
    return made


_COPIES: Mapping[str, Callable[[Any], Any]] = {
    "builtins.bytearray": bytearray,
    "array.array": lambda value: value[:],
    "random.Random": _copied_random,
    "_io.BytesIO": _copied_stream,
    "_io.StringIO": _copied_stream,
}


def _put_elements(target: Any, given: Any) -> bool:
    target[:] = given
    return True


def _put_random(target: random.Random, given: random.Random) -> bool:
    target.setstate(given.getstate())
    return True


def _put_stream(target: Any, given: Any) -> bool:
    """What a stream in memory holds, and where it stands; its attributes are another facet."""
    target.__setstate__((*given.__getstate__()[:-1], None))
    return True


def _put_count(target: Any, given: Any) -> bool:
    """A counter goes on to where the other is, if that is ahead."""
    (start, step), (end, _) = _count(target), _count(given)
    steps = (end - start) / step if step else 0
    if not (steps == int(steps) and 0 <= steps <= _STEPS_MAX):
        return False
    deque(islice(target, int(steps)), maxlen=0)
    return repr(target) == repr(given)


def _count(value: Any) -> tuple[Any, Any]:
    start, *step = ast.literal_eval(f"({repr(value).partition('(')[2][:-1]},)")
    return start, *(step or (1,))


_PUT: Mapping[str, Callable[[Any, Any], bool]] = {
    "builtins.bytearray": _put_elements,
    "array.array": _put_elements,
    "random.Random": _put_random,
    "_io.BytesIO": _put_stream,
    "_io.StringIO": _put_stream,
    "itertools.count": _put_count,
}
