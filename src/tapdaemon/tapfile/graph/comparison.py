"""Two graphs of inert nodes side by side: what differs, by its way through the service tree.

The law: two objects are compared once; where one stands for two of the other's, that is a difference as well, so no
difference means that both load to equal applications.  Lists are aligned, so that one new entry is one difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from tapdaemon.tapfile.graph import outline
from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place, literal

_ALIGNED = 1000
"""Lists up to this length are aligned; longer ones are compared place by place, for alignment is quadratic."""
_LONG = 200
_Pair = tuple[Any, Any, "Way"]


class Way(NamedTuple):
    """Where something stands: a service's path, and the attributes from there."""

    service: str
    steps: str = ""

    def __str__(self) -> str:
        return self.service + self.steps

    def to(self, step: str) -> Way:
        return self._replace(steps=self.steps + step)


class Difference(NamedTuple):
    """One difference; None where there is nothing on that side.

    :param before: the node in the first graph.
    :param after: the node in the second.
    """

    way: str
    before: Any
    after: Any


NOTHING: Any = object()
"""What stands on the side that has nothing there."""


def differences(first: Sequence[Any], second: Sequence[Any]) -> Iterator[Difference]:
    """What differs between the roots of two graphs, in the order in which the first is read."""
    names = ("application", "states")
    pairs: list[_Pair] = []
    for index in range(max(len(first), len(second))):
        one = first[index] if index < len(first) else NOTHING
        other = second[index] if index < len(second) else NOTHING
        pairs.append((one, other, Way(_root_name(one) if index == 0 else names[min(index, 1)])))
    yield from between(pairs)


def between(pairs: Sequence[tuple[Any, Any, Way]]) -> Iterator[Difference]:
    """What differs between pairs of nodes, each with its way; which object stands for which holds over all of them."""
    walker = _Walker()
    stack = list(reversed(pairs))
    while stack:
        one, other, way = stack.pop()
        found, below = walker.compare(one, other, way)
        if found:
            yield Difference(str(way), one, other)
        stack += reversed(below)


def brief(node: Any) -> str:
    """A node in a few words: a value, a container by its kind and size, an object by its class."""
    if isinstance(node, Made):
        return outline.class_of(node) if node.kind is not None else f"{outline.class_of(node)}(...)"
    if isinstance(node, Group) and node.kind != "bytearray":
        return f"{node.kind} of {len(node.items)}"
    if isinstance(node, Group):
        text = f"bytearray({node.items[0] if node.items else b''!r})"
    else:
        text = str(node) if isinstance(node, (Name, Place)) else literal(node)
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"


def words(node: Any, levels: int = 2) -> str:
    """A node as a line has it: a small container with what is in it, what a function gives back with its arguments.

    :param levels: of containers in containers.
    """
    if isinstance(node, Group) and node.kind in _BRACKETS and levels and len(node.items) <= _FEW:
        opening, closing = _BRACKETS[node.kind]
        pairs = node.items if node.kind == "dict" else [(item,) for item in node.items]
        text = opening + ", ".join(": ".join(words(part, levels - 1) for part in pair) for pair in pairs) + closing
        return text if len(text) <= _LONG else brief(node)
    if isinstance(node, Made) and node.kind is None and str(node.callee).startswith(_RULES) and levels:
        if str(node.callee) in _LEFT_OUT:
            return "(left out)"
        given = node.arguments.items if isinstance(node.arguments, Group) else []
        name = str(node.callee).rpartition(".")[2]
        text = f"{name}({', '.join(words(one, levels - 1) for one in given[:_FEW])})"
        return text if len(text) <= _LONG else f"{name}(...)"
    return brief(node)


_FEW = 8
_BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "dict": ("{", "}"), "set": ("{", "}")}
_RULES = "tapdaemon.persist.rules."
_LEFT_OUT = (f"{_RULES}rebuild.gone", f"{_RULES}rebuild.nothing")


