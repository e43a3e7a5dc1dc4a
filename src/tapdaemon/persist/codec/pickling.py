"""Objects as pickles, protocol 5 at C speed: what Python cannot save is saved by rule, or left out and named.

The law: an object that cannot be saved never fails the whole.  It is left out, a mark stands in its place, and it is
told with its reason.  Objects that the loading side has already (those of the base) are references: both sides agree
on their numbers, and the pickler's memo has them.

A payload is one pickle after another over one memo.  Where a graph is too deep for the C pickler, objects come first
and their states follow, in pickles of their own.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from tapdaemon.errors import FOREIGN
from tapdaemon.persist.codec.plain import answers_for_all, is_objects, is_plain, unfit, words_of
from tapdaemon.persist.codec.unpickling import STATES
from tapdaemon.persist.rules import live, rebuild
from tapdaemon.persist.rules.functions import reduce_function
from tapdaemon.persist.rules.references import check_class, rule_for

PROTOCOL = 5
_DEEP = 10**6
"""Frames of Python that the last way may take: each costs half a kilobyte of memory, and none the stack of C."""


class Left(NamedTuple):
    """An object that was left out.

    :param is_live: whether it belongs to the process, so that nothing is wrong with leaving it out.
    """

    value: Any
    reason: str
    is_live: bool = False


class Dumped(NamedTuple):
    """What was saved.

    :param modules: that loading will import.
    :param left: what was left out.
    :param failed: the numbers of roots that could not be saved at all, with the reason.
    """

    payload: bytes
    modules: frozenset[str]
    left: tuple[Left, ...] = ()
    failed: Mapping[int, str] = {}


Watch = Callable[[Any], None]
_Plan = Callable[[Any], Any]


class _Plans(dict[type, "_Plan | None"]):
    """How objects of each class are saved, worked out once."""

    def __init__(self, plan: Callable[[type], _Plan | None]) -> None:
        super().__init__()
        self._plan = plan

    def __missing__(self, kind: type) -> _Plan | None:
        plan = self[kind] = self._plan(kind)
        return plan


class _Rules:
    """What a pickler asks of each object that is no plain container; mixed into the picklers of C and of Python."""

    modules: set[str]
    reducer_override: Callable[[Any], Any]

    def begin(self, mark: Callable[[], Any], refused: Mapping[int, str], watch: Watch, *, is_deferred: bool) -> None:
        """Begin a save.

        :param mark: the function of `rebuild` that stands for what was left out.
        :param refused: objects, by identity, that broke an earlier try, with the reason.
        :param watch: told each object before code of its own is asked for its state.
        :param is_deferred: whether states follow later.
        """
        self.mark, self.refused, self.watch, self.is_deferred = mark, refused, watch, is_deferred
        self.modules = set()
        self.left: dict[int, Left] = {}
        self.later: list[tuple[Any, ...]] = []
        self.current: Any = None
        plans = _Plans(self._plan)
        plans.update(dict.fromkeys(_OWN_WAY))

        def reducer_override(value: Any) -> Any:
            """Called for every object that is no plain container: one look-up for most."""
            plan = plans[type(value)]
            return NotImplemented if plan is None else self._reduced(value, plan)

        self.reducer_override = reducer_override

    def _reduced(self, value: Any, plan: _Plan) -> Any:
        self.current = value
        if id(value) in self.refused:
            return self._leave(value, self.refused[id(value)])
        reduction = plan(value)
        return self._deferred(value, reduction) if self.is_deferred else reduction

    def _plan(self, kind: type) -> _Plan | None:
        """How objects of a class are saved; None where Python's own way is right and cannot fail."""
        if issubclass(kind, type) or kind is FunctionType:
            return self._class if issubclass(kind, type) else self._function
        reason = unfit(kind)
        if reason:
            return lambda value: self._leave(value, reason)
        rule = rule_for(kind)
        if rule is not None or live.may_be_live(kind):
            return lambda value: self._by_rule(value, rule)
        if answers_for_all(kind) and not hasattr(kind, "__setstate__"):
            return self._past
        if self.is_deferred or self.refused or not is_plain(kind):
            return self._asked
        return None

    def _past(self, value: Any) -> Any:
        """For an object whose __getattr__ an unpickler would ask, when it has no attributes yet."""
        reduction = self._asked(value)
        if not isinstance(reduction, tuple) or len(reduction) < 3:  # noqa: PLR2004 - with a state
            return reduction
        function, arguments, state, listed, mapped, setter = (*reduction, None, None, None)[:6]
        return function, arguments, state, listed, mapped, setter or rebuild.set_attributes

    def _class(self, value: type) -> Any:
        try:
            reduction = check_class(value)
            self.modules.add(value.__module__ or "builtins")
        except Exception as error:  # noqa: BLE001 - the reason that is told
            return self._leave(value, words_of(error))
        return reduction

    def _function(self, value: FunctionType) -> Any:
        try:
            reduction = reduce_function(value)
        except Exception as error:  # noqa: BLE001 - the reason that is told
            return self._leave(value, words_of(error))
        # Where its code is, whatever its __module__ says.
        self.modules.add(value.__module__ or "builtins" if reduction is NotImplemented else reduction[1][0])
        return reduction

    def _by_rule(self, value: Any, rule: Callable[[Any], Any] | None) -> Any:
        if live.is_live(value):
            self.left.setdefault(id(value), Left(value, "it belongs to the process", is_live=True))
            return self.mark, ()
        try:
            reduction = NotImplemented if rule is None else rule(value)
            if reduction is NotImplemented:
                reduction = live.reduction(value)
            if reduction is not NotImplemented and live.rule_of(type(value)).resumed is not None:
                reduction = rebuild.noting(reduction)
        except FOREIGN as error:
            return self._leave(value, words_of(error))
        return self._asked(value) if reduction is NotImplemented else reduction

    def _asked(self, value: Any) -> Any:
        """The object's own reduction, which may run code of the application's."""
        self.watch(value)
        try:
            registered = copyreg.dispatch_table.get(type(value))
            return value.__reduce_ex__(PROTOCOL) if registered is None else registered(value)
        except RecursionError:
            return self._leave(value, "saving it recurses without end")
        except FOREIGN as error:
            return self._leave(value, words_of(error))

    def _leave(self, value: Any, reason: str) -> Any:
        self.left.setdefault(id(value), Left(value, reason))
        return self.mark, ()

    def _deferred(self, value: Any, reduction: Any) -> Any:
        """The object alone; its state, which may lead deep, follows."""
        if not isinstance(reduction, tuple) or len(reduction) < 3 or not is_objects(type(value), "__hash__"):  # noqa: PLR2004 - function, arguments, state
            return reduction
        function, arguments, *rest = reduction
        state, listed, mapped, setter = (*rest, None, None, None, None)[:4]
        self.later.append((
            value,
            state,
            None if listed is None else list(listed),
            None if mapped is None else list(mapped),
            setter,
        ))  # fmt: skip
        return function, arguments


