"""What an application has outside its graph: calls that it handed to the reactor, and names of its own modules.

The law: after loading, a name of an own module that stood for an object of the graph stands for the loaded object
again, else a function that reads the name would see another one than the services do.  A module that the payload does
not import is not imported for that.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from tapdaemon.persist.rules import rebuild

CALLS = "_tapdaemon_calls"
"""The attribute of an application that holds what its making asked of the reactor, and so is saved with the graph."""
METHODS = ("callWhenRunning", "addSystemEventTrigger", "callLater")
Call = tuple[str, tuple[Any, ...], dict[str, Any]]
_HELD: list[Call] = []
BOUND: set[str] = set()
"""The names that stand for loaded objects in this process."""
_BY_NAME = (FunctionType, type, ModuleType, str, bytes, int, float, bool, complex, type(None))


class Name(NamedTuple):
    """A module's name and the object of the graph that it stands for."""

    module: str
    name: str
    value: Any


@contextmanager
def recorded(reactor: Any) -> Iterator[list[Call]]:
    """While open, what is asked of the reactor is written down; it is done as well, in a reactor that never runs."""
    calls: list[Call] = []

    def record(call: Call, do: Callable[[], Any]) -> Any:
        before = len(calls)
        done = do()
        calls[before:] = [call]  # one of these methods may call another
        return done

    with _instead(reactor, record):
        yield calls


@contextmanager
def _instead(reactor: Any, take: Callable[[Call, Callable[[], Any]], Any]) -> Iterator[None]:
    """While open, calls of the three methods go to `take`, with what would do them."""
    stand_ins = [StandIn(reactor, method, take) for method in METHODS]
    for one in stand_ins:
        setattr(reactor, one.method, one)
    try:
        yield
    finally:
        for one in stand_ins:
            one.take = None
            delattr(reactor, one.method)


class StandIn:
    """A method of the reactor's whose calls go elsewhere for a while.

    Whoever keeps it (``later = reactor.callLater`` at the top of a module) has the method itself afterwards, and it is
    saved as that.
    """

    def __init__(self, reactor: Any, method: str, take: Callable[[Call, Callable[[], Any]], Any]) -> None:
        self._reactor = reactor
        self._original = getattr(reactor, method)
        self.method = method
        self.take: Callable[[Call, Callable[[], Any]], Any] | None = take
        self.__qualname__ = self._original.__qualname__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        do = functools.partial(self._original, *arguments, **keywords)
        if self.take is None or _is_twisteds(arguments):
            return do()
        return self.take((self.method, arguments, keywords), do)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild.method, (self._reactor, self.method)


def _is_twisteds(arguments: tuple[Any, ...]) -> bool:
    """Whether the call is the reactor's own housekeeping: its threads, its resolver, its signals."""
    found = next((argument for argument in arguments if callable(argument)), None)
    owner = getattr(found, "__self__", None)
    return str(getattr(type(owner), "__module__", "")).startswith("twisted.internet.") and hasattr(owner, "callLater")


@contextmanager
def thrown_away() -> Iterator[None]:
    """While open, what is asked of the reactor is not done."""
    from twisted.internet import reactor

    with _instead(reactor, lambda *_: None):
        yield


def attach(application: Any, calls: list[Call]) -> None:
    """Save calls with an application; those that it came with stay."""
    if calls:
        setattr(application, CALLS, [*getattr(application, CALLS, ()), *calls])


@contextmanager
def held_back() -> Iterator[None]:
    """While open, what modules ask of the reactor as they are imported waits for `replay`.

    They ask for their own new objects; where the application's making had asked the same, its objects are meant.
    """
    reactor = sys.modules.get("twisted.internet.reactor")  # an object, and not imported for this
    if reactor is None or METHODS[0] in vars(reactor):
        yield
        return
    with _instead(reactor, lambda call, _: _HELD.append(call)):
        yield


def replay(application: Any, reactor: Any) -> None:
    """Hand the reactor what the application's making handed it, and what imports asked beside that."""
    ours = list(getattr(application, CALLS, ()))
    known = {_described(call) for call in ours}
    for method, arguments, keywords in [*ours, *(call for call in _HELD if _described(call) not in known)]:
        getattr(reactor, method)(*arguments, **keywords)
    _HELD.clear()


def _described(call: Call) -> tuple[str, ...]:
    """A call by its method and its plain and callable arguments' names: the same for two runs of one module."""
    method, arguments, keywords = call
    parts = [*arguments, *keywords.values()]
    named = (getattr(part, "__qualname__", None) or repr(part) for part in parts if callable(part) or _is_plain(part))
    return (method, *named)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, bytes, int, float))


def names(modules: Iterable[ModuleType], is_saved: Callable[[Any], bool]) -> list[Name]:
    """The names of own modules that stand for objects of the graph and are read by a function of one of them.

    :param is_saved: whether an object is the graph's.
    """
    own = list(modules)
    read = read_by_functions(own)
    return [
        Name(module.__name__, name, value)
        for module in own
        for name, value in vars(module).items()
        if name in read and not isinstance(value, _BY_NAME) and is_saved(value)
    ]


def read_by_functions(modules: Iterable[ModuleType]) -> set[str]:
    """The global names and attributes that functions and methods of these modules look up."""
    return {name for module in modules for code in _functions(module) for name in _read(code)}


def _functions(module: ModuleType) -> Iterator[CodeType]:
    """The code of the functions and methods that a module defines."""
    for value in list(vars(module).values()):
        inner = (
            list(vars(value).values()) if isinstance(value, type) and value.__module__ == module.__name__ else [value]
        )
        for one in inner:
            function = getattr(one, "__func__", getattr(one, "fget", one))
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function.__code__


def _read(code: CodeType) -> Iterator[str]:
    """The global names and attributes that a function, and those inside it, look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _read(constant)


def bind(found: Iterable[Name], modules: Mapping[str, ModuleType] = sys.modules) -> None:
    """Let the names stand for the loaded objects, in the modules that are imported."""
    for one in found:
        module = modules.get(one.module)
        if module is not None:
            setattr(module, one.name, one.value)
            BOUND.add(f"{one.module}.{one.name}")
