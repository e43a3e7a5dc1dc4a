"""Rows of the living table: Deferreds, coroutines and generators that wait, and what cannot be saved at all."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import hashlib

from twisted.logger import Logger
"""

ROWS = [
    Row(
        "a Deferred that has not fired, without callbacks",
        """
class Unfired(Service):
    def __init__(self):
        self.ready, self.rounds = defer.Deferred(), 0
    def do_use(self):
        self.ready.callback("done")
        self.ready = defer.Deferred()
        self.rounds += 1
    def do_get(self):
        return self.rounds, self.ready.called
""",
    ),
    Row(
        "Deferreds that have not fired, with callbacks, by key",
        """
class Promised(Service):
    def __init__(self):
        self.promises, self.kept, self.asked = {}, 0, 0
    def keep(self, result):
        self.kept += 1
    def do_use(self):
        for promise in self.promises.values():
            promise.callback(None)
        self.promises = {"next": defer.Deferred().addCallback(self.keep)}
        self.asked += 1
    def do_get(self):
        return self.asked
    def do_kept(self):
        return self.kept, list(self.promises)
""",
        lost=("kept",),
        named="promises",
    ),
    Row(
        "a Deferred that has fired keeps its result",
        """
class Fired(Service):
    def __init__(self):
        self.result = defer.succeed({"n": 0})
    def do_use(self):
        self.result.addCallback(lambda last: {"n": last["n"] + 1})
    def do_get(self):
        return self.result.called, self.result.result
""",
    ),
    Row(
        "a DeferredList that has fired",
        """
class Gathered(Service):
    gathered = None
    def do_use(self):
        seen = len(self.gathered.result) if self.gathered else 0
        self.gathered = defer.DeferredList([defer.succeed(n) for n in range(seen + 2)])
    def do_get(self):
        return self.gathered and self.gathered.result
""",
    ),
    Row(
        "a coroutine in flight",
        """
class Coroutine(Service):
    def __init__(self):
        self.count, self.gate, self.flight = 0, None, None
    async def work(self):
        self.gate = defer.Deferred()
        await self.gate
        self.count += 10
    def do_use(self):
        self.count += 1
        if self.flight is None:
            self.flight = defer.ensureDeferred(self.work())
    def do_get(self):
        return self.count
    def do_runs(self):
        return self.flight is not None and not self.flight.called
""",
        lost=("runs",),
        named="flight",
    ),
    Row(
        "a task of the Cooperator, which startService begins",
        """
class Cooperative(Service):
    task, step, jobs = None, 0, 0
    def startService(self):
        super().startService()
        self.task = task.cooperate(self.steps())
    def steps(self):
        while True:
            self.step += 1
            yield task.deferLater(reactor, 0.01, lambda: None)
    def stopService(self):
        self.task.stop()
        return super().stopService()
    def do_use(self):
        self.jobs += 1
    def do_get(self):
        return self.jobs
    def do_goes(self):
        seen = self.step
        return until(lambda: self.step > seen)
""",
        ask=("get", "goes"),
    ),
    Row(
        "a generator that was begun while it ran",
        """
def numbers():
    number = 0
    while True:
        number += 1
        yield number

class Generator(Service):
    source, drawn = None, 0
    def do_use(self):
        self.source = self.source or numbers()
        next(self.source)
        self.drawn += 1
    def do_get(self):
        return self.drawn
    def do_at(self):
        return self.source and self.source.gi_frame.f_locals["number"]
""",
        lost=("at",),
        named="source",
    ),
    Row(
        "a Logger",
        """
class Says(Service):
    log = Logger("says")
    def __init__(self):
        self.own, self.said = Logger("own", observer=self.hear), []
    def hear(self, event):
        self.said.append((event["log_namespace"], event["number"]))
    def do_use(self):
        self.log.info("used {number}", number=len(self.said))
        self.own.info("used {number}", number=len(self.said))
    def do_get(self):
        return self.said
""",
    ),
    Row(
        "hashlib and memoryview, new while it ran",
        """
class Digest(Service):
    digest, view, count = None, None, 0
    def do_use(self):
        self.digest = self.digest or hashlib.sha256()
        self.digest.update(b"more")
        self.view = memoryview(b"x" * self.count)
        self.count += 1
    def do_get(self):
        return self.count
    def do_hex(self):
        return self.digest and self.digest.hexdigest()
""",
        lost=("hex",),
        named="digest",
    ),
    Row(
        "hashlib of the base, changed in its place",
        """
class Summed(Service):
    def __init__(self):
        self.digest, self.count = hashlib.sha256(), 0
    def do_use(self):
        self.digest.update(b"more")
        self.count += 1
    def do_get(self):
        return self.count
    def do_hex(self):
        return self.digest.hexdigest()
""",
        lost=("hex",),
        named="digest",
    ),
    Row(
        "an object whose __reduce__ raises, in a list with others",
        """
class Stubborn:
    def __reduce_ex__(self, protocol):
        raise RuntimeError("not me")

class Things(Service):
    def __init__(self):
        self.things, self.count = [], 0
    def do_use(self):
        self.things += [{"n": self.count}, Stubborn()]
        self.count += 1
    def do_get(self):
        return [one["n"] for one in self.things if isinstance(one, dict)]
    def do_all(self):
        return len(self.things)
""",
        lost=("all",),
        named="things",
    ),
]

WAITING = Group("waiting", HEAD, ROWS)
