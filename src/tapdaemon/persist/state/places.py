"""Names the objects of an application by the first way to each: service names, attributes, keys, indexes.

The law: a place leads to the same object in every process that makes the same base, and to its counterpart in a newer
base as far as the steps still exist there.  Objects behind which no step leads (one of several members of a set) have
no place; they belong to the object that holds them.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.application.service import IService, IServiceCollection

from tapdaemon.core.parent import ParentOptions, become
from tapdaemon.persist.state import objects
from tapdaemon.persist.state.kinds import ATOMS, is_of_values, plan_of, qualified
from tapdaemon.persist.state.objects import Part, attributes, class_attributes, module_attributes, own_classes, parts
from tapdaemon.persist.state.steps import ROOT, Entry, Step
from tapdaemon.tapfile.graph.ways import text


class Places:
    """The objects of a base by number, and the way to each.

    :param application: its root.
    :param modules: names of the application's own modules, whose global names and classes are part of it.
    """

    def __init__(self, application: Any, modules: Iterable[str] = ()) -> None:
        self.modules = frozenset(name for name in modules if name in sys.modules)
        self.objects: list[Any] = []
        self.entries: list[Entry] = []
        self.numbers: dict[int, int] = {}
        self.owned: dict[int, int] = {}
        """Objects without a place, by identity: the number of the object that holds them."""
        self.unplaced: list[Any] = []
        root = IService(application)
        name = getattr(root, "name", None) or type(root).__name__
        self._walk([(("root", name), root), (("application", None), application)])
        # What the services lead to has its place from there.
        self._walk([
            *((("module", name), sys.modules[name]) for name in sorted(self.modules)),
            *((("class", f"{kind.__module__}:{kind.__qualname__}"), kind) for kind in own_classes(self.modules)),
        ])  # fmt: skip
        self._find_unplaced()

    def _walk(self, roots: Iterable[tuple[Step, Any]]) -> None:
        queue: deque[int] = deque()
        for step, value in roots:
            self._add(ROOT, step, value, queue)
        while queue:
            number = queue.popleft()
            value = self.objects[number]
            if plan_of(type(value)).is_plain and not is_collection(type(value)):
                for name, part in attributes(value).items():
                    if type(part) not in ATOMS:
                        self._add(number, ("attribute", name), part, queue)
                continue
            for step, part in self.parts(value):
                if type(part) not in ATOMS:
                    self._add(number, step, part, queue)

    def _add(self, parent: int, step: Step, value: Any, queue: deque[int]) -> None:
        if id(value) in self.numbers or (parent != ROOT and plan_of(type(value)).is_value):
            return
        if type(value) is ParentOptions:
            become(value)  # an application that holds its maker's options is looked at with the real ones
        number = self.numbers[id(value)] = len(self.objects)
        self.objects.append(value)
        self.entries.append(Entry(parent, step, qualified(type(value))))
        queue.append(number)

    def parts(self, value: Any) -> Iterator[Part]:
        """The parts of an object; of the application's own modules and classes as well."""
        if isinstance(value, type):
            if value.__module__ in self.modules:
                yield from (Part(("attribute", name), part) for name, part in class_attributes(value).items())
        elif type(value) is type(sys):
            if value.__name__ in self.modules:
                yield from (Part(("attribute", name), part) for name, part in module_attributes(value).items())
        else:
            yield from all_parts(value)

    def shallow(self, value: Any, before: objects.Shallow | None = None) -> objects.Shallow:
        """The state of an object, of an own module or class as well.

        :param before: see `objects.shallow`.
        """
        if isinstance(value, type):
            return {"attributes": class_attributes(value)} if value.__module__ in self.modules else {}
        if type(value) is type(sys):
            return {"attributes": module_attributes(value)} if value.__name__ in self.modules else {}
        return objects.shallow(value, before)

    def _find_unplaced(self) -> None:
        """Walk into members that no step leads to, so that a change in one is seen, and told of its holder."""
        stack = [
            (number, member)
            for number, value in enumerate(self.objects)
            for member in _members(value)
            if id(member) not in self.numbers
        ]
        while stack:
            owner, value = stack.pop()
            is_known = id(value) in self.numbers or id(value) in self.owned
            if is_known or plan_of(type(value)).is_leaf or is_of_values(value):
                continue
            self.owned[id(value)] = owner
            self.unplaced.append(value)
            stack += [(owner, part) for _, part in parts(value)]
            stack += [(owner, member) for member in _members(value)]

    def number(self, value: Any) -> int | None:
        return self.numbers.get(id(value))

    def way(self, number: int) -> list[int]:
        """A place and those that lead to it."""
        found = []
        while number != ROOT:
            found.append(number)
            number = self.entries[number].parent
        return found

    def text(self, number: int) -> str:
        """A place as people read it: ``web/http.factory.resource.children['a']``."""
        return text(self.entries, number)


def all_parts(value: Any) -> Iterator[Part]:
    """The parts of an object, a collection's services first: they are found by their names."""
    if is_collection(type(value)):
        yield from children(value)
    yield from parts(value)


def is_collection(kind: type) -> bool:
    found = _COLLECTIONS.get(kind)
    if found is None:
        found = _COLLECTIONS[kind] = bool(IServiceCollection.implementedBy(kind)) and hasattr(kind, "__iter__")
    return found


_COLLECTIONS: dict[type, bool] = {}


def children(collection: Any) -> Iterator[Part]:
    for index, child in enumerate(list(collection)):
        name = getattr(child, "name", None)
        yield Part(("service", name) if name else ("child", (type(child).__qualname__, index)), child)


def _members(value: Any) -> Iterator[Any]:
    facets = plan_of(type(value)).facets
    if "members" in facets:
        yield from set.__iter__(value)
    elif isinstance(value, frozenset):
        yield from frozenset.__iter__(value)
