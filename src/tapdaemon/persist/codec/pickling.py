"""The pickle style: protocol 5 at C speed, with what is saved by name left to `references`."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from types import FunctionType
from typing import Any

from tapdaemon.errors import FOREIGN, TapError, UnloadableError, words
from tapdaemon.persist.make import outside, provenance
from tapdaemon.persist.rules.functions import reduce_function
from tapdaemon.persist.rules.gate import Gate, closed_to
from tapdaemon.persist.rules.references import Rule, check_class, rule_for

PROTOCOL = 5


class _Pickler(pickle.Pickler):
    """Keeps the names of the modules that the payload will import."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, PROTOCOL)
        self.modules: set[str] = set()
        self._rules: dict[type, Rule | None] = {}

    def reducer_override(self, value: Any) -> Any:
        try:
            rule = self._rules[type(value)]
        except KeyError:
            rule = self._rules[type(value)] = self._rule(type(value))
        return NotImplemented if rule is None else rule(value)

    def _rule(self, kind: type) -> Rule | None:
        return self._named if issubclass(kind, (type, FunctionType)) else rule_for(kind)

    def _named(self, value: Any) -> Any:
        self.modules.add(value.__module__ or "builtins")
        return check_class(value) if isinstance(value, type) else reduce_function(value)


class _NotSavedError(Exception):
    """The probe came to something that no pickler had saved."""


class _Probe(pickle.Pickler):
    """Tells whether a pickler has saved an object, by its memo; to copy that into a dict takes longer than to save.

    An object that it knows is written as a reference to the memo, before anything is asked of it or of its parts.
    """

    def __init__(self, asked: pickle.Pickler) -> None:
        self._buffer = io.BytesIO()
        super().__init__(self._buffer, 3)  # without frames
        self.memo = asked.memo
        self._wanted: Any = None
        self._seen: dict[int, bool] = {}

    def has(self, value: Any) -> bool:
        if id(value) not in self._seen:
            self._wanted = value
            self._buffer.seek(0)
            self._buffer.truncate()
            try:
                self.dump(value)
                self._seen[id(value)] = self._buffer.getvalue()[2:3] in (pickle.BINGET, pickle.LONG_BINGET)
            except _NotSavedError:
                self._seen[id(value)] = False
        return self._seen[id(value)]

    def persistent_id(self, value: Any) -> None:
        if value is not self._wanted:
            raise _NotSavedError

    def reducer_override(self, _: Any) -> Any:
        raise _NotSavedError


class _Unpickler(pickle.Unpickler):
    """The door through which every name of a payload is looked up."""

    def __init__(self, file: io.BytesIO, gate: Gate | None) -> None:
        super().__init__(file)
        self._gate = gate

    def find_class(self, module: str, name: str) -> Any:
        if self._gate is not None:
            self._gate.check_module(module, name)
        try:
            found = super().find_class(module, name)
            return found if self._gate is None else self._gate.check(module, name, found)
        except TapError:
            raise
        except ModuleNotFoundError as error:
            raise UnloadableError(
                f"{module}.{name}",
                f"no module {error.name}",
                "install the distribution that has it, or put the module in the tap with mktap --include",
            ) from error
        except AttributeError as error:
            raise UnloadableError(
                f"{module}.{name}",
                f"it is gone from {module}",
                "install a version that has it, or make the tap anew from its recipe: mktap --rebuild TAP",
            ) from error
        except FOREIGN as error:
            raise UnloadableError(
                f"{module}.{name}",
                f"importing {module} failed with {words(error)}",
                "the top level of a module, a .tac's too, runs at each start: move what fails into startService",
            ) from error


def dumps(application: Any) -> tuple[bytes, frozenset[str]]:
    """The graph below `application` as a pickle, and the modules that it names.

    Raises whatever the first object that cannot be saved raises; `explain` finds all of them.
    """
    buffer = io.BytesIO()
    pickler = _Pickler(buffer)
    pickler.dump(application)
    own = [sys.modules[name] for name in sorted(pickler.modules) if provenance.is_own(name)]
    if own:
        # A second pickle with the first one's memo: what it names is the graph's own.
        found = outside.names(own, _Probe(pickler).has)
        if found:
            pickler.dump([tuple(one) for one in found])
    return buffer.getvalue(), frozenset(pickler.modules)


def loads(payload: bytes, needed: Iterable[str] | None = None) -> Any:
    """The application of a payload.  Runs code: the caller has checked who wrote it.

    :param needed: modules that its tap lists; None for a raw pickle, which lists none and is let through.
    :raises UnloadableError: what it names cannot be imported here, or its classes refuse the saved state.
    """
    stream = io.BytesIO(payload)
    try:
        with nullcontext() if needed is None else closed_to(needed) as gate:
            unpickler = _Unpickler(stream, gate)
            application = unpickler.load()
            named = unpickler.load() if stream.tell() < len(payload) else ()
    except TapError:
        raise
    except FOREIGN as error:
        raise UnloadableError(
            "payload",
            f"loading it failed with {words(error)}",
            "install the versions that wrote it (tapctl show names them), or make the tap again with mktap",
        ) from error
    outside.bind(outside.Name(*one) for one in named)
    return application
