"""What is saved by name rather than by value: the table both styles share, and the rules for Python's own objects.

The law: a rule turns an object into a call that makes it again, as `object.__reduce__` does, or answers
NotImplemented, and then the object is saved as Python saves it.  Rules are found by the names of an object's classes,
so nothing is imported to look for them.  Every callable in a reduction is one of RECONSTRUCTORS.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable
from typing import Any

from tapdaemon.persist.rules import containers, keys, live, rebuild
from tapdaemon.persist.rules import twisted as twisted_rules
from tapdaemon.persist.rules.functions import (
    NoNameError,
    is_bound,
    local_function,
    module_of,
    new_cell,
    reduce_cell,
    reduce_function,
    set_cell,
    set_local_function,
)

Reduction = Any
"""What `object.__reduce__` may return, or NotImplemented."""
Rule = Callable[[Any], Reduction]


class CannotSaveError(Exception):
    """An object that has no value and no name; the reason and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")


def rule_for(kind: type) -> Rule | None:
    """The rule for objects of a class, or None where Python's own way is right."""
    for base in kind.__mro__:
        rule = RULES.get(f"{base.__module__}.{base.__qualname__}")
        if rule is not None:
            return rule
    found = containers.rule_for(kind)
    if found is not None:
        return found
    if twisted_rules.is_endpoint(kind):
        return twisted_rules.described_endpoint
    return live.reduction if live.rule_of(kind).volatile else None


def check_class(kind: type) -> Reduction:
    """NotImplemented, for Python saves classes by name; an error for one that cannot be imported again."""
    if kind.__module__ == "__main__":
        raise CannotSaveError(
            f"class {kind.__qualname__} lives in the program that was started",
            "put it into a module, or make the tap from the file with mktap -y",
        )
    if "<locals>" in kind.__qualname__:
        raise CannotSaveError(
            f"class {kind.__qualname__} is defined inside a function",
            "define it at the top level of its module",
        )
    return NotImplemented


def _method(method: types.MethodType) -> Reduction:
    """By its owner and the name that it has there: a decorator may have given the function another."""
    owner, function = method.__self__, method.__func__
    home = module_of(method)
    if home is not None:
        return rebuild.method, (home, function.__name__)
    name = _attribute(owner, function)
    if name is not None:
        return rebuild.method, (owner, name)
    try:
        reduce_function(function)  # type: ignore[arg-type]  # what has no code has a name, or raises
    except (NoNameError, AttributeError):
        return rebuild.method, (owner, getattr(function, "__name__", ""))  # which loading will miss, and say so
    return rebuild.bound, (function, owner)


def _attribute(owner: Any, function: Any) -> str | None:
    """The name by which an object has a function as its method; None of one that a class of its own overrides."""
    own = getattr(function, "__name__", "")
    bases = (*(owner.__mro__ if isinstance(owner, type) else ()), *type(owner).__mro__)
    likely = ((base, name) for base in bases for name in (own, f"_{base.__name__.lstrip('_')}{own}"))
    others = ((base, name) for base in bases for name in vars(base))
    for base, name in itertools.chain(likely, others):
        if _is(vars(base).get(name), function):
            first = next(vars(one)[name] for one in bases if name in vars(one))
            return name if _is(first, function) else None
    return None


def _is(found: Any, function: Any) -> bool:
    """Whether what a class has is that function, or a classmethod of it."""
    return found is function or getattr(found, "__func__", None) is function


def _builtin(function: Any) -> Reduction:
    """A method of a built-in object, bound; Python's own way is getattr, which no payload may call."""
    if not is_bound(function):
        return NotImplemented
    return rebuild.method, (module_of(function) or function.__self__, function.__name__)


def _module(module: types.ModuleType) -> Reduction:
    return rebuild.module, (module.__name__,)


def _file(file: Any) -> Reduction:
    for name in ("stdin", "stdout", "stderr"):
        if file in (getattr(sys, name), getattr(sys, f"__{name}__")):
            return rebuild.standard_stream, (name,)
    path = getattr(file, "name", None)
    if not isinstance(path, (str, bytes)):
        raise CannotSaveError("an open file without a path", "open it in startService")
    if file.closed:
        raise CannotSaveError(f"a closed file ({path!r})", "set the attribute to None when closing it")
    import os

    # What was opened for writing is appended to: reopening must not empty it.
    mode = file.mode.replace("w", "a").replace("x", "a")
    return rebuild.reopen, (os.path.abspath(path), mode, getattr(file, "encoding", None))