def change(one: Difference) -> str:
    """A difference in a few words."""
    before, after = (None if side is NOTHING else brief(side) for side in (one.before, one.after))
    if before is None or after is None:
        return f"{after} is new" if before is None else f"{before} is gone"
    return f"{before} is {after}" if before != after else f"{before} is shared otherwise"


def _root_name(root: Any) -> str:
    service = outline.top(root)
    return outline.label(service, 0) if service is not None else "application"


class _Walker:
    """Remembers which object stands for which."""

    def __init__(self) -> None:
        self._of_first: dict[int, int] = {}
        self._of_second: dict[int, int] = {}

    def compare(self, one: Any, other: Any, way: Way) -> tuple[bool, list[_Pair]]:
        """Whether two nodes differ by themselves, and what is to be compared below them."""
        if one is NOTHING or other is NOTHING or type(one) is not type(other):
            return True, []
        if isinstance(one, (Name, Place)):
            return str(one) != str(other), []
        if not isinstance(one, (Group, Made)):
            return literal(one) != literal(other), []  # as text: NaN is itself, and -0.0 is not 0.0
        known = self._of_first.get(id(one)), self._of_second.get(id(other))
        if known != (None, None):
            return known != (id(other), id(one)) and _has_identity(one), []
        self._of_first[id(one)], self._of_second[id(other)] = id(other), id(one)
        if isinstance(one, Group):
            return _groups(one, other, way)
        return _objects(one, other, way)


def _has_identity(node: Group | Made) -> bool:
    """Whether it matters that two places have the same one; a reference by name is the same anyway."""
    return node.kind is not None if isinstance(node, Made) else node.kind not in ("tuple", "frozenset")


def _objects(one: Made, other: Made, way: Way) -> tuple[bool, list[_Pair]]:
    if brief(one) != brief(other) or one.new != other.new:
        return True, []
    below: list[_Pair] = [(one.callee, other.callee, way.to(".<class>"))]
    held, held_there = one.attributes, other.attributes
    if len(held) != sum(map(_size, one.states)) or len(held_there) != sum(map(_size, other.states)):
        below += _sequence(one.states, other.states, way, ".<state>")
        held, held_there = {}, {}
    below.append((one.arguments, other.arguments, way.to(".<arguments>")))
    for name in [*held, *(name for name in held_there if name not in held)]:
        pair = held.get(name, NOTHING), held_there.get(name, NOTHING)
        if name == "services" and outline.children(one):
            below += _services(one, other, way)
        elif name == outline.COMPONENTS:
            below += _components(*pair, way)
        else:
            below.append((*pair, way.to(f".{name}")))
    below += _sequence(one.appended, other.appended, way)
    below += _mapping(one.pairs, other.pairs, way)
    below += [(one.keywords, other.keywords, way.to(".<keywords>")), (one.setter, other.setter, way.to(".<setter>"))]
    return False, below


def _size(state: Any) -> int:
    """How many attributes a state sets; one that is no dict of them counts more than it has."""
    if isinstance(state, Group) and state.kind == "tuple":
        return sum(0 if part is None else _size(part) for part in state.items)
    if isinstance(state, Group) and state.kind == "dict":
        return len(state.items)
    return 1 << 30


def _services(one: Made, other: Made, way: Way) -> Iterator[_Pair]:
    """The services of a collection, by their names."""
    first, second = (
        {outline.label(child, index): child for index, child in enumerate(outline.children(node))}
        for node in (one, other)
    )
    for label in [*first, *(label for label in second if label not in first)]:
        yield first.get(label, NOTHING), second.get(label, NOTHING), Way(f"{way.service}/{label}")
    # They are started in their order.
    mine, theirs = ([label for label in labels if label in first and label in second] for labels in (first, second))
    if mine != theirs:
        yield ", ".join(mine), ", ".join(theirs), way.to(".<order>")


