"""What a recipe gives when the clock stands still: a digest that tells whether two taps are made alike, and its world.

Some makers put the time or a random number into what they make (words its creation date, dns a query's number), so that
making the same tap again gives another payload.  The likeness is taken in a child process, after the real making, from
a second making under a stopped clock and a fixed seed; only digests come back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Self

from tapdaemon.persist import provenance, worlds

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


class Alike(NamedTuple):
    """What the second making came to.

    :param digest: SHA-256 of its payload, in hex; empty where it failed (the first making tells why).
    :param names: of the application's modules that it imported.
    :param world: what it left in them, see `worlds`.
    """

    digest: str = ""
    names: tuple[str, ...] = ()
    world: Mapping[str, str] = {}


class Likeness:
    """A likeness that is going to be taken, by a process that is forked before the makers run.

    :param payload: makes the application and returns its payload and the modules it names; called in the child only.
    """

    def __init__(self, payload: Callable[[], tuple[bytes, frozenset[str]]]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        waiting, self._going = os.pipe2(os.O_CLOEXEC)
        self._child = os.fork()
        if self._child == 0:
            os.close(self._going)
            if not os.read(waiting, 1):
                os._exit(0)  # the making failed
            _take(payload, writing)
        os.close(writing)
        os.close(waiting)

        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Where the making failed, nothing is taken."""
        if not self._is_over:
            self._is_over = True
            os.close(self._going)
            os.close(self._reading)
            os.waitpid(self._child, 0)

    def told(self) -> Alike:
        """What comes of it.  It begins now: makers that make files do so once, and find them the second time."""
        self._is_over = True
        os.write(self._going, b"!")
        os.close(self._going)
        with os.fdopen(self._reading, "rb") as stream:
            words = stream.read()
        os.waitpid(self._child, 0)
        if not words:
            return Alike()
        digest, names, world = json.loads(words)
        return Alike(digest, tuple(names), world)


@contextlib.contextmanager
def stillness() -> Iterator[None]:
    """Of a child whose work is thrown away: nothing printed, the clock stopped, even its secrets fixed."""
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    _replace([(os.urandom, lambda size, /: bytes(size))])
    with stopped_clock(0):
        yield


def _take(payload: Callable[[], tuple[bytes, frozenset[str]]], writing: int) -> None:
    """The child's whole life."""
    try:
        with stillness():
            made, modules = payload()
            names = worlds.modules_of(module.partition(".")[0] for module in provenance.top_level(modules))
            told = json.dumps([hashlib.sha256(made).hexdigest(), names, worlds.digests(names)])
        with os.fdopen(writing, "wb") as stream:
            stream.write(told.encode())
    finally:
        os._exit(0)
