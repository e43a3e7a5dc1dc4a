"""A pickle as inert nodes: its opcodes are followed, and nothing that it names is imported, looked up or called.

The nodes say what an unpickler would do: make an object of a class, call a function, set a state.  Whoever looks into
a payload goes through here, so root can look at what a service user wrote, and a class may be gone.  Sharing and cycles
are the nodes' own identities.  It lives on this floor because `tapctl show` stays within the standard library.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tapdaemon.errors import TapDamagedError
from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place


class _Mark:
    """Where a group of arguments begins on the stack."""


def read(payload: bytes) -> list[Any]:
    """The roots of the pickles that a payload has, one behind the other, with one memo.

    :raises TapDamagedError: it is no pickle, or does what none of ours does.
    """
    return _read(io.BytesIO(payload), len(payload), _Machine())


def read_changes(payload: bytes) -> tuple[Any, list[Any]]:
    """The table of places of a change set, which has a memo of its own, and its rows.

    :raises TapDamagedError: as `read`.
    """
    stream = io.BytesIO(payload)
    (places,) = _read(stream, 1, _Machine())
    # The first of the others puts the objects of the base into the memo.
    return places, _read(stream, len(payload), _Machine(has_base=True))[1:]


def _read(stream: io.BytesIO, end: int, machine: _Machine) -> list[Any]:
    roots: list[Any] = []
    while stream.tell() < end:
        try:
            roots.append(machine.run(pickletools.genops(stream)))
        except (ValueError, IndexError, KeyError, AttributeError, TypeError, UnicodeError) as error:
            raise TapDamagedError("payload", f"no whole pickle: {error}") from error
    if not roots:
        raise TapDamagedError("payload", "empty")
    return roots


_PUSHED = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 "  # noqa: SIM905 - opcodes as pickletools names them
    "UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT BINFLOAT".split()
)
_CONSTANTS: Mapping[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: Mapping[str, str] = {"EMPTY_LIST": "list", "EMPTY_DICT": "dict", "EMPTY_SET": "set", "EMPTY_TUPLE": "tuple"}
_MARKED: Mapping[str, str] = {"LIST": "list", "TUPLE": "tuple", "FROZENSET": "frozenset"}
_TUPLES: Mapping[str, int] = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack and the memo of an unpickler that makes nothing.

    :param has_base: whether there are objects of a base to refer to.
    """

    def __init__(self, *, has_base: bool = False) -> None:
        self._has_base = has_base
        self._memo: dict[int, Any] = {}
        self._stack: list[Any] = []

    def run(self, operations: Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]) -> Any:
        """Follow one pickle to its STOP; the node that it leaves."""
        for operation, argument, _ in operations:
            name = operation.name
            if name == "STOP":
                return self._top(pop=True)
            if name in _PUSHED:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                self._stack.append(Group(_EMPTY[name]))
            elif name in _MARKED:
                self._stack.append(Group(_MARKED[name], self._to_mark()))
            elif name in _TUPLES:
                self._stack.append(Group("tuple", self._take(_TUPLES[name])))
            elif name not in ("PROTO", "FRAME"):
                self._others(name)(self, argument)
        raise ValueError("it has no end")

    def _others(self, name: str) -> Callable[[_Machine, Any], None]:
        found = _OPERATIONS.get(name)
        if found is None:
            raise ValueError(f"opcode {name} is in no payload of ours")
        return found

    def _take(self, count: int) -> list[Any]:
        taken = self._stack[-count:]
        if len(taken) < count or any(type(one) is _Mark for one in taken):
            raise ValueError("the stack has less than what is taken from it")
        del self._stack[-count:]
        return taken

    def _top(self, *, pop: bool = False) -> Any:
        top = self._stack[-1]
        if type(top) is _Mark:
            raise ValueError("a mark stands where an object belongs")
        return self._stack.pop() if pop else top

    def _to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[index], _Mark):
                taken = self._stack[index + 1 :]
                del self._stack[index:]
                return taken
        raise ValueError("a mark is missing")

    # ---- what is not only pushed

    def mark(self, _: Any) -> None:
        self._stack.append(_Mark())

    def pop(self, _: Any) -> None:
        """What is popped was called for its effect: a reduction's own way of setting a state (pickle's sixth item)."""
        popped = self._stack.pop()
        if isinstance(popped, Made) and isinstance(popped.arguments, Group) and len(popped.arguments.items) == 2:  # noqa: PLR2004 - object and state
            target, state = popped.arguments.items
            if isinstance(target, Made):
                target.states.append(state)
                target.setter = popped.callee

    def pop_mark(self, _: Any) -> None:
        self._to_mark()

    def duplicate(self, _: Any) -> None:
        self._stack.append(self._top())

    def put(self, index: Any) -> None:
        self._memo[int(index)] = self._top()

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top()

    def get(self, index: Any) -> None:
        self._stack.append(self._memo[int(index)])

    def known(self, _: Any) -> None:
        """An object that the loading side has, by its number."""
        (number,) = self._take(1)
        if not self._has_base or type(number) is not int:
            raise ValueError("an object of a base is asked for, and there is none")
        self._stack.append(Place(number))

    def byte_array(self, data: Any) -> None:
        self._stack.append(Group("bytearray", [bytes(data)]))

    def name(self, dotted: Any) -> None:
        module, _, name = str(dotted).partition(" ")
        self._stack.append(Name(module, name))

    def stack_name(self, _: Any) -> None:
        module, name = self._take(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")  # noqa: TRY004 - one kind of error for a damaged payload
        self._stack.append(Name(module, name))

    def dictionary(self, _: Any) -> None:
        self._stack.append(Group("dict", _paired(self._to_mark())))

    def append(self, _: Any) -> None:
        (item,) = self._take(1)
        _appended(self._top(), "list").append(item)

    def appends(self, _: Any) -> None:
        items = self._to_mark()
        _appended(self._top(), "list").extend(items)

    def add_items(self, _: Any) -> None:
        items = self._to_mark()
        _appended(self._top(), "set").extend(items)

    def set_item(self, _: Any) -> None:
        pair = self._take(2)
        _pairs(self._top()).append((pair[0], pair[1]))

    def set_items(self, _: Any) -> None:
        items = self._to_mark()
        _pairs(self._top()).extend(_paired(items))

    def reduce(self, _: Any) -> None:
        callee, arguments = self._take(2)
        self._stack.append(Made(callee, arguments))

    def new_object(self, _: Any) -> None:
        kind, arguments = self._take(2)
        self._stack.append(Made(kind, arguments, new=True))

    def new_object_ex(self, _: Any) -> None:
        kind, arguments, keywords = self._take(3)
        self._stack.append(Made(kind, arguments, new=True, keywords=keywords))

    def instance(self, dotted: Any) -> None:
        module, _, name = str(dotted).partition(" ")
        self._stack.append(Made(Name(module, name), Group("tuple", self._to_mark())))

    def object(self, _: Any) -> None:
        kind, *arguments = self._to_mark()
        self._stack.append(Made(kind, Group("tuple", arguments)))

    def build(self, _: Any) -> None:
        (state,) = self._take(1)
        target = self._top()
        if not isinstance(target, Made):
            raise ValueError("a state for what is no object")  # noqa: TRY004 - one kind of error for a damaged payload
        target.states.append(state)


def _paired(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))


def _appended(target: Any, kind: str) -> list[Any]:
    """The items of a container of that kind, or of an object that is filled like one."""
    if isinstance(target, Group) and target.kind != kind:
        raise ValueError(f"{target.kind} takes no items of a {kind}")
    found: list[Any] = target.items if isinstance(target, Group) else target.appended
    return found


def _pairs(target: Any) -> list[tuple[Any, Any]]:
    if isinstance(target, Group) and target.kind != "dict":
        raise ValueError(f"{target.kind} takes no keys")
    found: list[tuple[Any, Any]] = target.items if isinstance(target, Group) else target.pairs
    return found


_OPERATIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "BINPERSID": _Machine.known,
    "BYTEARRAY8": _Machine.byte_array,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "DICT": _Machine.dictionary,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "ADDITEMS": _Machine.add_items,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new_object,
    "NEWOBJ_EX": _Machine.new_object_ex,
    "INST": _Machine.instance,
    "OBJ": _Machine.object,
    "BUILD": _Machine.build,
}