class _Fast(_Rules, pickle.Pickler):
    """At C's speed, and as deep as its stack allows."""


class _Deep(_Rules, pickle._Pickler):  # noqa: SLF001 - the library's own, in Python
    """Slow, and as deep as memory allows."""


_OWN_WAY = frozenset(
    {type(None), bool, int, float, bytes, str, bytearray, tuple, list, dict, set, frozenset, pickle.PickleBuffer}
)


class _Way(NamedTuple):
    pickler: type[Any]
    is_deferred: bool


_WAYS = (_Way(_Fast, is_deferred=False), _Way(_Fast, is_deferred=True), _Way(_Deep, is_deferred=True))
"""Each goes deeper than the one before, and is slower."""


def dump(
    roots: Sequence[Any],
    *,
    known: Sequence[Any] = (),
    mark: Callable[[], Any] = rebuild.nothing,
    watch: Watch = lambda _: None,
    refused: Mapping[int, str] | None = None,
) -> Dumped:
    """Save roots, each as a pickle of its own over one memo.

    :param known: objects that the loading side has; `load` is given as many, in the same order.
    :param mark: the function of `rebuild` that is called in place of what was left out.
    :param watch: told each object before code of its own is asked for its state.
    :param refused: objects, by identity, that are not tried, with the reason.
    """
    limit = sys.getrecursionlimit()
    try:
        return _dumped(roots, known, mark, dict(refused or {}), watch)
    finally:
        sys.setrecursionlimit(limit)


def _dumped(
    roots: Sequence[Any], known: Sequence[Any], mark: Callable[[], Any], refuse: dict[int, str], watch: Watch
) -> Dumped:
    failed: dict[int, str] = {}
    ways = list(_WAYS)
    while True:
        pickler, buffer = _pickler(ways[0], known, mark, refuse, watch)
        number = 0
        try:
            for number, root in enumerate(roots):
                if number not in failed:
                    pickler.dump(root)
                    _dump_later(pickler)
        except RecursionError:
            if len(ways) > 1:
                ways.pop(0)
                continue
            failed[number] = "it is nested too deeply"
        except Exception as error:  # noqa: BLE001 - whatever a reduction leads to, the rest is saved
            culprit = pickler.current
            if culprit is None or id(culprit) in refuse:
                failed[number] = words_of(error)
            else:
                refuse[id(culprit)] = words_of(error)
        else:
            return Dumped(buffer.getvalue(), frozenset(pickler.modules), tuple(pickler.left.values()), failed)


def _pickler(
    way: _Way, known: Sequence[Any], mark: Callable[[], Any], refused: Mapping[int, str], watch: Watch
) -> tuple[Any, io.BytesIO]:
    buffer = io.BytesIO()
    pickler = way.pickler(buffer, PROTOCOL)
    pickler.begin(mark, refused, watch, is_deferred=way.is_deferred)
    if known:
        pickler.memo = {id(value): (number, value) for number, value in enumerate(known)}
        buffer.write(_prologue(len(known)))
    if way.pickler is _Deep:
        sys.setrecursionlimit(_DEEP)
    return pickler, buffer


def _prologue(count: int) -> bytes:
    """A pickle that puts objects of the loading side into its memo: each asked for by its number, noted, and dropped.

    (CPython's Unpickler loses what is set as its `memo`.)
    """
    asked = b"".join(
        (b"K" + number.to_bytes(1, "little") if number < 256 else b"J" + number.to_bytes(4, "little")) + b"Q\x940"  # noqa: PLR2004 - BININT1 has a byte
        for number in range(count)
    )
    return b"\x80\x05" + asked + b"N."


def _dump_later(pickler: Any) -> None:
    while pickler.later:
        later, pickler.later = pickler.later, []
        for start in range(0, len(later), 1000):
            pickler.dump((STATES, later[start : start + 1000]))
