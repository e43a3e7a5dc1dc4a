"""Classes that say in their own way how they are made, saved and changed; an object of each tells its state."""

from __future__ import annotations

import collections
import copyreg
import dataclasses

from twisted.persisted import styles


class OwnState:
    """By __getstate__ and __setstate__; `derived` is made again."""

    def __init__(self, number):
        self.number, self.derived = number, number * 2

    def __getstate__(self):
        return {"n": self.number}

    def __setstate__(self, state):
        self.__init__(state["n"])

    def change(self, number):
        self.__init__(number)

    def told(self):
        return self.number, self.derived


class ByCall:
    """By __reduce__."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return ByCall, (self.number,)

    def change(self, number):
        self.number = number

    def told(self):
        return self.number


class Registered(ByCall):
    """By copyreg, which knows more than its __reduce__."""

    __reduce__ = object.__reduce__

    def __init__(self, number, extra="none"):
        super().__init__(number)
        self.extra = extra


copyreg.pickle(Registered, lambda one: (Registered, (one.number, "by copyreg")))


class Slots:
    __slots__ = ("number", "unset")

    def __init__(self, number):
        self.number = number

    def change(self, number):
        self.number = number

    def told(self):
        return self.number, hasattr(self, "unset")


class SlotsAndMore(Slots):
    """Slots and attributes."""

    def change(self, number):
        super().change(number)
        self.more = number

    def told(self):
        return super().told(), self.more


class DictKind(dict):
    def __init__(self, number, needed):
        super().__init__(number=number)
        self.needed = needed

    def __setitem__(self, key, value):
        raise TypeError("change() changes it")

    def change(self, number):
        dict.__setitem__(self, "number", number)
        self.needed = "changed"

    def told(self):
        return dict(self), self.needed


class ListKind(list):
    def __init__(self, number, needed):
        super().__init__([number])
        self.needed = needed

    def change(self, number):
        self.append(number)
        self.needed = "changed"

    def told(self):
        return list(self), self.needed


class SetKind(set):
    def __init__(self, number, needed):
        super().__init__([number])
        self.needed = needed

    def change(self, number):
        self.add(number)
        self.needed = "changed"

    def told(self):
        return set(self), self.needed


class DequeKind(collections.deque):
    def __init__(self, number, needed):
        super().__init__([number], 5)
        self.needed = needed

    def change(self, number):
        self.append(number)
        self.needed = "changed"

    def told(self):
        return list(self), self.maxlen, self.needed


@dataclasses.dataclass(frozen=True)
class Frozen:
    number: int

    def change(self, number):
        object.__setattr__(self, "number", number)

    def told(self):
        return self.number


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots:
    number: int

    def change(self, number):
        object.__setattr__(self, "number", number)

    def told(self):
        return self.number


class Properties:
    """A property over another attribute, that refuses."""

    def __init__(self, number):
        self._number = number

    @property
    def number(self):
        return self._number

    @number.setter
    def number(self, value):
        raise AttributeError("change() changes it")

    def change(self, number):
        self._number = number

    def told(self):
        return self.number


class Guarded:
    """Once whole, it lets nobody set anything."""

    def __init__(self, number):
        self.__dict__["number"] = number

    def __setattr__(self, name, value):
        raise AttributeError("change() changes it")

    def change(self, number):
        self.__dict__["number"] = number

    def told(self):
        return self.number


class OwnError(Exception):
    """An exception whose constructor wants what its args do not have."""

    def __init__(self, number, needed):
        super().__init__(f"{number} and {needed}")
        self.number, self.needed = number, needed

    def change(self, number):
        self.number = number

    def told(self):
        return self.args, self.number, self.needed


class Answering:
    """Answers for attributes that it does not have, by one that it may not have yet."""

    def __init__(self, number):
        self.inner = {"number": number}

    def __getattr__(self, name):
        return self.inner[name]

    def change(self, number):
        self.inner["number"] = number

    def told(self):
        return self.inner


class Aged(styles.Versioned):
    """Of version 1, until a test gives it another."""

    persistenceVersion = 1

    def __init__(self, number):
        self.number = number

    def change(self, number):
        self.number = number

    def told(self):
        return self.number


KINDS = {
    kind.__name__: lambda number, kind=kind, more=more: kind(number, *more)
    for kind, more in [
        *((one, ()) for one in (OwnState, ByCall, Registered, Slots, SlotsAndMore, Frozen, FrozenSlots, Properties)),
        *((one, ()) for one in (Guarded, Answering, Aged)),
        *((one, ("needed",)) for one in (DictKind, ListKind, SetKind, DequeKind, OwnError)),
    ]
}
"""How an object of each is made of a number."""


class IndexedDict(dict):
    """Each item that it takes in changes an attribute; and it has a slot."""

    __slots__ = ("__dict__", "needed")

    def __init__(self, number):
        self.index, self.needed = [], number
        super().__init__()
        self["number"] = number

    def __setitem__(self, key, value):
        self.index.append(key)
        super().__setitem__(key, value)

    def change(self, number):
        self["changed"] = self.needed = number

    def told(self):
        return dict(self), self.index, self.needed


class IndexedOrder(collections.OrderedDict):
    """The same, of a dict that has an order of its own."""

    def __setitem__(self, key, value):
        self.__dict__.setdefault("index", []).append(key)
        super().__setitem__(key, value)

    def change(self, number):
        self["changed"] = number

    def told(self):
        return list(self.items()), vars(self)


class CountedList(list):
    """It counts what is appended."""

    def __init__(self, number):
        self.count = 0
        self.append(number)

    def append(self, value):
        self.count += 1
        super().append(value)

    def change(self, number):
        self.append(number)

    def told(self):
        return list(self), self.count


KINDS |= {kind.__name__: kind for kind in (IndexedDict, CountedList)}
KINDS["IndexedOrder"] = lambda number: IndexedOrder(a=number, b=2)
