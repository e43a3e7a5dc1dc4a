"""The second net: which names a payload may look up, and so which callables it may call while it is loaded.

The law: nothing that a payload can reach by name runs a program, opens a connection, imports by name or compiles text.
Modules of the application come through if its tap lists them; of the standard library only what is `harmless`, for
that is where the callables lie that every hostile pickle ends in.  The boundary is who could write the file (`trust`);
a tap that lists a hostile module of its own is a program like any other, and this is no sandbox.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from tapdaemon.errors import UnloadableError
from tapdaemon.persist.rules import harmless
from tapdaemon.tapfile.container import TapImage

GADGETS = frozenset(
    """
    twisted.python.reflect twisted.python.modules twisted.python.zippath
    twisted.python.procutils twisted.python.rebuild twisted.python.runtime twisted.python.release
    twisted.internet.utils twisted.internet.process twisted.internet._posixstdio twisted.persisted.aot
    twisted.persisted.sob.load twisted.persisted.sob.loadValueFromFile twisted.plugin
    twisted.python.compat.execfile twisted.conch.manhole.ManholeInterpreter twisted.trial twisted.scripts
    twisted.conch.stdio twisted.application.app twisted.spread.jelly.unjelly twisted.spread.jelly._Unjellier
    zope.interface.common zope.testing pip setuptools pkg_resources pytest _pytest py numpy.testing
    numpy.f2py torch cloudpickle dill joblib jsonpickle pandas.io sympy hypothesis click daemon IPython
    """.split()  # noqa: SIM905 - a list of words reads better so
)
"""Of others what is there to find, compile, run or unpickle things; no application is made of it."""
METHODS_NEVER = frozenset(
    {"spawnProcess", "system", "popen", "run_code", "runcode", "runsource", "exec_module", "eval", "exec"}
)
METHODS_PLAIN = frozenset({"__call__", "__getitem__", "__contains__", "__len__", "__iter__", "__next__", "__eq__"})
"""The special methods that may be kept bound; all others are refused."""


class Gate:
    """Lets names through for one payload.

    :param roots: top-level modules that the tap lists, code/ among them.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        self._roots = frozenset(root.partition(".")[0] for root in roots) - sys.stdlib_module_names

    def check_module(self, module: str, name: str) -> None:
        """See whether a payload may look this name up.

        :raises UnloadableError: it may not, with the name.
        """
        root = module.partition(".")[0]
        if not name and module in harmless.WHOLE:
            return
        if root == "tapdaemon":
            return  # what of ours may be called is seen when it is found
        if root in sys.stdlib_module_names or root == "__builtin__":
            if not _is_safe(module, name):
                raise refused(module, name, "it is not of the standard library's harmless part")
        elif root not in self._roots:
            raise refused(module, name, f"the tap does not list {root} among the modules that it needs")
        elif any(f"{module}.{name}.".startswith(f"{gadget}.") for gadget in GADGETS):
            raise refused(module, name, "it is made to run or to find other things")

    def check(self, module: str, name: str, found: Any) -> Any:
        """See whether what was found there may be handed out: what it really is, not where it was looked for.

        :raises UnloadableError: it may not.
        """
        if isinstance(found, ModuleType):
            raise refused(module, name, "it is a module")
        if "." in name and module.partition(".")[0] in sys.stdlib_module_names and not isinstance(found, type):
            raise refused(module, name, "it is a part of a class: Path.unlink of pathlib, say")
        home = getattr(found, "__module__", None)
        if isinstance(found, (type, FunctionType, BuiltinFunctionType, MethodType)) and isinstance(home, str):
            if home.partition(".")[0] == "tapdaemon":
                _check_ours(module, name, found)
            elif home != module:
                self.check_module(home, getattr(found, "__qualname__", name))
        return found


def needed_by(image: TapImage) -> list[str]:
    """The modules that a tap lists, those in its code/ among them."""
    return [*image.manifest.needs.modules, *(place.partition("/")[0].removesuffix(".py") for place in image.code)]


_GATE: ContextVar[Gate | None] = ContextVar("gate", default=None)


@contextlib.contextmanager
def closed_to(roots: Iterable[str]) -> Iterator[Gate]:
    """While open, reconstructors ask this gate before they look anything up."""
    gate = Gate(roots)
    token = _GATE.set(gate)
    try:
        yield gate
    finally:
        _GATE.reset(token)


def check_module(module: str, name: str = "") -> None:
    """What a reconstructor asks before it imports a module by name."""
    gate = _GATE.get()
    if gate is not None:
        gate.check_module(module, name)


def check_method(owner: Any, name: str) -> None:
    """What the reconstructor of bound methods asks: no module has methods, and no method leads out of its object.

    :raises UnloadableError: it may not be handed out.
    """
    special = name.startswith("__") and name.endswith("__") and name not in METHODS_PLAIN
    if isinstance(owner, ModuleType) or special or name in METHODS_NEVER:
        raise refused(type(owner).__name__, name, "it is no method that an application keeps")


def refused(module: str, name: str, reason: str) -> UnloadableError:
    return UnloadableError(
        f"{module}.{name}".rstrip("."),
        f"refused: {reason}",
        "do not run this tap if you did not make it; if you did, keep the call in a method and not in an attribute",
    )


def _is_safe(module: str, name: str) -> bool:
    if f"{module}.{name}" in harmless.NAMES:
        return True
    if module in harmless.MODULES:
        return not name.startswith("_") and name not in harmless.NEVER
    kind = getattr(sys.modules["builtins"], name, None)
    return module in ("builtins", "exceptions") and isinstance(kind, type) and issubclass(kind, BaseException)


def _check_ours(module: str, name: str, found: Any) -> None:
    """Of this project itself: its classes, and the functions that a payload is made of."""
    from tapdaemon.persist.rules.references import RECONSTRUCTORS

    if not isinstance(found, type) and found not in RECONSTRUCTORS:
        raise refused(module, name, "it is no part of a payload")
