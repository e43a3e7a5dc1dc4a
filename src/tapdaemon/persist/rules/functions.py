"""Functions that no global name leads to: lambdas, closures, wrapped originals; by module, name and digest of the code.

The law: what is loaded has the code that was saved, or nothing is loaded.  The code comes from the module again, so no
byte code is in a tap and another Python can load it.  A cell is an object of its own in the payload, so that functions
which share a variable go on sharing it.  Annotations, which no call reads, are not kept.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_ATTRIBUTES = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__")
"""What a function has beside its code and its dictionary, and may have from elsewhere."""


class NoNameError(Exception):
    """A function that could not be found again: the reason, and what to do."""

    def __init__(self, function: types.FunctionType, reason: str) -> None:
        code = function.__code__
        super().__init__(
            f"{describe(function)} ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}) {reason}; "
            "define it with def at the top level of a module"
        )


class OtherFunctionError(AttributeError):
    """The function that was saved is not in its module: the text says why."""


def describe(function: types.FunctionType) -> str:
    return "a lambda" if function.__name__ == "<lambda>" else f"function {function.__qualname__}"


def reduce_function(function: types.FunctionType) -> Any:
    """A reduction of a function; NotImplemented where Python's own way, by global name, finds it.

    :raises NoNameError: neither a global name nor a source leads to it.
    """
    if has_global_name(function):
        return NotImplemented
    place = _source_name(function)
    made = types.FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    given = {name: getattr(function, name) for name in _ATTRIBUTES}
    state = {name: value for name, value in given.items() if value is not getattr(made, name)}, function.__dict__
    reduction = local_function, (*place, function.__closure__ or ())
    return (*reduction, state, None, None, set_local_function) if any(state) else reduction


def has_global_name(function: types.FunctionType) -> bool:
    """Whether its module and qualified name lead to that very function."""
    module = sys.modules.get(function.__module__ or "")
    if module is None or function.__module__ == "__main__" or "<" in function.__qualname__:
        return False
    found: Any = module
    for name in function.__qualname__.split("."):
        found = _named(found, name)
    return found is function


def is_bound(function: Any) -> bool:
    """Whether a method of an object has that object with it."""
    return not isinstance(getattr(function, "__self__", None), (types.NoneType, types.ModuleType))


def module_of(method: Any) -> types.ModuleType | None:
    """The module that has a bound method under its name: so `random` has those of its generator, as functions."""
    names = getattr(method, "__module__", None), type(method.__self__).__module__
    homes = [sys.modules[name] for name in names if name in sys.modules]
    return next((home for home in homes if vars(home).get(getattr(method, "__name__", "")) is method), None)


def _named(owner: Any, name: str) -> Any:
    """What a module or a class has under a name; no descriptor of somebody's is asked."""
    homes = owner.__mro__ if isinstance(owner, type) else (owner,)
    found = next((vars(home)[name] for home in homes if name in getattr(home, "__dict__", ())), None)
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


def _source_name(function: types.FunctionType) -> tuple[str, str, str]:
    """Module, qualified name and digest."""
    module = function.__globals__.get("__name__")
    if module == "__main__":
        raise NoNameError(function, "lives in the program that was started, not in a module")
    if module not in sys.modules:
        raise NoNameError(function, "has no name to be saved by")
    from tapdaemon.persist.rules import digests

    home = digests.functions_of(module)
    if home is None:
        raise NoNameError(function, f"has no source: {module} is not imported from any")
    code = home.same(function.__code__)
    if code is None:
        raise NoNameError(function, f"is not in the source of {module}: it was made or changed since")
    digest = home.digest(code)
    if digest is None:
        raise NoNameError(function, "cannot be told from others on its line")
    return module, digests.plain_name(code), digest


def local_function(module: str, qualname: str, digest: str, cells: tuple[types.CellType, ...]) -> types.FunctionType:
    """The function of that name and digest, over these cells; which may be filled later, for they may hold it.

    :raises OtherFunctionError: the module does not have it.
    """
    home = importlib.import_module(module)
    from tapdaemon.persist.rules import digests

    functions = digests.functions_of(module)
    if functions is None:
        raise OtherFunctionError(f"module {module} has no source here, and function {qualname} is found by its source")
    namesakes = functions.named(qualname)
    if not namesakes:
        raise OtherFunctionError(f"module {module} has no function {qualname} any more")
    code = next((one for one in namesakes if functions.digest(one) == digest), None)
    if code is None:
        raise OtherFunctionError(
            f"function {qualname} of module {module} is not the one that was saved (its code changed)"
        )
    return types.FunctionType(code, vars(home), closure=cells or None)


def set_local_function(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    given, own = state
    for name in _ATTRIBUTES:
        if name in given:
            setattr(function, name, given[name])
    function.__dict__.update(own)


def reduce_cell(cell: types.CellType) -> Any:
    """A reduction of a cell; its content follows it, for that may be a function over this very cell."""
    try:
        state = (cell.cell_contents,)
    except ValueError:  # it is empty
        return new_cell, ()
    return new_cell, (), state, None, None, set_cell


def new_cell() -> types.CellType:
    return types.CellType()


def set_cell(cell: types.CellType, state: tuple[Any]) -> None:
    (cell.cell_contents,) = state
