"""Saves and loads one object by the rules for live objects, and tells what was left out of it."""

from __future__ import annotations

import io
import pickle
from types import FunctionType, MethodType, ModuleType

from twisted.internet.base import ReactorBase
from twisted.logger import Logger

from tapdaemon.persist.rules import live, rebuild, references

NAMED = (type, FunctionType, ModuleType, str, bytes, int, float, ReactorBase, Logger)
"""What is saved by name, or has no parts."""


class Pickler(pickle.Pickler):
    def __init__(self, file):
        super().__init__(file, 5)
        self.left = set()

    def reducer_override(self, value):
        kind = type(value)
        if live.is_live(value):
            known = next(base for base in kind.__mro__ if base.__module__.startswith(("twisted.", "builtins")))
            self.left.add(known.__qualname__)
            return rebuild.nothing, ()
        for name, fresh in live.rule_of(kind).volatile.items():
            now = attributes(value).get(name)
            if now is not None and (fresh is live.DROPPED or repr(fresh()) != repr(now)):
                self.left.add(f".{name}")
        if isinstance(value, (type, FunctionType)):
            return references.check_class(value) if isinstance(value, type) else references.reduce_function(value)
        rule = references.rule_for(kind)
        return NotImplemented if rule is None else rule(value)


def attributes(value):
    """The object's own, past its __getattr__."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def saved(value):
    """The bytes, and what was left out."""
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(value)
    return file.getvalue(), pickler.left


def loaded(data):
    """The object, resumed."""
    value = pickle.loads(data)
    for one in objects(value):
        then = live.rule_of(type(one)).resumed
        if then is not None:
            then(one)
    return value


def bare(root):
    """Attributes of Twisted's objects that hold something live, alone or in a container, and that no row names."""
    found = set()
    for one in objects(root):
        kind = type(one)
        if not any(str(base.__module__).startswith("twisted.") for base in kind.__mro__):
            continue
        named = live.rule_of(kind).volatile
        for name, value in attributes(one).items():
            parts = [*value, *value.values()] if isinstance(value, dict) else value
            inside = parts if isinstance(parts, (list, tuple, set)) else []
            if name not in named and any(live.is_live(part) for part in [value, *inside]):
                found.add(f"{kind.__qualname__}.{name}")
    return found


def objects(root):
    """Everything that is saved by value: what attributes and containers lead to, but for what belongs to the run."""
    seen, rest = {}, [root]
    while rest:
        one = rest.pop()
        if id(one) in seen or isinstance(one, NAMED) or live.is_live(one):
            continue
        seen[id(one)] = one
        if isinstance(one, dict):
            rest += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            rest += one
        elif isinstance(one, MethodType):
            rest.append(one.__self__)
        else:
            run = live.rule_of(type(one)).volatile
            rest += [value for name, value in attributes(one).items() if name not in run]
    return list(seen.values())
