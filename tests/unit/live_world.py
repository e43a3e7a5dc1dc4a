"""Runs cases in a reactor of their own: each object is made live, used, saved, stopped, saved, and used again."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback

from live_saving import bare, loaded, saved
from twisted.internet import defer, reactor, task

CASES = []
GONE = "left out"


class Case:
    """One class.  `use` must work on the object as it was made, and on each that came back."""

    names: tuple[str, ...] = ()
    """The public classes that it shows, qualified."""
    gone = False
    """Whether the object is live itself, and comes back as None while it runs; and, with "always", stopped too."""

    def __init_subclass__(cls) -> None:
        if cls.names:
            CASES.append(cls)

    def __init__(self, folder):
        self.folder = folder

    async def make(self):
        raise NotImplementedError

    async def use(self, it):
        raise NotImplementedError

    async def stop(self, it):
        """End what `make` started."""


async def until(condition, what="a condition"):
    for _ in range(500):
        if condition():
            return
        await task.deferLater(reactor, 0.01)
    raise AssertionError(f"{what} did not come true in five seconds")


async def serve(factory):
    return reactor.listenTCP(0, factory, interface="127.0.0.1")


async def closed(port):
    await defer.maybeDeferred(port.stopListening)


async def again(case, data, gone):
    it = loaded(data)
    if gone:
        assert it is None, f"{it!r} is there"
        return GONE
    await case.use(it)
    await case.stop(it)
    return "used again"


async def run(kind):
    case = kind(tempfile.mkdtemp(prefix="tapdaemon-live-"))
    it = await case.make()
    await case.use(it)
    assert not bare(it), bare(it)
    running, left = saved(it)
    await case.stop(it)
    stopped, also = saved(it)
    first = await again(case, running, kind.gone)
    second = await again(case, stopped, kind.gone == "always")
    return {"names": kind.names, "running": first, "stopped": second, "left": sorted(left), "then": sorted(also - left)}


async def everything(names):
    rows = []
    for kind in CASES:
        if names and not any(name in one for one in kind.names for name in names):
            continue
        try:
            rows.append(await defer.ensureDeferred(run(kind)).addTimeout(20, reactor))
        except Exception:  # noqa: BLE001 - told as the case's result
            rows.append({"names": kind.names, "failed": traceback.format_exc()})
    return rows


def main():
    """Prints the rows as JSON."""

    def done(rows):
        print(json.dumps(rows), flush=True)
        os._exit(0)  # a case that failed may have left threads behind

    def start():
        defer.ensureDeferred(everything(sys.argv[1:])).addBoth(done)

    reactor.callWhenRunning(start)
    reactor.run()
