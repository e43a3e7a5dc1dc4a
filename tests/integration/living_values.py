"""Rows of the living table: values that a service holds, of each kind that the standard library has."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import collections
import dataclasses
import enum
import types
"""

ROWS = [
    Row(
        "a number that is counted",
        """
class Number(Service):
    count = 0
    def do_use(self):
        self.count += 1
    def do_get(self):
        return self.count
""",
    ),
    Row(
        "a number that each start counts",
        """
class Boots(Service):
    boots = 0
    def startService(self):
        super().startService()
        self.boots += 1
    def do_get(self):
        return self.boots
""",
        use=(),
        still=True,
        later={"get": ("2", "3", "4")},
    ),
    Row(
        "dict, nested, changed and made smaller",
        """
class Dict(Service):
    def __init__(self):
        self.known = {"first": {"size": 1}, "second": {"size": 2}, 3: (), None: b""}
    def do_use(self):
        self.known.pop("second", None)
        self.known["first"]["size"] += 1
        self.known[len(self.known), "new"] = {"size": len(self.known)}
    def do_get(self):
        return self.known
""",
    ),
    Row(
        "list, with its order",
        """
class List(Service):
    def __init__(self):
        self.lines = ["one", "two", ["deep"], "three"]
    def do_use(self):
        self.lines.insert(0, len(self.lines))
        self.lines.reverse()
        self.lines.remove("three") if "three" in self.lines else self.lines.append("four")
    def do_get(self):
        return self.lines
""",
    ),
    Row(
        "set and frozenset",
        """
class Set(Service):
    def __init__(self):
        self.members, self.rights = {"ann", "bob"}, frozenset(["read"])
    def do_use(self):
        self.members.discard("bob")
        self.members.add(f"guest{len(self.members)}")
        self.rights |= {f"right{len(self.rights)}"}
    def do_get(self):
        return sorted(self.members), sorted(self.rights)
""",
    ),
    Row(
        "deque with a length",
        """
class Deque(Service):
    def __init__(self):
        self.last = collections.deque([1, 2], maxlen=3)
    def do_use(self):
        self.last.append(self.last[-1] + 1)
    def do_get(self):
        return self.last
""",
    ),
    Row(
        "OrderedDict, with its order",
        """
class Ordered(Service):
    def __init__(self):
        self.used = collections.OrderedDict(a=1, b=2, c=3)
    def do_use(self):
        self.used.move_to_end(next(iter(self.used)))
    def do_get(self):
        return list(self.used.items())
""",
    ),
    Row(
        "defaultdict",
        """
class Default(Service):
    def __init__(self):
        self.rooms = collections.defaultdict(list)
    def do_use(self):
        self.rooms["hall"].append(len(self.rooms["hall"]))
    def do_get(self):
        return dict(self.rooms), self.rooms.default_factory.__name__
""",
    ),
    Row(
        "Counter",
        """
class Counted(Service):
    def __init__(self):
        self.hits = collections.Counter(a=2)
    def do_use(self):
        self.hits.update("abb")
    def do_get(self):
        return self.hits.most_common()
""",
    ),
    Row(
        "ChainMap, UserDict, SimpleNamespace",
        """
class Mappings(Service):
    def __init__(self):
        self.settings = collections.ChainMap({}, {"depth": 0})
        self.own, self.space = collections.UserDict(), types.SimpleNamespace(x=0)
    def do_use(self):
        self.settings["depth"] += 1
        self.own[self.space.x] = self.settings["depth"]
        self.space.x += 2
    def do_get(self):
        return self.settings.maps, self.own, self.space
""",
    ),
    Row(
        "namedtuple, replaced",
        """
Point = collections.namedtuple("Point", "x y")

class Tuple(Service):
    def __init__(self):
        self.at = Point(0, 0)
    def do_use(self):
        self.at = self.at._replace(x=self.at.x + 1)
    def do_get(self):
        return self.at.x, self.at.y, type(self.at).__name__
""",
    ),
    Row(
        "dataclass, changed",
        """
@dataclasses.dataclass
class Account:
    owner: str
    balance: int = 0
    moves: list = dataclasses.field(default_factory=list)

class Bank(Service):
    def __init__(self):
        self.accounts = {"ann": Account("ann")}
    def do_use(self):
        one = self.accounts.setdefault(f"guest{len(self.accounts)}", Account("guest"))
        for one in self.accounts.values():
            one.balance += 5
            one.moves.append(5)
    def do_get(self):
        return [(name, one.balance, one.moves) for name, one in self.accounts.items()]
""",
    ),
    Row(
        "dataclass, frozen",
        """
@dataclasses.dataclass(frozen=True)
class Price:
    amount: int = 1

class Shop(Service):
    def __init__(self):
        self.price, self.past = Price(), {}
    def do_use(self):
        self.past[self.price] = len(self.past)
        self.price = dataclasses.replace(self.price, amount=self.price.amount * 2)
    def do_get(self):
        return self.price.amount, self.past[Price(1)] if self.past else None, len(self.past)
""",
    ),
    Row(
        "dataclass with slots",
        """
@dataclasses.dataclass(slots=True)
class Seat:
    row: int
    taken: bool = False

class Hall(Service):
    def __init__(self):
        self.seats = [Seat(0)]
    def do_use(self):
        self.seats[-1].taken = True
        self.seats.append(Seat(len(self.seats)))
    def do_get(self):
        return [(one.row, one.taken) for one in self.seats]
""",
    ),
    Row(
        "enum",
        """
class Light(enum.Enum):
    RED = 1
    GREEN = 2

class Lamp(Service):
    light = Light.RED
    def do_use(self):
        self.light = Light.GREEN if self.light is Light.RED else Light.RED
    def do_get(self):
        return self.light is Light.RED, self.light is Light.GREEN
""",
    ),
]

VALUES = Group("values", HEAD, ROWS)
