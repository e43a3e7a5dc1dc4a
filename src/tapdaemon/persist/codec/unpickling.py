"""Pickles as objects again: names are looked up, known objects asked for by number, states that came later are set.

What to do for a name that leads nowhere and for a call that fails is the caller's to say: a change set can do without.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tapdaemon.errors import FOREIGN, TapError

STATES = "states"
"""The first item of a pickle that holds the states of objects that came before."""
Lost = Callable[[str, str, BaseException], Any]
"""Told a name that leads nowhere and why; returns what stands in its place, or raises."""
Broken = Callable[[Any, BaseException], Any]
"""Told what was called and how it failed; returns what stands in the place of its result."""


class Unpickler(pickle.Unpickler):
    """Looks up the names of a payload.

    :param lost: see `Lost`.
    :param known: objects that are asked for by number.
    """

    def __init__(self, file: io.BytesIO, lost: Lost, known: Sequence[Any] = ()) -> None:
        super().__init__(file)
        self._lost, self._known = lost, known

    def persistent_load(self, number: int) -> Any:
        return self._known[number]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except TapError:
            raise
        except FOREIGN as error:
            return self._lost(module, name, error)


_Python: Any = pickle._Unpickler  # noqa: SLF001 - the library's own, in Python, whose inside has no types


_FILLING = (pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS, pickle.ADDITEMS)


def _filling(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """An instruction that fills the container on top of the stack, which may refuse what it is given."""

    def patient(unpickler: Any) -> None:
        try:
            load(unpickler)
        except FOREIGN as error:
            unpickler._broken(type(unpickler.stack[-1]), error)  # noqa: SLF001 - a method of it, in all but place

    return patient


class _Patient(_Python):  # type: ignore[misc]  # the same
    """Slow, and stopped by no call that fails.

    :param broken: told what was called, and how it failed; returns what stands in its place.
    """

    persistent_load = Unpickler.persistent_load

    def __init__(
        self,
        file: io.BytesIO,
        lost: Lost,
        known: Sequence[Any],
        broken: Broken,
    ) -> None:
        super().__init__(file)
        self._lost, self._known, self._broken = lost, known, broken

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except FOREIGN as error:
            return self._lost(module, name, error)

    def _called(self, function: Any, call: Callable[[], Any]) -> None:
        try:
            self.append(call())
        except FOREIGN as error:
            self.append(self._broken(function, error))

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._called(function, lambda: function(*arguments))

    def load_newobj(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self._called(kind, lambda: kind.__new__(kind, *arguments))

    def load_newobj_ex(self) -> None:
        keywords, arguments, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self._called(kind, lambda: kind.__new__(kind, *arguments, **keywords))

    def load_build(self) -> None:
        state = self.stack.pop()
        try:
            set_state(self.stack[-1], state, None, None, None)
        except FOREIGN as error:
            self._broken(type(self.stack[-1]), error)

    dispatch = dict(_Python.dispatch)  # noqa: RUF012 - as the library has it
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build
    dispatch |= {code[0]: _filling(_Python.dispatch[code[0]]) for code in _FILLING}


def load(
    payload: bytes,
    lost: Lost,
    known: Sequence[Any] = (),
    broken: Broken | None = None,
) -> list[Any]:
    """The roots of a payload.  Runs code: the caller has checked who wrote it.

    :param lost: see `Unpickler`.
    :param known: as `dump` was given them, or their counterparts.
    :param broken: told what was called, and how it failed, when a call fails; without it the failure is the caller's.
    """
    if broken is None:
        return _roots(Unpickler(stream := io.BytesIO(payload), lost, known), stream, known)
    return _roots(_Patient(stream := io.BytesIO(payload), lost, known, broken), stream, known)


def _roots(unpickler: Any, stream: io.BytesIO, known: Sequence[Any]) -> list[Any]:
    size = len(stream.getbuffer())
    if known:
        unpickler.load()  # the prologue
    roots = []
    while stream.tell() < size:
        root = unpickler.load()
        if type(root) is tuple and root and root[0] == STATES:
            for later in root[1]:
                set_state(*later)
        else:
            roots.append(root)
    return roots


def set_state(value: Any, state: Any, listed: Iterable[Any] | None, mapped: Iterable[Any] | None, setter: Any) -> None:
    """Give an object the rest of its reduction, as `pickle` does (`object.__reduce__`)."""
    for part in listed or ():
        value.append(part)
    for key, part in mapped or ():
        value[key] = part
    if setter is not None:
        setter(value, state)
    elif state is not None and hasattr(value, "__setstate__"):
        value.__setstate__(state)
    elif state is not None:
        own, slots = state if type(state) is tuple and len(state) == 2 else (state, None)  # noqa: PLR2004 - as copyreg gives it
        if own:
            vars(value).update(own)
        for name, part in (slots or {}).items():
            object.__setattr__(value, name, part)
