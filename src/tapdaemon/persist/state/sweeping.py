"""Takes marks out of loaded objects: an element is left out, an attribute becomes None, a member is replaced.

A mark stands for an object that did not come back.  Whatever holds one is found by the collector, so loading costs
nothing where there is none.
"""

from __future__ import annotations

import gc
import types
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any


def sweep(marks: Iterable[Any], spared: Iterable[Any] = ()) -> None:
    """Take marks out of whatever holds them.

    :param spared: containers that are left as they are: the caller's own.
    """
    _replace({id(mark): (mark, None) for mark in marks}, spared, is_gone=True)


def replace(pairs: Iterable[tuple[Any, Any]], spared: Iterable[Any] = ()) -> None:
    """Put the second object of each pair wherever the first is held."""
    _replace({id(old): (old, new) for old, new in pairs}, spared, is_gone=False)


def held(marks: Iterable[Any], spared: Iterable[Any]) -> list[Any]:
    """Those of the marks that something holds beside the containers in `spared`."""
    targets = {id(mark): mark for mark in marks}
    passed = {id(targets), *(id(one) for one in spared)}
    found: dict[int, Any] = {}
    for holder in _holders(targets.values()):
        if id(holder) not in passed:
            found |= {id(part): part for part in gc.get_referents(holder) if id(part) in targets}
    return list(found.values())


def _replace(swaps: Mapping[int, tuple[Any, Any]], spared: Iterable[Any], *, is_gone: bool) -> None:
    if not swaps:
        return
    targets = [old for old, _ in swaps.values()]
    passed = {id(swaps), id(targets), *(id(pair) for pair in swaps.values()), *(id(one) for one in spared)}
    tuples: list[tuple[Any, Any]] = []
    for holder in _holders(targets):
        if id(holder) in passed:
            continue
        if type(holder) is tuple:
            tuples.append((holder, tuple(_swapped(part, swaps) for part in holder)))
        elif isinstance(holder, dict):
            _in_dict(holder, swaps, is_gone=is_gone and not _is_of_object(holder))
        elif isinstance(holder, (list, deque, set)):
            _in_group(holder, swaps, is_gone=is_gone)
        elif type(holder) is types.CellType:
            holder.cell_contents = _swapped(holder.cell_contents, swaps)
        elif type(holder) is types.MethodType or isinstance(holder, type):
            continue
        else:
            _in_object(holder, swaps)
    if tuples:
        replace(tuples, [*spared, tuples, *tuples])


def _holders(targets: Iterable[Any]) -> list[Any]:
    """Whatever refers to these, but for frames.

    From Python 3.13 on the collector also finds the tuple of its own arguments: that begins with an object of ours.
    """
    ours = object()
    return [
        holder
        for holder in gc.get_referrers(ours, *targets)
        if not isinstance(holder, types.FrameType) and not (type(holder) is tuple and holder and holder[0] is ours)
    ]


def _swapped(part: Any, swaps: Mapping[int, tuple[Any, Any]]) -> Any:
    return swaps[id(part)][1] if id(part) in swaps else part


def _is_of_object(holder: dict[Any, Any]) -> bool:
    """Whether a dict is the attributes of an object."""
    return any(_own(one) is holder for one in gc.get_referrers(holder))


def _own(value: Any) -> Any:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def _in_dict(holder: dict[Any, Any], swaps: Mapping[int, tuple[Any, Any]], *, is_gone: bool) -> None:
    for key, part in list(dict.items(holder)):
        if id(key) in swaps:
            dict.__delitem__(holder, key)
            if not is_gone:
                dict.__setitem__(holder, swaps[id(key)][1], _swapped(part, swaps))
        elif id(part) in swaps and is_gone:
            dict.__delitem__(holder, key)
        elif id(part) in swaps:
            dict.__setitem__(holder, key, swaps[id(part)][1])


def _in_group(holder: Any, swaps: Mapping[int, tuple[Any, Any]], *, is_gone: bool) -> None:
    """A list, a deque or a set."""
    parts = [_swapped(part, swaps) for part in holder if not (is_gone and id(part) in swaps)]
    if isinstance(holder, list):
        list.__setitem__(holder, slice(None), parts)
    else:
        holder.clear()
        (holder.update if isinstance(holder, set) else holder.extend)(parts)


def _in_object(holder: Any, swaps: Mapping[int, tuple[Any, Any]]) -> None:
    """An object that holds its attributes itself, or in slots."""
    from tapdaemon.persist.state.objects import attributes

    for name, part in attributes(holder).items():
        if id(part) in swaps:
            set_attribute(holder, name, swaps[id(part)][1])


def set_attribute(owner: Any, name: str, value: Any) -> None:
    """Set an attribute of an object's own, or a slot, whatever its class says of setting."""
    own = _own(owner)
    if type(owner) is types.CellType:
        owner.cell_contents = value
    elif isinstance(owner, type):
        type.__setattr__(owner, name, value)
    elif type(own) is dict and (name in own or not _is_slot(owner, name)):
        own[name] = value
    else:
        object.__setattr__(owner, name, value)


def _is_slot(owner: Any, name: str) -> bool:
    return any(isinstance(vars(base).get(name), types.MemberDescriptorType) for base in type(owner).__mro__)
