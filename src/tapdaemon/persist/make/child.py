"""A child process whose work is thrown away but for its answer: forked now, asked once, later; its clock stands still.

It is forked before anything is made, so that what it makes or loads meets a fresh process.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Self

_CLOCK = ("time", "time_ns", "ctime", "localtime", "gmtime", "strftime", "asctime", "monotonic", "perf_counter")


@contextlib.contextmanager
def stopped_clock(moment: float) -> Iterator[None]:
    """While open, the functions of `time` say `moment` (seconds since the epoch), and `random` begins anew.

    Modules that imported such a function by name get the stopped one as well.  `datetime` is left alone.
    """
    real = {name: getattr(time, name) for name in _CLOCK}
    still: dict[str, Any] = {
        "time": lambda: moment,
        "time_ns": lambda: int(moment * 1e9),
        "monotonic": lambda: moment,
        "perf_counter": lambda: moment,
        "ctime": lambda seconds=None: real["ctime"](moment if seconds is None else seconds),
        "localtime": lambda seconds=None: real["localtime"](moment if seconds is None else seconds),
        "gmtime": lambda seconds=None: real["gmtime"](moment if seconds is None else seconds),
        "strftime": lambda form, parts=None: real["strftime"](form, parts or real["localtime"](moment)),
        "asctime": lambda parts=None: real["asctime"](parts or real["localtime"](moment)),
    }
    for name, stand_in in still.items():
        stand_in.__module__, stand_in.__qualname__ = "time", name  # who looks for time.time finds that
    state = random.getstate()
    random.seed(int(moment))
    _replace([(real[name], still[name]) for name in _CLOCK])
    try:
        yield
    finally:
        _replace([(still[name], real[name]) for name in _CLOCK])
        random.setstate(state)


def _replace(pairs: Sequence[tuple[Any, Any]]) -> None:
    """Put the second of each pair wherever a module has the first."""
    by_identity = {id(old): new for old, new in pairs}
    for module in list(sys.modules.values()):
        names = vars(module) if isinstance(module, ModuleType) else {}
        for name, value in list(names.items()):
            if id(value) in by_identity:
                names[name] = by_identity[id(value)]


@contextlib.contextmanager
def stillness() -> Iterator[None]:
    """Of a child whose work is thrown away: nothing printed, the clock stopped, even its secrets fixed."""
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    _replace([(os.urandom, lambda size, /: bytes(size))])
    with stopped_clock(0):
        yield


class Child:
    """The process.  Use it as a context manager: where nothing is asked, nothing is done.

    The last to be forked has to be the first to be asked, for it has the pipes of the others.

    :param work: what it does with a question, which is never empty; called in the child only.
    """

    def __init__(self, work: Callable[[bytes], bytes]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        asking, self._asks = os.pipe2(os.O_CLOEXEC)
        self._answer, answering = os.pipe2(os.O_CLOEXEC)
        self._is_over = False
        self._child = os.fork()
        if self._child == 0:
            os.close(self._asks)
            os.close(self._answer)
            _live(work, asking, answering)
        os.close(asking)
        os.close(answering)

    def ask(self, question: bytes) -> bytes:
        """Its answer; empty if it ended without one."""
        self._is_over = True
        with os.fdopen(self._asks, "wb") as questions:
            questions.write(question)
        with os.fdopen(self._answer, "rb") as answers:
            answer = answers.read()
        os.waitpid(self._child, 0)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_over:
            os.close(self._asks)
            os.close(self._answer)
            os.waitpid(self._child, 0)


def _live(work: Callable[[bytes], bytes], asking: int, answering: int) -> None:
    """The child's whole life."""
    try:
        with os.fdopen(asking, "rb") as questions:
            asked = questions.read()
        if asked:
            with stillness():
                answer = work(asked)
            with os.fdopen(answering, "wb") as answers:
                answers.write(answer)
    finally:
        os._exit(0)
