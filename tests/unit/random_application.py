"""An application over many kinds of objects, and the operations that change its state; both are the same each time.

Operations choose by number among what a walk of the application finds, so two equal applications change alike.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

from twisted.application.service import IServiceCollection, MultiService, Service

import tapdaemon


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Thing:
    """An object with attributes, of which tests change `content` and more."""

    def __init__(self, label: str, content: Any = None) -> None:
        self.label, self.content = label, content

    def tell(self) -> str:
        return self.label


class Slotted:
    __slots__ = ("content", "label", "other")

    def __init__(self, label: str, content: Any = None) -> None:
        self.label, self.content = label, content


@dataclasses.dataclass
class Record:
    label: str
    content: Any = None
    parts: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    label: str
    content: Any = None


class OwnDict(dict):
    """A dict with attributes, whose constructor is its own."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label, self.content = label, None


class OwnList(list):
    def __init__(self, label: str) -> None:
        super().__init__()
        self.label, self.content = label, None


class Part(MultiService):
    """A service whose start and stop do and undo the same things."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setName(name)
        self.content: Any = None
        self.things: list[Any] = []
        self.by_name: dict[Any, Any] = {}
        self.clients: dict[str, Any] = {}
        self.is_connected = False

    def startService(self) -> None:
        super().startService()
        self.is_connected = True

    def stopService(self) -> Any:
        self.is_connected = False
        self.clients.clear()
        return super().stopService()


def counter(start: Any) -> FunctionType:
    """A closure over a variable that can change."""
    content = start

    def tell() -> Any:
        return content

    return tell


def keep(*parts: Any) -> Any:
    return parts


def made() -> Any:
    """The application as its recipe makes it."""
    application = tapdaemon.Application("app")
    left, right, below = Part("left"), Part("right"), Part("below")
    for one in (left, right):
        one.setServiceParent(IServiceCollection(application))
    below.setServiceParent(left)
    nameless = Service()
    nameless.setServiceParent(right)
    shared = Thing("shared", [1, 2, 3])
    ring = Thing("ring")
    ring.content = {"ring": ring, "shared": shared}
    left.content = shared
    left.things = [1, 2, 2, "three", shared, Slotted("slotted", [shared]), Record("record", {"a": 1}), ring]
    left.by_name = {"a": 1, "b": [1, 2], "c": {"d": {"e": 5}}, 7: shared, (1, 2): bytearray(b"bytes")}
    right.content = collections.deque([1, shared, [2]], 9)
    own_dict, own_list = OwnDict("own dict"), OwnList("own list")
    own_dict |= {"x": 1, "y": [ring]}
    own_list += [3, 4, Thing("inner")]
    right.things = [own_dict, own_list, {1, 2, 3}, {Thing("member")}, (Thing("in a tuple"), 5)]
    right.by_name = collections.OrderedDict(
        one=shared.tell,
        two=counter(4),
        three=functools.partial(keep, shared, [6]),
        four=Colour.RED,
        five=Frozen("f", [7]),
    )
    below.content = [[1, [2, [3]]], left.things, right.by_name]
    below.things = [right, left]
    below.by_name = {Colour.RED: ring.content, "default": collections.defaultdict(list, {"k": [8]})}
    return application


# ---- a walk that finds the same, in the same order, in two equal applications

HIDDEN = frozenset({"parent", "services", "namedServices", "running", "clients", "is_connected", "name", "label"})


def parts(value: Any) -> Iterator[Any]:
    kind = type(value)
    if isinstance(value, MultiService):
        yield from value.services
    if kind is MethodType:
        yield value.__self__
    elif kind is FunctionType:
        yield from value.__closure__ or ()
    elif kind is CellType:
        yield value.cell_contents
    elif kind is functools.partial:
        yield from (*value.args, value.keywords)
    if isinstance(value, dict):
        for key, part in value.items():
            yield from (key, part)
    elif isinstance(value, (list, tuple, collections.deque)):
        yield from value
    if isinstance(value, enum.Enum) or kind in (FunctionType, functools.partial):
        return
    own = dict(getattr(value, "__dict__", {}))
    own |= {name: getattr(value, name) for name in getattr(kind, "__slots__", ()) if hasattr(value, name)}
    yield from (own[name] for name in sorted(own) if name not in HIDDEN)


PLAIN = (int, float, str, bytes, type(None), enum.Enum, type)
WITHOUT_IDENTITY = (tuple, frozenset, MethodType)


def found(application: Any) -> list[Any]:
    """All objects but plain values, by the first way to each."""
    queue = collections.deque(IServiceCollection(application))
    known: dict[int, Any] = {}
    while queue:
        value = queue.popleft()
        if isinstance(value, WITHOUT_IDENTITY):
            queue.extend(parts(value))
        elif id(value) not in known and not isinstance(value, PLAIN):
            known[id(value)] = value
            queue.extend(parts(value))
    return list(known.values())


# ---- operations


class World:
    """An application while operations change it.

    :param application: made, or resumed.
    :param turn: how many operations came before.
    """

    def __init__(self, application: Any, turn: int = 0) -> None:
        self.application, self.turn = application, turn

    def do(self, operation: tuple[str, int, int, int]) -> None:
        """One operation: its name, what it is done to, with which value, and where."""
        name, target, value, where = operation
        self.turn += 1
        every = found(self.application)
        kinds, work = OPERATIONS[name]
        fitting = [one for one in every if isinstance(one, kinds)]
        if fitting:
            work(self, fitting[target % len(fitting)], self.value(every, value), where)

    def value(self, every: list[Any], number: int) -> Any:
        """A new value or an object that is there already, by number."""
        turn, old = f"new {self.turn}", every[number % len(every)]
        makers: tuple[Callable[[], Any], ...] = (
            lambda: old,
            lambda: number % 4,
            lambda: None,
            lambda: f"text {number % 3}",
            lambda: old,
            lambda: [1, old, 1],
            lambda: {"old": old, "n": number % 5},
            lambda: Thing(turn, old),
            lambda: Slotted(turn, old),
            lambda: Record(turn, old, [old]),
            lambda: Frozen(turn, old),
            lambda: (number % 3, old, Thing(turn)),
            lambda: {number % 3, "member"},
            lambda: {Thing(turn, old)},
            lambda: collections.deque([old, 1], 5),
            lambda: collections.OrderedDict(b=old, a=1),
            lambda: counter(old),
            lambda: Thing(turn, old).tell,
            lambda: functools.partial(keep, old),
            lambda: Colour.GREEN,
            lambda: bytearray(b"new"),
            lambda: 1.5,
            lambda: frozenset({1, number % 7}),
            lambda: OwnDict(turn),
            lambda: OwnList(turn),
        )
        return makers[number % len(makers)]()


_Held = (Part, Thing, Slotted, Record, OwnDict, OwnList)
_Listed = (list, collections.deque)


def _set(_: World, target: Any, value: Any, where: int) -> None:
    names = ["content", "other"] if isinstance(target, Slotted) else ["content", "extra", "things"]
    setattr(target, names[where % len(names)], value)


def _delete(_: World, target: Any, value: Any, where: int) -> None:
    for name in ("extra", "other", "content"):
        if name in getattr(target, "__dict__", ("other", "content")) and hasattr(target, name):
            delattr(target, name)
            return


def _put(_: World, target: Any, value: Any, where: int) -> None:
    keys = ["a", "b", "new", 7, (1, 2), Colour.GREEN, 1, None]
    target[keys[where % len(keys)]] = value


def _take(_: World, target: Any, value: Any, where: int) -> None:
    if target:
        del target[list(target)[where % len(target)]]


def _again(_: World, target: Any, value: Any, where: int) -> None:
    """A key goes and comes again: it is the last one then."""
    if target:
        key = list(target)[where % len(target)]
        target[key] = target.pop(key)


def _append(_: World, target: Any, value: Any, where: int) -> None:
    target.append(value)


def _insert(_: World, target: Any, value: Any, where: int) -> None:
    if getattr(target, "maxlen", None) != len(target):
        target.insert(where % (len(target) + 1), value)


def _replace(_: World, target: Any, value: Any, where: int) -> None:
    if target:
        target[where % len(target)] = value


def _reverse(_: World, target: Any, value: Any, where: int) -> None:
    target.reverse()


def _rotate(_: World, target: Any, value: Any, where: int) -> None:
    if target:
        target.append(target.pop() if where % 2 else target[0])


def _clear(_: World, target: Any, value: Any, where: int) -> None:
    target.clear()


def _add(_: World, target: Any, value: Any, where: int) -> None:
    target.add(where % 6)


def _discard(_: World, target: Any, value: Any, where: int) -> None:
    target.discard(where % 4)


def _bytes(_: World, target: Any, value: Any, where: int) -> None:
    target.extend(bytes([where % 256]))


def _cell(_: World, target: Any, value: Any, where: int) -> None:
    target.cell_contents = value


def _client(world: World, target: Any, value: Any, where: int) -> None:
    target.clients[f"client {world.turn}"] = value


def _add_service(world: World, target: Any, value: Any, where: int) -> None:
    service = Part(f"added {world.turn}")
    service.content = value
    service.setServiceParent(target)


def _remove_service(_: World, target: Any, value: Any, where: int) -> None:
    if target.parent is not None:
        target.disownServiceParent()


def _move_service(_: World, target: Any, value: Any, where: int) -> None:
    is_fit = isinstance(value, Part) and not _is_below(value, target) and target.name not in value.namedServices
    if is_fit and target.parent is not None:
        target.disownServiceParent()
        target.setServiceParent(value)


def _is_below(service: Any, other: Any) -> bool:
    while service is not None and service is not other:
        service = service.parent
    return service is other


def _rename_service(world: World, target: Any, value: Any, where: int) -> None:
    parent = target.parent
    if parent is not None:
        target.disownServiceParent()
        target.setName(f"renamed {world.turn}")
        target.setServiceParent(parent)


OPERATIONS: dict[str, tuple[Any, Callable[[World, Any, Any, int], None]]] = {
    "set": (_Held, _set),
    "delete": (_Held[1:], _delete),
    "put": (dict, _put),
    "take": (dict, _take),
    "again": (dict, _again),
    "append": (_Listed, _append),
    "insert": (_Listed, _insert),
    "replace": (_Listed, _replace),
    "reverse": (_Listed, _reverse),
    "rotate": (_Listed, _rotate),
    "clear": ((*_Listed, dict, set), _clear),
    "add": (set, _add),
    "discard": (set, _discard),
    "bytes": (bytearray, _bytes),
    "cell": (CellType, _cell),
    "client": (Part, _client),
    "add a service": (Part, _add_service),
    "remove a service": (Part, _remove_service),
    "move a service": (Part, _move_service),
    "rename a service": (Part, _rename_service),
}
"""By name: to which kinds it is done, and how."""
