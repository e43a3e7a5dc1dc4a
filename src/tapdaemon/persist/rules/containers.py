"""Kinds of Python's containers and exceptions whose constructor is not the one that Python calls when it loads them.

Python saves an object of a subclass of set, deque, OrderedDict or Exception as a call of its class with the contents.
Where the class wants other arguments, that call fails or loses the contents; so such an object is made without its
constructor, and filled.  A dict or list whose class has its own way of taking an item or element in is filled past it:
that way may refuse, and may ask for attributes that the object does not have yet.
"""

from __future__ import annotations

import collections
import copyreg
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from tapdaemon.persist.rules import rebuild

Rule = Callable[[Any], Any]


class _Kind(NamedTuple):
    """How objects of a kind are made again.

    :param made: what its __new__ is given.
    :param content: what is put into it afterwards.
    :param takers: methods that Python calls to fill it.
    :param is_made_bare: whether Python makes it without its constructor anyway.
    """

    base: type[Any]
    made: Callable[[Any], tuple[Any, ...]]
    content: Callable[[Any], Any]
    takers: tuple[str, ...] = ()
    is_made_bare: bool = False


def _nothing(_: Any) -> tuple[()]:
    return ()


_KINDS: tuple[_Kind, ...] = (
    _Kind(set, _nothing, lambda value: list(set.__iter__(value))),
    _Kind(frozenset, lambda value: (list(frozenset.__iter__(value)),), lambda _: None),
    _Kind(collections.deque, _nothing, lambda value: (list(value), value.maxlen)),
    _Kind(
        collections.OrderedDict, _nothing, lambda value: list(collections.OrderedDict.items(value)), ("__setitem__",)
    ),
    _Kind(
        collections.defaultdict,
        _nothing,
        lambda value: (value.default_factory, list(dict.items(value))),
        ("__setitem__",),
    ),
    _Kind(collections.Counter, _nothing, lambda value: list(dict.items(value)), ("__setitem__",)),
    _Kind(dict, _nothing, lambda value: list(dict.items(value)), ("__setitem__",), is_made_bare=True),
    _Kind(list, _nothing, lambda value: list(list.__iter__(value)), ("append", "extend"), is_made_bare=True),
    _Kind(bytearray, _nothing, bytes),
    _Kind(random.Random, _nothing, lambda value: value.getstate()),
    _Kind(BaseException, lambda value: value.args, lambda _: None),
)


_WAYS = ("__reduce__", "__reduce_ex__")
_STATES = ("__getstate__", "__setstate__")


def _has_own(kind: type, base: type, names: tuple[str, ...]) -> bool:
    """Whether a class has one of these methods otherwise than its base."""
    return any(getattr(kind, name, None) is not getattr(base, name, None) for name in names)


def rule_for(kind: type) -> Rule | None:
    """The rule for objects of a class, where its constructor is its own and its reduction is not."""
    for one in _KINDS:
        if issubclass(kind, one.base):
            made = () if one.is_made_bare else ("__init__", "__new__")
            is_own = _has_own(kind, one.base, (*made, *one.takers))
            ways = (*_WAYS, *_STATES) if one.is_made_bare else _WAYS
            return _rule(one) if is_own and not _has_own(kind, one.base, ways) else None
    return None


def _attributes(value: Any) -> dict[str, Any]:
    """Its own, and its slots."""
    slots = copyreg._slotnames(type(value))  # type: ignore[attr-defined]  # noqa: SLF001 - as pickle itself asks; no types
    return {
        **(getattr(value, "__dict__", None) or {}),
        **{name: getattr(value, name) for name in slots if hasattr(value, name)},
    }


def _rule(one: _Kind) -> Rule:
    def rule(value: Any) -> Any:
        state = (one.base.__name__, one.content(value), _attributes(value))
        return rebuild.bare, (type(value), one.base.__name__, one.made(value)), state, None, None, rebuild.fill

    return rule