def _components(one: Any, other: Any, way: Way) -> Iterator[_Pair]:
    """The parts of an application: its services stand at the root, its process under its interface's name."""
    first, second = outline.dict_of(one), outline.dict_of(other)
    for interface in [*first, *(interface for interface in second if interface not in first)]:
        module, _, name = str(interface).rpartition(".")
        is_tree = module == "twisted.application.service" and name in ("IService", "IServiceCollection")
        yield first.get(interface, NOTHING), second.get(interface, NOTHING), way if is_tree else way.to(f".<{name}>")


def _groups(one: Group, other: Group, way: Way) -> tuple[bool, list[_Pair]]:
    if one.kind != other.kind:
        return True, []
    if one.kind == "bytearray":
        return one.items != other.items, []
    if one.kind == "dict":
        return False, list(_mapping(one.items, other.items, way))
    if one.kind in ("set", "frozenset"):
        return False, list(_unordered(one.items, other.items, way))
    return False, list(_sequence(one.items, other.items, way))


def _mapping(one: Sequence[tuple[Any, Any]], other: Sequence[tuple[Any, Any]], way: Way) -> Iterator[_Pair]:
    first, second = _keyed(one), _keyed(other)
    for key in [*first, *(key for key in second if key not in first)]:
        mine, theirs = first.get(key, (NOTHING, NOTHING)), second.get(key, (NOTHING, NOTHING))
        at = way.to(f"[{_shown(key)}]")
        if isinstance(mine[0], (Group, Made)) and theirs[0] is not NOTHING:
            yield mine[0], theirs[0], at.to(".<key>")
        yield mine[1], theirs[1], at


def _unordered(one: Sequence[Any], other: Sequence[Any], way: Way) -> Iterator[_Pair]:
    first, second = _keyed([(item, item) for item in one]), _keyed([(item, item) for item in other])
    for key in [*first, *(key for key in second if key not in first)]:
        yield first.get(key, (0, NOTHING))[1], second.get(key, (0, NOTHING))[1], way.to(f"[{_shown(key)}]")


_Key = tuple[str, int]
"""What is to be seen of a key, and a number: those that look alike are told apart by their order."""


def _keyed(items: Sequence[tuple[Any, Any]]) -> dict[_Key, tuple[Any, Any]]:
    counts: Counter[str] = Counter()
    found: dict[_Key, tuple[Any, Any]] = {}
    for key, value in items:
        seen = brief(key) if isinstance(key, (Group, Made, Name, Place)) else literal(key)
        counts[seen] += 1
        found[seen, counts[seen]] = key, value
    return found


def _shown(key: _Key) -> str:
    seen, number = key
    text = seen if len(seen) <= _LONG else f"{seen[:_LONG]}... ({len(seen)} characters)"
    return text if number == 1 else f"{text} #{number}"


def _sequence(one: Sequence[Any], other: Sequence[Any], way: Way, label: str = "") -> Iterator[_Pair]:
    """The items of two lists, aligned by what can be seen of each."""
    for mine, theirs in _aligned(one, other):
        item = one[mine] if mine is not None else NOTHING
        against = other[theirs] if theirs is not None else NOTHING
        yield item, against, way.to(f"{label}[{mine if mine is not None else theirs}]")


def _aligned(one: Sequence[Any], other: Sequence[Any]) -> Iterator[tuple[int | None, int | None]]:
    if len(one) == len(other) or max(len(one), len(other)) > _ALIGNED:
        for index in range(max(len(one), len(other))):
            yield index if index < len(one) else None, index if index < len(other) else None
        return
    matcher = SequenceMatcher(None, [*map(brief, one)], [*map(brief, other)], autojunk=False)
    for _, start, end, start_there, end_there in matcher.get_opcodes():
        for step in range(max(end - start, end_there - start_there)):
            mine = start + step if start + step < end else None
            yield mine, start_there + step if start_there + step < end_there else None
