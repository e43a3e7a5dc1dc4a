"""Finds the objects of another base at the places of a table: of the same recipe, of newer code, of another Twisted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tapdaemon.persist.rules.rebuild import Mark
from tapdaemon.persist.state.kinds import qualified
from tapdaemon.persist.state.objects import Part, parts
from tapdaemon.persist.state.places import children, is_collection
from tapdaemon.persist.state.steps import FOLLOW, GONE, LISTED, ROOT, Entry, Step


def resolve(entries: Sequence[Entry], application: Any, *, is_same: bool = False) -> list[Any]:
    """The objects of another base at the places of a table; `Missing` where a step leads nowhere.

    :param entries: as a change set has them.
    :param is_same: whether the base is made by the very same recipe.  Then a key that is not there was drawn by chance,
        and what stood under it is found by its class and its turn among the keys that are new.
    """
    found: list[Any] = []
    turns, listed = _Turns(entries) if is_same else None, _Listed()
    for number, (parent, step, kind) in enumerate(entries):
        holder = application if parent == ROOT else found[parent]
        if isinstance(holder, Missing):
            found.append(Missing(number))
            continue
        try:
            value = listed.find(parent, holder, step, kind) if step[0] in LISTED else FOLLOW[step[0]](holder, step[1])
        except GONE:
            value = Missing(number) if turns is None else turns.find(number, holder)
        found.append(value)
    return found


def _kind(value: Any) -> str:
    return qualified(type(value))


class _Listed:
    """Finds what steps by number lead to, where the class is the same still.

    The steps from one holder follow one another: it is listed once for all of them.
    """

    def __init__(self) -> None:
        self._parent = ROOT
        self._lists: dict[str, list[Any]] = {}

    def find(self, parent: int, holder: Any, step: Step, kind: str) -> Any:
        if parent != self._parent:
            self._parent, self._lists = parent, {}
        if step[0] not in self._lists:
            self._lists[step[0]] = LISTED[step[0]](holder)
        value = self._lists[step[0]][step[1]]
        if _kind(value) != kind:
            raise LookupError(step)
        return value


class _Turns:
    """Finds what stands under a key that was drawn by chance."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._siblings: dict[tuple[int, str], list[int]] = {}
        for number, (parent, step, _) in enumerate(entries):
            if step[0] in ("item", "service"):
                self._siblings.setdefault((parent, step[0]), []).append(number)

    def find(self, number: int, holder: Any) -> Any:
        parent, step, kind = self._entries[number]
        siblings = self._siblings.get((parent, step[0]), [])
        known = {self._entries[one].step[1] for one in siblings}
        found = [part for part in (*_children_of(holder), *parts(holder)) if part.step[0] == step[0]]
        there = {part.step[1] for part in found}
        ours = [one for one in siblings if self._entries[one].kind == kind and self._entries[one].step[1] not in there]
        theirs = [part.value for part in found if part.step[1] not in known and _kind(part.value) == kind]
        return theirs[ours.index(number)] if len(ours) == len(theirs) and number in ours else Missing(number)


def _children_of(holder: Any) -> Iterator[Part]:
    return children(holder) if is_collection(type(holder)) else iter(())


class Missing(Mark):
    """Stands for an object of the older base that the newer one does not have.

    :param number: of its place.
    """

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number
