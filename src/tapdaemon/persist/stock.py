"""What stock sob reads and writes: a bare pickle, or the text of `twisted.persisted.aot`, which runs as a program.

The law: what is written loads in a fresh process, by Twisted alone, to an application that is equal to ours; else it is
refused with what would be lost.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.application import service
from twisted.persisted import sob

from tapdaemon.core.application import Application
from tapdaemon.errors import FOREIGN, UnknownUserError, UnloadableError, UnsavableError, words
from tapdaemon.persist import images
from tapdaemon.persist.codec import pickling
from tapdaemon.persist.state import kinds, saving
from tapdaemon.tapfile.graph import comparison, symbols
from tapdaemon.tapfile.kinds import STOCK_PICKLE, STOCK_SOURCE

STYLES = {STOCK_PICKLE: "pickle", STOCK_SOURCE: "source"}
"""Kinds of file, and what sob calls them."""


def load(data: bytes, kind: str, subject: str) -> Any:
    """The application in a file of stock sob's.  Runs code: the caller has checked who wrote it.

    :param subject: its path, for messages.
    :raises UnloadableError, NoApplicationError: with the reason.
    """
    if kind == STOCK_SOURCE:
        return images.whole(_unjelly(data, subject), subject)
    return images.loaded(data, subject)


def _unjelly(data: bytes, subject: str) -> Any:
    from twisted.persisted.aot import unjellyFromSource

    try:
        return unjellyFromSource(io.StringIO(data.decode("utf-8")))
    except FOREIGN as error:
        raise UnloadableError(subject, f"loading it failed with {words(error)}", "write it again with sob") from error


def proven(data: bytes, kind: str) -> tuple[bytes, str]:
    """The graph that we would save of what Twisted alone loads, in a process of its own; or why it cannot load it."""
    command = [sys.executable, "-c", "from tapdaemon.persist.stock import main; main()", kind]
    done = subprocess.run(command, input=data, capture_output=True, check=False)  # noqa: S603 - ourselves again
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (done.stdout, "") if done.returncode == 0 else (b"", lines[-1] if lines else f"status {done.returncode}")


def main() -> None:
    """In the process of its own: loads what is on standard input as Twisted does."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "application")
        with open(path, "wb") as file:
            file.write(sys.stdin.buffer.read())
        try:
            application = service.loadApplication(path, STYLES[sys.argv[1]])
        except FOREIGN as error:
            sys.exit(words(error))
        sys.stdout.buffer.write(pickling.dump([application]).payload)


def dump(application: Any, kind: str) -> bytes:
    """A file that `twistd -f` (a pickle) or `twistd -s` (source) runs.

    :raises UnsavableError: with every object that stock sob cannot hold, or what it would lose.
    """
    name = str(service.IService(application).name or "application")
    subject = f"application {name}"
    ours = _twisteds(application, name)
    persistent: Any = sob.IPersistable(ours)
    persistent.setStyle(STYLES[kind])
    data = _written(ours, kind, subject)
    payload, failure = proven(data, kind)
    if failure:
        raise UnsavableError(subject, [f"{name}: saved, but Twisted cannot load it again: {failure}"])
    lost = comparison.differences(symbols.read(pickling.dump([ours]).payload), symbols.read(payload))
    lines = [f"{one.way}: {comparison.change(one)}" for one in lost]
    if lines:
        raise UnsavableError(subject, lines)
    return data


def _written(application: Any, kind: str, subject: str) -> bytes:
    try:
        return _WRITERS[kind](application)
    except Exception as error:
        name = subject.removeprefix("application ")
        lines = list(_unsavable(application))
        raise UnsavableError(subject, lines or [f"{name}: {words(error)}"]) from error


def _unsavable(application: Any) -> Iterator[str]:
    """Every object that a pickle without rules cannot hold."""
    for place, value in saving.every(application):
        try:
            _reduced(value)
        except FOREIGN as error:
            yield str(saving.line(place, value, words(error)))


def _reduced(value: Any) -> None:
    """Ask what a pickle without rules asks of an object, in the protocol that `twisted.persisted.sob` writes."""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        pickle.dumps(value, 2)
    elif type(value) not in kinds.ATOMS and type(value) not in (tuple, list, dict, set, frozenset):
        registered = copyreg.dispatch_table.get(type(value))
        (registered or (lambda one: one.__reduce_ex__(2)))(value)


def _source(application: Any) -> bytes:
    """As `aot.jellyToSource` writes it, without three of its faults."""
    from twisted.persisted import aot

    base: Any = aot.AOTJellier

    class Jellier(base):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            super().__init__()
            self._alive: list[Any] = []

        def prepareForRef(self, aoref: Any, object: Any) -> None:  # noqa: A002, N802 - the names of the one it replaces
            """It looks objects up by id after they are gone: where one takes another's, both become one."""
            self._alive.append(object)
            super().prepareForRef(aoref, object)

        def jellyToAO(self, obj: Any) -> Any:  # noqa: N802 - the same
            """Interfaces have no state but a name; since Python 3.11 that of an object without attributes is None."""
            name = _global_name(obj)
            if name:
                return aot.Class(name)
            if id(obj) in self.prepared or not _is_bare(obj):
                return super().jellyToAO(obj)
            reference = aot.Ref()
            self.prepareForRef(reference, obj)
            reference.setObj(aot.Instance(f"{type(obj).__module__}.{type(obj).__qualname__}"))
            return reference

    text: str = aot.getSource(Jellier().jelly(application))
    return text.encode("utf-8")


def _global_name(value: Any) -> str:
    """The name of an object that pickles as one: an interface of zope.interface."""
    kind: Any = type(value)
    if isinstance(value, type) or kind.__reduce__ is object.__reduce__:
        return ""
    reduction = value.__reduce__() if hasattr(value, "__module__") else ()
    return f"{value.__module__}.{reduction}" if isinstance(reduction, str) else ""


def _is_bare(value: Any) -> bool:
    """Whether a value is an object of a class of somebody's, with no attributes, that Python saves in its own way."""
    kind: Any = type(value)
    return (
        kind.__getstate__ is object.__getstate__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and kind not in copyreg.dispatch_table
        and getattr(value, "__dict__", None) == {}
        and not isinstance(value, type)
    )


_WRITERS: Mapping[str, Callable[[Any], bytes]] = {
    STOCK_PICKLE: lambda application: pickle.dumps(application, 2),  # the protocol that sob writes
    STOCK_SOURCE: _source,
}


def _twisteds(application: Any, name: str) -> Any:
    """The same services below a root of Twisted's own, which runs where this project is not installed."""
    if not isinstance(application, Application):
        return application
    process = service.IProcess(application)
    made = service.Application(name, _number(process.uid, _user), _number(process.gid, _group))
    for interface in (service.IService, service.IServiceCollection):
        made.setComponent(interface, interface(application))
    return made


def _number(identity: int | str | None, find: Callable[[str], int]) -> int | None:
    """A user or group as stock Twisted wants it."""
    if not isinstance(identity, str):
        return identity
    try:
        return find(identity)
    except KeyError:
        raise UnknownUserError(
            identity, "this machine has no such user or group, and stock Twisted knows numbers only", "create it first"
        ) from None


def _user(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    import grp

    return grp.getgrnam(name).gr_gid
