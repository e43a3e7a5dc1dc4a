"""Rows of the living table: services added, removed, moved and renamed, and what a start and a stop do themselves."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import tapdaemon

keeps, forgets = getattr(tapdaemon, "keeps", None), getattr(tapdaemon, "forgets", None)


class Child(Service):
    count = 0
    def __init__(self, name):
        self.setName(name)
"""

ROWS = [
    Row(
        "a service added while it runs",
        """
class Adds(MultiService):
    def do_use(self):
        for one in self:
            one.count += 1
        Child(f"c{len(self.services)}").setServiceParent(self)
    def do_get(self):
        return [(one.name, one.count, bool(one.running), one.parent is self) for one in self]
""",
    ),
    Row(
        "TimerService added while it runs",
        """
class Timers(MultiService):
    ticks = 0
    def tick(self):
        self.ticks += 1
    def do_use(self):
        timer = internet.TimerService(0.02, self.tick)
        timer.setName(f"t{len(self.services)}")
        timer.setServiceParent(self)
    def do_get(self):
        return [(one.name, bool(one.running), one.step) for one in self]
    def do_goes(self):
        seen = self.ticks
        return not self.services or until(lambda: self.ticks >= seen + 2)
""",
        ask=("get", "goes"),
    ),
    Row(
        "a service removed",
        """
class Removes(MultiService):
    def __init__(self):
        super().__init__()
        for name in "abcdefg":
            Child(name).setServiceParent(self)
    def do_use(self):
        return defer.maybeDeferred(self.services[0].disownServiceParent)
    def do_get(self):
        return [one.name for one in self], sorted(self.namedServices)
""",
    ),
    Row(
        "a service renamed, with its state",
        """
class Renames(MultiService):
    def __init__(self):
        super().__init__()
        Child("n0").setServiceParent(self)
    @defer.inlineCallbacks
    def do_use(self):
        child = self.services[0]
        child.count += 1
        yield child.disownServiceParent()
        child.setName(f"n{child.count}")
        child.setServiceParent(self)
    def do_get(self):
        return [(one.name, one.count, bool(one.running)) for one in self], sorted(self.namedServices)
""",
    ),
    Row(
        "a service moved to another parent, with its state",
        """
class Moves(MultiService):
    def __init__(self):
        super().__init__()
        for name in ("left", "right"):
            box = MultiService()
            box.setName(name)
            box.setServiceParent(self)
        self.child = Child("child")
        self.child.setServiceParent(self.getServiceNamed("left"))
    @defer.inlineCallbacks
    def do_use(self):
        other = {"left": "right", "right": "left"}[self.child.parent.name]
        yield self.child.disownServiceParent()
        self.child.count += 1
        self.child.setServiceParent(self.getServiceNamed(other))
    def do_get(self):
        return [[(one.name, one.count, one is self.child, bool(one.running)) for one in box] for box in self]
""",
    ),
    Row(
        "one object of two services",
        """
class Board:
    def __init__(self):
        self.lines = []

class Shared(MultiService):
    def __init__(self):
        super().__init__()
        for name in ("one", "two"):
            child = Child(name)
            child.setServiceParent(self)
            child.board = None
    def do_use(self):
        one, two = self
        one.board = two.board = two.board or Board()
        one.board.lines.append(len(one.board.lines))
    def do_get(self):
        one, two = self
        return one.board is two.board, one.board and two.board.lines
""",
    ),
    Row(
        "objects that know their service, in its queue",
        """
class Job:
    def __init__(self, owner, after):
        self.owner, self.after, self.tries = owner, after, 0

class Jobs(Service):
    def __init__(self):
        self.jobs, self.index = [], {}
    def do_use(self):
        job = Job(self, self.jobs[-1] if self.jobs else None)
        self.jobs.append(job)
        self.index[len(self.jobs)] = job
        self.jobs[0].tries += 1
    def do_get(self):
        own = all(one.owner is self and self.index[n + 1] is one for n, one in enumerate(self.jobs))
        return own, [one.tries for one in self.jobs], all(b.after is a for a, b in zip(self.jobs, self.jobs[1:]))
""",
    ),
    Row(
        "a cache that is made when it is first asked",
        """
class Lazy(Service):
    made, _cache = 0, None
    @property
    def cache(self):
        if self._cache is None:
            self.made += 1
            self._cache = {}
        return self._cache
    def do_use(self):
        self.cache[len(self.cache)] = "kept"
    def do_get(self):
        return self.made, self._cache
""",
    ),
    Row(
        "stopService takes apart what the maker built",
        """
class Teardown(Service):
    def __init__(self):
        self.ring, self.route = {"a": 1}, self.send
    def send(self, name):
        return self.ring[name]
    def refuse(self, name):
        raise RuntimeError("stopped")
    def stopService(self):
        self.ring, self.route = None, self.refuse
        return super().stopService()
    def do_use(self):
        self.ring[f"n{len(self.ring)}"] = len(self.ring)
    def do_get(self):
        return self.ring, self.route("a")
""",
    ),
    Row(
        "flags that a start sets and a stop resets",
        """
class Flags(Service):
    connected = closed = False
    served = 0
    def startService(self):
        super().startService()
        self.connected = True
    def stopService(self):
        self.connected, self.closed = False, True
        return super().stopService()
    def do_use(self):
        if self.closed or not self.connected:
            raise RuntimeError("closed")
        self.served += 1
    def do_get(self):
        return self.connected, self.closed, self.served
""",
    ),
    Row(
        "a list that stopService writes out",
        """
class Flush(Service):
    def __init__(self):
        self.buffer = []
    def flush(self):
        with open("flushed.txt", "a") as file:
            file.writelines(f"{line}\\n" for line in self.buffer)
        self.buffer.clear()
    def stopService(self):
        self.flush()
        return super().stopService()
    def do_use(self):
        self.buffer.append(f"line{len(self.do_get())}")
    def do_get(self):
        lines = open("flushed.txt").read().split() if os.path.exists("flushed.txt") else []
        return sorted({*lines, *self.buffer})  # a reload hands the buffer over, and the old process writes it as well
""",
    ),
    Row(
        "a start that goes on after it returned",
        """
class Later(Service):
    started = finished = False
    uses = 0
    def startService(self):
        super().startService()
        self.finished = False
        reactor.callLater(0, self.begin)
    def begin(self):
        self.started = True
    def stopService(self):
        self.started, self.finished = False, True
        return super().stopService()
    def do_use(self):
        self.uses += 1
    def do_get(self):
        return self.uses
    def do_flags(self):
        return until(lambda: self.started) and (self.started, self.finished)
""",
        ask=("get", "flags"),
    ),
    Row(
        "last words that tapdaemon.keeps asks for, and a value that forgets lets go",
        """
class Words(Service):
    saved, guess = "", 0
    def __init__(self):
        self.talk = []
        if keeps:
            keeps(self, "saved")
            forgets(self, "guess")
    def stopService(self):
        self.saved = ",".join(self.talk)
        return super().stopService()
    def do_use(self):
        self.talk.append(f"w{len(self.talk)}")
        self.guess = len(self.talk)
    def do_get(self):
        return self.talk
    def do_saved(self):
        said = self.saved.split(",")
        return said == self.talk[: len(said)]
    def do_guess(self):
        return self.guess
""",
        ask=("get", "saved", "guess"),
        fresh={"guess": "0"},
        later={"saved": ("True", "True", "True")},
    ),
    Row(
        "attributes of a class and of the .tac, changed while it runs",
        """
LEVEL = {"level": 0}

class Module(Service):
    total, own = 0, 0
    def do_use(self):
        Module.total += 1
        LEVEL["level"] += 1
        self.own += 1
    def do_get(self):
        return self.own
    def do_outside(self):
        return Module.total, LEVEL
""",
        lost=("outside",),
        silent=True,
    ),
]

TREE = Group("tree", HEAD, ROWS)
