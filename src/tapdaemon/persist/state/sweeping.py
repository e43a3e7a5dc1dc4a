"""Takes marks out of loaded objects: an element is left out, an attribute becomes None, a member is replaced.

A mark stands for an object that did not come back.  Whatever holds one is found by the collector, so loading costs
nothing where there is none.  What cannot be changed (a tuple, a frozenset) is made again without the mark, and put
wherever the old one was held.
"""

from __future__ import annotations

import collections
import gc
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

Swaps = Mapping[int, tuple[Any, Any]]
"""By identity: an object, and what is put in its place."""
_FEW = 16
"""So many objects the collector looks for faster than Python does."""


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


def _replace(swaps: Swaps, spared: Iterable[Any], *, is_gone: bool) -> None:
    if not swaps:
        return
    targets = [old for old, _ in swaps.values()]
    passed = {id(swaps), id(targets), *(id(pair) for pair in swaps.values()), *(id(one) for one in spared)}
    holders = [holder for holder in _holders(targets) if id(holder) not in passed]
    owners = _owners([holder for holder in holders if type(holder) is dict])
    remade: list[tuple[Any, Any]] = []
    dead: list[Any] = []
    for holder in holders:
        remake = next((make for kind, make in _REMADE.items() if isinstance(holder, kind)), None)
        if is_gone and _is_dead(holder, swaps):
            dead.append(holder)
        elif remake is not None:
            remade.append((holder, remake(holder, swaps, is_gone)))
        else:
            _in_holder(holder, swaps, owners.get(id(holder)), is_gone=is_gone)
    passing = [*spared, holders, remade, *remade, dead]
    replace(remade, passing)
    sweep(dead, passing)


_METHODS = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)


def _is_dead(holder: Any, swaps: Swaps) -> bool:
    """Whether nothing is left of a holder without the mark: of the method of an object that is gone, say."""
    return isinstance(holder, _METHODS) or (isinstance(holder, partial) and id(holder.func) in swaps)


def _holders(targets: Iterable[Any]) -> list[Any]:
    """Whatever refers to these, but for frames.

    From Python 3.13 on the collector also finds the tuple of its own arguments: that begins with an object of ours.
    """
    ours = object()
    wanted = [ours, *targets]
    if len(wanted) <= _FEW:
        found = gc.get_referrers(*wanted)
    else:
        known = frozenset(map(id, wanted))
        found = [one for one in gc.get_objects() if not known.isdisjoint(map(id, gc.get_referents(one)))]
    return [
        holder
        for holder in found
        if holder is not wanted
        and not isinstance(holder, types.FrameType)
        and not (type(holder) is tuple and holder and holder[0] is ours)
    ]


def _owners(dicts: Sequence[Any]) -> dict[int, Any]:
    """The objects and classes whose attributes these dicts are, by the identity of the dict."""
    wanted = {id(one) for one in dicts}
    found: dict[int, Any] = {}
    for holder in _holders(dicts) if dicts else ():
        if isinstance(holder, type):
            found |= {id(part): holder for part in gc.get_referents(holder) if id(part) in wanted}
        elif id(own := _own(holder)) in wanted:
            found[id(own)] = holder
    return found


def _own(value: Any) -> Any:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


# ---- what cannot be changed is made again


def _swapped(part: Any, swaps: Swaps) -> Any:
    return swaps[id(part)][1] if id(part) in swaps else part


def _with_attributes(old: Any, new: Any, swaps: Swaps) -> Any:
    """An object of a subclass has its attributes from the one before."""
    if _own(old):
        vars(new).update({name: _swapped(part, swaps) for name, part in _own(old).items()})
    return new


def _tuple(value: Any, swaps: Swaps, _: bool) -> Any:
    parts = [_swapped(part, swaps) for part in tuple.__iter__(value)]
    return _with_attributes(value, tuple.__new__(type(value), parts), swaps)


