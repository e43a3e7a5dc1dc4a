"""What a recipe gives when the clock stands still: a digest that tells whether two taps are made alike, and its world.

Some makers put the time or a random number into what they make (words its creation date, dns a query's number), so that
making the same tap again gives another payload.  The likeness is taken in a child process, after the real making, from
a second making under a stopped clock and a fixed seed; only digests come back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tapdaemon.persist.make import provenance, worlds
from tapdaemon.persist.make.child import Child


class Alike(NamedTuple):
    """What the second making came to.

    :param digest: SHA-256 of its payload, in hex; empty where it failed (the first making tells why).
    :param names: of the application's modules that it imported.
    :param world: what it left in them, see `worlds`.
    """

    digest: str = ""
    names: tuple[str, ...] = ()
    world: Mapping[str, str] = {}


class Likeness(Child):
    """A likeness that is going to be taken, by a process that is forked before the makers run.

    :param payload: makes the application and returns its payload and the modules it names; called in the child only.
    """

    def __init__(self, payload: Callable[[], tuple[bytes, frozenset[str]]]) -> None:
        super().__init__(lambda _: _taken(payload))

    def told(self) -> Alike:
        """What comes of it.  It begins now: makers that make files do so once, and find them the second time."""
        words = self.ask(b"go")
        if not words:
            return Alike()
        digest, names, world = json.loads(words)
        return Alike(digest, tuple(names), world)


def _taken(payload: Callable[[], tuple[bytes, frozenset[str]]]) -> bytes:
    made, modules = payload()
    names = worlds.modules_of(module.partition(".")[0] for module in provenance.top_level(modules))
    return json.dumps([hashlib.sha256(made).hexdigest(), names, worlds.digests(names)]).encode()
