"""Functions that no global name leads to: lambdas, closures, wrapped originals; by their place in a module's source.

A local function is saved as module, qualified name and which of its namesakes it is, with its cells; its code comes
from the module again, so no byte code is in a tap and another Python can load it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

from tapdaemon.persist.rules import gate

_EMPTY = "tapdaemon: an empty cell"


class NoNameError(Exception):
    """A function that cannot be found again: the reason, and what to do."""

    def __init__(self, function: types.FunctionType, reason: str) -> None:
        code = function.__code__
        super().__init__(
            f"{describe(function)} ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}) {reason}; "
            "define it with def at the top level of a module"
        )


def describe(function: types.FunctionType) -> str:
    return "a lambda" if function.__name__ == "<lambda>" else f"function {function.__qualname__}"


def reduce_function(function: types.FunctionType) -> Any:
    """A reduction of a function; NotImplemented where Python's own way, by global name, finds it."""
    if _by_global_name(function):
        return NotImplemented
    code = function.__code__
    module = function.__globals__.get("__name__", "")
    if module == "__main__":
        raise NoNameError(function, "lives in the program that was started, not in a module")
    namesakes = list(_namesakes(module, code.co_qualname))
    index = next((number for number, other in enumerate(namesakes) if other == code), None)
    if index is None:
        raise NoNameError(function, "has no name to be saved by" if not namesakes else "is not what its source says")
    state = (
        tuple(_content(cell) for cell in function.__closure__ or ()),
        function.__defaults__,
        function.__kwdefaults__,
        function.__dict__,
        function.__name__,
        function.__qualname__,
    )
    return local_function, (module, code.co_qualname, index), state, None, None, set_local_function


def _by_global_name(function: types.FunctionType) -> bool:
    module = sys.modules.get(function.__module__ or "")
    if module is None or function.__module__ == "__main__" or "<" in function.__qualname__:
        return False
    found: Any = module
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def local_function(module: str, qualname: str, index: int) -> types.FunctionType:
    """The function at that place, with cells that are filled once they are loaded (they may hold it)."""
    gate.check_module(module, qualname)
    home = importlib.import_module(module)
    namesakes = list(_namesakes(module, qualname))
    if index >= len(namesakes):
        raise AttributeError(f"module {module!r} has no function {qualname!r} any more")
    code = namesakes[index]
    cells = tuple(types.CellType() for _ in code.co_freevars)
    return types.FunctionType(code, vars(home), closure=cells)


def set_local_function(function: types.FunctionType, state: tuple[Any, ...]) -> None:
    cells, defaults, keyword_defaults, attributes, name, qualname = state
    for cell, content in zip(function.__closure__ or (), cells, strict=True):
        if not isinstance(content, str) or content != _EMPTY:  # no __eq__ of a stranger's, half loaded as it may be
            cell.cell_contents = content
    function.__defaults__ = defaults
    function.__kwdefaults__ = keyword_defaults
    function.__dict__.update(attributes)
    function.__name__, function.__qualname__ = name, qualname


def _namesakes(module: str, qualname: str) -> Iterator[types.CodeType]:
    """Every code object of that qualified name in a module, in order of its source."""
    code = _module_code(module)
    if code is not None:
        yield from (found for found in _nested(code) if found.co_qualname == qualname)


@cache
def _module_code(module: str) -> types.CodeType | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    get_code = getattr(spec.loader, "get_code", None) if spec is not None else None
    return get_code(module) if get_code is not None else None


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)