def _frozenset(value: Any, swaps: Swaps, is_gone: bool) -> Any:
    parts = _left(frozenset.__iter__(value), swaps, is_gone=is_gone)
    return _with_attributes(value, frozenset.__new__(type(value), parts), swaps)


def _slice(value: Any, swaps: Swaps, _: bool) -> Any:
    return slice(*(_swapped(part, swaps) for part in (value.start, value.stop, value.step)))


def _method(value: Any, swaps: Swaps, _: bool) -> Any:
    return types.MethodType(_swapped(value.__func__, swaps), _swapped(value.__self__, swaps))


def _builtin(value: Any, swaps: Swaps, _: bool) -> Any:
    return getattr(_swapped(value.__self__, swaps), value.__name__)


_REMADE: Mapping[type, Callable[[Any, Swaps, bool], Any]] = {
    tuple: _tuple,
    frozenset: _frozenset,
    slice: _slice,
    types.MethodType: _method,
    types.BuiltinMethodType: _builtin,
    types.MethodWrapperType: _builtin,
}


# ---- what can be changed


def _in_holder(holder: Any, swaps: Swaps, owner: Any, *, is_gone: bool) -> None:
    """Swap what one holder has.

    :param owner: the object or class whose attributes the holder is, where it is a dict of attributes.
    """
    if isinstance(owner, type):
        for name, part in list(vars(owner).items()):
            if id(part) in swaps:
                type.__setattr__(owner, name, swaps[id(part)][1])
    elif isinstance(holder, dict):
        _in_dict(holder, swaps, is_gone=is_gone and owner is None)
    else:
        group = next((kind for kind in _GROUPS if isinstance(holder, kind)), None)
        if group is not None:
            parts = _left(group.__iter__(holder), swaps, is_gone=is_gone)
            group.clear(holder)
            _GROUPS[group](holder, parts)
    if not isinstance(holder, type):
        _in_object(holder, swaps)


def _left(parts: Iterable[Any], swaps: Swaps, *, is_gone: bool) -> list[Any]:
    return [_swapped(part, swaps) for part in parts if not (is_gone and id(part) in swaps)]


_GROUPS: Mapping[Any, Callable[[Any, list[Any]], None]] = {list: list.extend, deque: deque.extend, set: set.update}


def _in_dict(holder: dict[Any, Any], swaps: Swaps, *, is_gone: bool) -> None:
    base: Any = collections.OrderedDict if isinstance(holder, collections.OrderedDict) else dict
    items = list(base.items(holder))
    if any(id(key) in swaps for key, _ in items):
        base.clear(holder)  # the order of the keys is theirs still
        for key, part in items:
            if not (is_gone and (id(key) in swaps or id(part) in swaps)):
                base.__setitem__(holder, _swapped(key, swaps), _swapped(part, swaps))
        return
    for key, part in items:
        if id(part) in swaps and is_gone:
            base.__delitem__(holder, key)
        elif id(part) in swaps:
            base.__setitem__(holder, key, swaps[id(part)][1])


def _in_object(holder: Any, swaps: Swaps) -> None:
    """An object that holds its attributes itself, in slots, or where only its class knows."""
    from tapdaemon.persist.state.objects import attributes

    for name, part in attributes(holder).items():
        if id(part) in swaps:
            set_attribute(holder, name, swaps[id(part)][1])
    if isinstance(holder, partial):
        call = holder.func, holder.args, holder.keywords
        if any(id(part) in swaps for part in call):
            state = (*(_swapped(part, swaps) for part in call), _own(holder))
            holder.__setstate__(state)  # type: ignore[attr-defined]  # typeshed lacks it
        return
    for kind, names in _HIDDEN.items():
        if isinstance(holder, kind):
            for name in names:
                part = getattr(holder, name)
                if id(part) in swaps:
                    setattr(holder, name, swaps[id(part)][1])


_HIDDEN: Mapping[type, tuple[str, ...]] = {
    types.FunctionType: ("__defaults__", "__kwdefaults__"),
    BaseException: ("args", "__cause__", "__context__"),
}
"""What objects of these classes hold beside their attributes."""


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