def _sqlite(connection: Any) -> Reduction:
    """A connection by its file and its settings; what was not committed is not kept, as after any end of a process."""
    cursor = connection.cursor()
    cursor.row_factory = None
    path = next((row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"), "")
    if not path:
        raise CannotSaveError("a database in memory has no file", "keep it in a file, or fill it in startService")
    pragmas = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in rebuild.SQLITE_PRAGMAS}
    settings = {name: getattr(connection, name) for name in ("isolation_level", "row_factory", "text_factory")}
    return rebuild.sqlite, (path, pragmas, settings)


def _environ(environ: Any) -> Reduction:
    import os

    return (rebuild.environ, ()) if environ is os.environ else NotImplemented


def _lock(_: Any) -> Reduction:
    return rebuild.lock, ()


def _rlock(_: Any) -> Reduction:
    return rebuild.rlock, ()


def _weak_reference(reference: Any) -> Reduction:
    return rebuild.weak_reference, (reference(),)


def _weak_dict(mapping: Any) -> Reduction:
    return rebuild.new, (type(mapping),), dict(mapping), None, None, rebuild.set_weak_dict


def _weak_set(values: Any) -> Reduction:
    return rebuild.new, (type(values),), list(values), None, None, rebuild.set_weak_set


def _mapping_proxy(proxy: Any) -> Reduction:
    return rebuild.mapping_proxy, (dict(proxy),)


def _method_of_class(method: Any) -> Reduction:
    """``str.lower``: a method of a built-in class, unbound."""
    return rebuild.method, (method.__objclass__, method.__name__)


def _struct(compiled: Any) -> Reduction:
    return rebuild.struct, (compiled.format,)


def _json_decoder(decoder: Any) -> Reduction:
    import json

    names = ("object_hook", "parse_float", "parse_int", "parse_constant", "strict", "object_pairs_hook")
    arguments = {name: getattr(decoder, name) for name in names}
    made = vars(json.JSONDecoder())
    attributes = {name: value for name, value in vars(decoder).items() if name not in made}
    return rebuild.new, (type(decoder),), (arguments, attributes), None, None, rebuild.set_json_decoder


def _system_random(value: Any) -> Reduction:
    """Nothing is inside; its own reduction says that it has no state."""
    return rebuild.new, (type(value),), (vars(value),), None, None, rebuild.set_attributes


def _count(counter: Any) -> Reduction:
    """A counter by what it shows of itself: since Python 3.14 nothing of itertools has a value."""
    import ast

    try:
        return rebuild.count, ast.literal_eval(f"({repr(counter).partition('(')[2][:-1]},)")
    except ValueError:  # of Decimals, say
        return NotImplemented


def _union(kinds: Any) -> Reduction:
    return rebuild.union, (kinds.__args__,)


def _generic(alias: Any) -> Reduction:
    """Its own reduction asks `operator.getitem`, which a payload may not."""
    _, arguments = alias.__reduce__()
    return rebuild.generic, arguments


RULES: dict[str, Rule] = {
    **keys.RULES,
    **twisted_rules.RULES,
    "builtins.function": reduce_function,
    "builtins.cell": reduce_cell,
    "builtins.method": _method,
    "builtins.builtin_function_or_method": _builtin,
    "builtins.method-wrapper": _builtin,
    "builtins.method_descriptor": _method_of_class,
    "builtins.module": _module,
    "builtins.mappingproxy": _mapping_proxy,
    "_io.TextIOWrapper": _file,
    "_io.BufferedWriter": _file,
    "_io.BufferedReader": _file,
    "_io.BufferedRandom": _file,
    "_io.FileIO": _file,
    "sqlite3.Connection": _sqlite,
    "_struct.Struct": _struct,
    "json.decoder.JSONDecoder": _json_decoder,
    "itertools.count": _count,
    "random.SystemRandom": _system_random,
    "types.UnionType": _union,
    "typing.Union": _union,
    "typing._UnionGenericAlias": _union,
    "typing._GenericAlias": _generic,
    "os._Environ": _environ,
    "_thread.lock": _lock,
    "_thread.RLock": _rlock,
    "weakref.ReferenceType": _weak_reference,
    "builtins.weakref": _weak_reference,
    "weakref.WeakValueDictionary": _weak_dict,
    "weakref.WeakKeyDictionary": _weak_dict,
    "weakref.WeakSet": _weak_set,
    "_weakrefset.WeakSet": _weak_set,
}


RECONSTRUCTORS: tuple[Callable[..., Any], ...] = (
    local_function,
    set_local_function,
    new_cell,
    set_cell,
    *(
        value
        for value in vars(rebuild).values()
        if getattr(value, "__module__", None) == rebuild.__name__ and callable(value)
    ),
)
"""The functions that a payload of ours may call while loading, besides classes."""
