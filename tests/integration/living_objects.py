"""Rows of the living table: objects of an application's own classes, how they hang together, and functions."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import copyreg
from twisted.persisted import styles
"""

ROWS = [
    Row(
        "state behind a property",
        """
class Tank(Service):
    _level = 0
    @property
    def level(self):
        return self._level
    @level.setter
    def level(self, level):
        if level > 100:
            raise ValueError("full")
        self._level = level
    def do_use(self):
        self.level += 20
    def do_get(self):
        return self.level
""",
    ),
    Row(
        "objects with slots, one of them inherited",
        """
class Stone:
    __slots__ = ("colour",)

class Piece(Stone):
    __slots__ = ("field", "unset")

class Board(Service):
    def __init__(self):
        self.piece, self.more = Piece(), []
        self.piece.colour, self.piece.field = "white", 0
    def do_use(self):
        self.piece.field += 1
        other = Piece()
        other.colour, other.field = "black", self.piece.field
        self.more.append(other)
    def do_get(self):
        return [(one.colour, one.field, hasattr(one, "unset")) for one in [self.piece, *self.more]]
""",
    ),
    Row(
        "subclasses of dict and list, with attributes",
        """
class Register(dict):
    changes = 0
    def __setitem__(self, key, value):
        self.changes += 1
        super().__setitem__(key, value)

class Log(list):
    pass

class Office(Service):
    def __init__(self):
        self.register, self.log = Register(), Log()
        self.log.title = "log"
    def do_use(self):
        self.register[len(self.register)] = Log(["new"])
        self.log.append(self.register[0])
        self.log.title += "+"
    def do_get(self):
        return self.register, self.register.changes, self.log, self.log.title, self.log[:1] == [self.register.get(0)]
""",
    ),
    Row(
        "__getstate__ and __setstate__",
        """
class Ledger:
    def __init__(self):
        self.lines, self.sum = [], 0
    def add(self, amount):
        self.lines.append(amount)
        self.sum += amount
    def __getstate__(self):
        return {"lines": list(self.lines)}
    def __setstate__(self, state):
        self.lines, self.sum = state["lines"], sum(state["lines"])

class Books(Service):
    def __init__(self):
        self.main, self.more = Ledger(), {}
    def do_use(self):
        self.main.add(3)
        self.more.setdefault("side", Ledger()).add(4)
    def do_get(self):
        return [(one.lines, one.sum) for one in [self.main, *self.more.values()]]
""",
    ),
    Row(
        "__reduce__, and copyreg",
        """
class Angle:
    def __init__(self, degrees):
        self.degrees = degrees % 360
    def __reduce__(self):
        return Angle, (self.degrees,)

class Ratio:
    def __init__(self, over, under):
        self.pair = memoryview(bytes([over, under]))

copyreg.pickle(Ratio, lambda ratio: (Ratio, tuple(ratio.pair)))

class Compass(Service):
    def __init__(self):
        self.angle, self.ratio, self.all = Angle(0), Ratio(1, 2), []
    def do_use(self):
        self.angle = Angle(self.angle.degrees + 50)
        self.ratio = Ratio(self.ratio.pair[0] + 1, 2)
        self.all.append((self.angle, self.ratio))
    def do_get(self):
        return self.angle.degrees, list(self.ratio.pair), len(self.all), not self.all or self.all[-1][0] is self.angle
""",
    ),
    Row(
        "styles.Versioned, of the next version after the change",
        """
class Profile(styles.Versioned):
    persistenceVersion = @VERSION@
    def __init__(self):
        self.visits, self.upgrades = 0, 0
    def upgradeToVersion2(self):
        self.upgrades += 1

class Versions(Service):
    def __init__(self):
        self.profiles = {}
    def do_use(self):
        self.profiles.setdefault("ann", Profile()).visits += 1
    def do_get(self):
        return [one.visits for one in self.profiles.values()]
    def do_upgrades(self):
        return [one.upgrades for one in self.profiles.values()]
""",
        ask=("get", "upgrades"),
        later={"upgrades": ("[0]", "[0]", "[1]")},
    ),
    Row(
        "a cycle, with a set of its own members in it",
        """
class Person:
    def __init__(self, name):
        self.name, self.friends, self.best = name, set(), None

class Village(Service):
    def __init__(self):
        self.first = self.last = Person("p0")
    def do_use(self):
        new = Person(f"p{len(self.first.friends) + 1}")
        new.best, self.last.best = self.first, new
        new.friends = self.first.friends
        new.friends.add(new)
        self.last = new
    def do_get(self):
        walked, one = [], self.first
        for _ in range(len(self.first.friends) + 1):
            walked.append(one.name)
            one = one.best or one
        return walked, one is self.first, self.last in self.first.friends, len(self.first.friends)
""",
    ),
    Row(
        "a chain of 3,000 objects",
        """
class Link:
    def __init__(self, below):
        self.below = below

def chained(length, below=None):
    for _ in range(length):
        below = Link(below)
    return below

def depth(one):
    for number in itertools.count():
        if one is None:
            return number
        one = one.below

class Chain(Service):
    chain = None
    def do_use(self):
        self.chain = chained(10 if self.chain else 3_000, self.chain)
    def do_get(self):
        return depth(self.chain)
""",
    ),
    Row(
        "a chain of 100,000 objects",
        """
class Joint:
    def __init__(self, below):
        self.below = below

class Rope(Service):
    rope, length = None, 0
    def do_use(self):
        for _ in range(10 if self.rope else 100_000):
            self.rope = Joint(self.rope)
        self.length += 1
    def do_get(self):
        one = self.rope
        for number in itertools.count():
            if one is None:
                return number, self.length
            one = one.below
""",
    ),
    Row(
        "a doubly linked list of 10,000",
        """
class Node:
    before = after = None

class Linked(Service):
    def __init__(self):
        self.head = self.tail = Node()
    def do_use(self):
        for _ in range(10_000 if self.head is self.tail else 1):
            new = Node()
            new.before, self.tail.after, self.tail = self.tail, new, new
    def do_get(self):
        forth, one = 0, self.head
        while one.after:
            forth, one = forth + 1, one.after
        back, end = 0, one
        while one.before:
            back, one = back + 1, one.before
        return forth, back, end is self.tail, one is self.head
""",
    ),
]

OBJECTS = Group("objects", HEAD, ROWS)
