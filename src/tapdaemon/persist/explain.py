"""Says which objects cannot be saved, all of them at once, each by its way through the tree; it saves nothing itself.

It follows the same rules as the pickler, so it asks what the pickler asked.  It runs only after a save failed.
"""

from __future__ import annotations

import copyreg
import pickle
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tapdaemon.core.tree import qualified, walk
from tapdaemon.persist.rules.functions import NoNameError, reduce_function
from tapdaemon.persist.rules.references import CannotSaveError, check_class, rule_for

_ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, type(Ellipsis), type(NotImplemented))
DEFAULT_REMEDY = "drop it in __getstate__ and make it again in startService"


@dataclass(frozen=True)
class _Step:
    """An object on its way: `path` is the service's, `way` the attributes from there."""

    value: Any
    path: str
    way: str


def unsavable(application: Any, reduction: Callable[[Any], Any] | None = None) -> list[str]:
    """One line for each object that cannot be saved: path → way: type: reason; remedy.

    :param reduction: what is asked of each object in place of our own rules.
    """
    reduced = reduction or _reduction
    services = list(walk(application))
    ours = {id(node.service) for node in services}
    seen: set[int] = set()
    keep: list[Any] = []  # what reductions made on the way stays alive, so that ids stay true
    lines: list[str] = []
    for node in [*services]:
        stack = [_Step(node.service, node.path, "")]
        while stack and len(keep) < 10_000_000:  # noqa: PLR2004 - a graph that makes new objects without end
            step = stack.pop()
            if id(step.value) in seen or (step.way and id(step.value) in ours):
                continue
            seen.add(id(step.value))
            keep.append(step.value)
            try:
                stack.extend(reversed(list(_children(step, reduced))))
            except Exception as error:  # noqa: BLE001 - whatever a __getstate__ raises is the reason to show
                lines.append(_line(step, error))
    return lines


def _children(step: _Step, reduced: Callable[[Any], Any]) -> Iterator[_Step]:
    value, kind = step.value, type(step.value)
    if kind in _ATOMS:
        return
    if kind in (list, tuple, set, frozenset):
        for index, item in enumerate(value):
            yield _Step(item, step.path, f"{step.way}[{index}]")
    elif kind is dict:
        for key, item in value.items():
            yield _Step(key, step.path, f"{step.way}{{key}}")
            yield _Step(item, step.path, f"{step.way}[{_brief(key)}]")
    else:
        yield from _parts(step, reduced(value))


def stock_reduction(value: Any) -> Any:
    """What a pickle without rules asks of an object, in the protocol that `twisted.persisted.sob` writes."""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        pickle.dumps(value, 2)
        return ""
    registered = copyreg.dispatch_table.get(type(value))
    return registered(value) if registered is not None else value.__reduce_ex__(2)


def _reduction(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, type):
        check_class(value)
        return ""
    rule = reduce_function if isinstance(value, types.FunctionType) else rule_for(kind)
    reduction = NotImplemented if rule is None else rule(value)
    if reduction is not NotImplemented:
        return reduction
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        return ""
    registered = copyreg.dispatch_table.get(kind)
    return registered(value) if registered is not None else value.__reduce_ex__(5)


def _parts(step: _Step, reduction: Any) -> Iterator[_Step]:
    if isinstance(reduction, str):
        return
    _, arguments, state, listed, mapped = (*reduction, None, None, None)[:5]
    for argument in arguments:
        yield _Step(argument, step.path, step.way)
    for part in state if isinstance(state, tuple) else (state,):
        if type(part) is dict:
            for name, item in part.items():
                yield _Step(item, step.path, f"{step.way}.{name}" if step.way else f"{name}")
        elif part is not None:
            yield _Step(part, step.path, step.way)
    for index, item in enumerate(listed or ()):
        yield _Step(item, step.path, f"{step.way}[{index}]")
    for key, item in mapped or ():
        yield _Step(item, step.path, f"{step.way}[{_brief(key)}]")


def _line(step: _Step, error: Exception) -> str:
    way = f"{step.path} → {step.way}" if step.way else step.path
    if isinstance(error, NoNameError):
        return f"{way}: {error}"
    what = str(error) if isinstance(error, CannotSaveError) else f"{_first(error)}; {DEFAULT_REMEDY}"
    return f"{way}: {qualified(type(step.value))}: {what}"


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _brief(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - what fits a line
