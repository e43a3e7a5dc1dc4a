"""What a pickler asks of each object that is no plain container: how it is saved, or why it is left out."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, NamedTuple

from tapdaemon.errors import FOREIGN
from tapdaemon.persist.codec.plain import answers_for_all, is_objects, is_plain, unfit, words_of
from tapdaemon.persist.rules import live, rebuild
from tapdaemon.persist.rules.functions import reduce_function
from tapdaemon.persist.rules.references import check_class, rule_for

PROTOCOL = 5
_OWN_WAY = frozenset(
    {type(None), bool, int, float, bytes, str, bytearray, tuple, list, dict, set, frozenset, pickle.PickleBuffer}
)


class Left(NamedTuple):
    """An object that was left out.

    :param is_live: whether it belongs to the process, so that nothing is wrong with leaving it out.
    """

    value: Any
    reason: str
    is_live: bool = False


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


class Rules:
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
