"""Rows of the living table: functions and closures, weak references, and objects that are hard to save."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import functools
import operator
import re
import weakref

from twisted.python import components, failure
from zope.interface import Interface, implementer
"""

ROWS = [
    Row(
        "two closures over one variable",
        """
def counting():
    count = 0
    def up():
        nonlocal count
        count += 1
        return count
    return up, lambda: count

class Closures(Service):
    def __init__(self):
        self.up, self.seen = counting()
        self.more = []
    def do_use(self):
        self.up()
        up, seen = counting()
        up()
        self.more.append((up, seen))
        for up, _ in self.more:
            up()
    def do_get(self):
        return self.seen(), [seen() for _, seen in self.more]
""",
    ),
    Row(
        "a lambda set while it runs",
        """
class Rule(Service):
    def __init__(self):
        self.rule, self.extra = len, 0
    def do_use(self):
        self.extra += 1
        self.rule = (lambda text, more=self.extra: len(text) + more) if self.extra % 2 else (lambda text: -len(text))
    def do_get(self):
        return self.rule("four"), self.extra
""",
    ),
    Row(
        "partial, bound method, itemgetter, a class, a function",
        """
def louder(text):
    return text.upper()

class Calls(Service):
    def __init__(self):
        self.calls, self.total = {}, 0
    def add(self, more):
        self.total += more
        return self.total
    def do_use(self):
        self.calls.update(
            partial=functools.partial(self.add, 2), bound=self.add, get=operator.itemgetter(0), kind=Calls, plain=louder
        )
        self.calls["partial"]()
    def do_get(self):
        if not self.calls:
            return None
        bound, plain = self.calls["bound"], self.calls["plain"]
        ours = self.calls["partial"].func.__self__ is bound.__self__ is self
        return self.total, ours, self.calls["get"]("ab"), self.calls["kind"] is Calls, plain("a"), plain is louder
""",
    ),
    Row(
        "cached methods",
        """
class Cached(Service):
    base = 1
    def __init__(self):
        self.fast = functools.lru_cache(self.slow)
    def slow(self, x):
        return x * 2
    @functools.cached_property
    def table(self):
        self.base += 1
        return {"made": self.base}
    @functools.lru_cache
    def squared(self, x):
        return x * x
    def do_use(self):
        self.table["made"] += 10
    def do_get(self):
        return self.fast(4), self.squared(3), self.base, vars(self).get("table")
""",
    ),
    Row(
        "weak references",
        """
class Guest:
    def __init__(self, name):
        self.name = name

class House(Service):
    def __init__(self):
        self.guests, self.newest = [], None
        self.by_name, self.known = weakref.WeakValueDictionary(), weakref.WeakSet()
    def do_use(self):
        guest = Guest(f"g{len(self.guests)}")
        self.guests.append(guest)
        self.newest = weakref.ref(guest)
        self.by_name[guest.name] = guest
        self.known.add(guest)
    def do_get(self):
        same = not self.guests or (self.newest() is self.guests[-1] and self.guests[-1] in self.known)
        return sorted(self.by_name), same, [self.by_name[one.name] is one for one in self.guests]
""",
    ),
    Row(
        "keys that are objects, and one of them named elsewhere",
        """
class Player:
    score = 0

class Game(Service):
    def __init__(self):
        self.players, self.first = {}, None
        self.seats = {Player(): "north", Player(): "south"}
    def do_use(self):
        new = Player()
        self.players[new] = len(self.players)
        self.first = self.first or new
        self.first.score += 1
        for number, one in enumerate(self.seats):
            one.score += number + 1
    def do_get(self):
        places = sorted((one.score, place) for one, place in self.seats.items())
        return len(self.players), self.players.get(self.first), self.first and self.first.score, places
""",
    ),
    Row(
        "components set while it runs",
        """
class INote(Interface):
    pass

@implementer(INote)
class Note:
    def __init__(self, original):
        self.original, self.lines = original, 0

class Desk(Service):
    def __init__(self):
        self.things = components.Componentized()
    def do_use(self):
        if INote(self.things, None) is None:
            self.things.setComponent(INote, Note(self))
        INote(self.things).lines += 1
    def do_get(self):
        note = INote(self.things, None)
        return note and (note.lines, note.original is self)
""",
    ),
    Row(
        "an object whose __getattr__ recurses",
        """
class Proxy:
    def __init__(self, target):
        self.target = target
    def __getattr__(self, name):
        return getattr(self.target, name)

class Proxies(Service):
    def __init__(self):
        self.proxy, self.all = Proxy([]), []
    def do_use(self):
        self.proxy.append(len(self.proxy.target))
        self.all.append(Proxy(self.proxy))
    def do_get(self):
        return self.proxy.target, [one.target is self.proxy for one in self.all], [one.count(0) for one in self.all]
""",
    ),
    Row(
        "a Failure, a compiled pattern",
        """
class Errors(Service):
    def __init__(self):
        self.last, self.pattern = None, re.compile("x")
    def do_use(self):
        try:
            {}[len(self.pattern.pattern)]
        except KeyError:
            self.last = failure.Failure()
        self.pattern = re.compile(self.pattern.pattern + "x?", re.IGNORECASE)
    def do_get(self):
        told = self.last and (self.last.type is KeyError, self.last.getErrorMessage(), self.last.check(LookupError))
        return told, self.pattern, self.pattern.match("xXX").group()
""",
    ),
]

FUNCTIONS = Group("functions", HEAD, ROWS)
