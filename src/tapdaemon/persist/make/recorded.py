"""What a recipe reads while it is followed: the files that it opens, the folders that it lists, the variables.

The law: recording changes nothing that the application sees.  `os.environ` stays the object that it was, and the audit
hook, which cannot be taken away again (sys.addaudithook), does nothing while no recording is open.  C code that opens
files by itself is not seen (OpenSSL's keys are: `reads` finds those).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

from tapdaemon.persist.make import everywhere, provenance
from tapdaemon.tapfile.fields import CONTROL

_OURS = ("tapdaemon", "twisted", "zope", "click")
"""Packages whose own looks at the environment are no wish of the application's."""
_IMPORTERS = (
    "importlib", "_frozen_importlib", "_frozen_importlib_external", "linecache", "pkgutil", "zipimport",
    "pkg_resources",
)  # fmt: skip
"""What opens modules: to import them, or to show their lines in a traceback."""
_PLUGINS = ("twisted.plugin", "twisted.python.modules")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_MADE = frozenset({"os.mkdir", "sqlite3.connect"})
"""Events that name what is written without an open of Python's own."""


_PASSED = None
_ASKED = (False, False)
Walk = dict[str, tuple[bool, bool] | None]
"""The names that an iteration of the environment has passed; of those that were asked for since, is_set and is_wish."""


class Seen(NamedTuple):
    """One thing that was opened.

    :param path: absolute, without a step back in it.
    :param given: the path as the application wrote it.
    :param folder: the working folder at that moment.
    """

    path: str
    given: str
    folder: str

    @classmethod
    def now(cls, given: str) -> Seen:
        path = os.path.abspath(given)
        if ".." in given.split("/"):  # a step back from where a link leads is the kernel's to know
            path = os.path.join(os.path.realpath(os.path.dirname(given)), os.path.basename(given))
        return cls(os.path.normpath(path), given, os.getcwd())


class Recorded:
    """What was read and written, filled while the recording is open; `files` and the rest are asked afterwards.

    :param without: files that the recipe's own reader opens: the .tac.
    """

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        self._without = {os.path.abspath(path) for path in without}
        self._read: dict[tuple[str, str], Seen] = {}
        self._written: dict[str, Seen] = {}
        self._variables: dict[str, bool] = {}
        self._walk: Walk = {}
        self._home = os.path.expanduser("~")

    # ---- told

    def opened(self, given: str, *, writes: bool) -> None:
        seen = Seen.now(given)
        if writes:
            self._written.setdefault(seen.path, seen)
        elif os.path.exists(given):  # what was looked for in vain is missed nowhere
            self._read.setdefault((seen.path, given), seen)

    def asked(self, name: str, *, is_set: bool, is_wish: bool = True) -> None:
        """A variable was looked at.

        :param is_set: whether it was set before the making.
        :param is_wish: whether it is the application that wants it.
        """
        if self._walk.get(name, _ASKED) is _PASSED:
            self._walk[name] = (is_set, is_wish)
        elif is_wish:
            self._variables.setdefault(name, is_set)

    def walked(self) -> Walk:
        """The names of the environment are gone through once more, and are put into what is returned."""
        self._variables, self._walk = self._looked_at(), {}
        return self._walk

    def _looked_at(self) -> dict[str, bool]:
        """The variables with those of the last walk; one that asked for each name that it passed was a copy."""
        walk = self._walk.items()
        if all(asked is not _PASSED for _, asked in walk):
            return self._variables
        return {name: asked[0] for name, asked in walk if asked is not _PASSED and asked[1]} | self._variables

    # ---- asked

    @property
    def files(self) -> tuple[str, ...]:
        """Files and folders that it read, absolute, sorted; none that it had written itself."""
        return tuple(sorted({seen.path for seen in self._reads() if not CONTROL.search(seen.path)}))

    @property
    def environment(self) -> tuple[str, ...]:
        """The variables that it read, set or not, sorted."""
        return tuple(sorted(name for name in self._looked_at() if not CONTROL.search(name)))

    def warnings(self, tap: str, writable: Iterable[str] = ()) -> list[str]:
        """What may be otherwise where the tap starts, a line each.

        :param tap: its name, that of its unit.
        :param writable: folders that were named already.
        """
        named = tuple(f"{os.path.abspath(folder).rstrip('/')}/" for folder in writable)
        return [*self._of_reads(), *self._of_writes(named), *self._of_variables(tap)]

    def _of_reads(self) -> Iterator[str]:
        for seen in sorted(self._reads()):
            if CONTROL.search(seen.path):
                yield f"it reads {seen.path!a}, a name that no tap can declare: bind it with a drop-in of your own"
            if not os.path.isabs(seen.given):
                yield f"it reads {seen.given}, a relative path: each start reads it from {seen.folder}"
            if self._is_at_home(seen.path):
                yield (
                    f"it reads {self._short(seen.path)}: that is in the home folder of who makes the tap, "
                    "which a unit does not rely on; put it elsewhere"
                )

    def _of_writes(self, named: tuple[str, ...]) -> Iterator[str]:
        for seen in sorted(self._written.values()):
            is_named = f"{seen.path}/".startswith(named) or os.path.dirname(seen.path) in self._written
            # What is gone again was a temporary file.
            if os.path.exists(seen.path) and not is_named and not everywhere.has_file(seen.path):
                yield f"it writes {seen.path} while it is made: name its folder with --writable"

    def _of_variables(self, tap: str) -> Iterator[str]:
        is_set = self._looked_at()
        for name in self.environment:
            if is_set[name]:
                yield f"it reads ${name}: put it into /etc/default/tap-{tap} for the unit"

    def _reads(self) -> list[Seen]:
        return [
            seen
            for seen in self._read.values()
            if seen.path not in self._without and seen.path not in self._written and not everywhere.has_file(seen.path)
        ]

    def _is_at_home(self, path: str) -> bool:
        return self._home not in ("", "/") and f"{path}/".startswith(f"{self._home.rstrip('/')}/")

    def _short(self, path: str) -> str:
        return "~" + path[len(self._home.rstrip("/")) :]


_recording: list[Recorded] = []
"""The open recording, if one is: what the hook tells."""
_hook: list[Callable[[str, tuple[Any, ...]], None]] = []
"""The hook, once it was added."""


@contextmanager
def recorded(without: tuple[str, ...] = ()) -> Iterator[Recorded]:
    """While open, what is read is noted.

    :param without: files that are left out: the .tac itself.
    """
    found = Recorded(without)
    if not _hook:
        _hook.append(_heard)
        sys.addaudithook(_heard)
    kinds = [(one, type(one)) for one in (os.environ, os.environb)]
    before = {os.fsdecode(name) for name in os.environb}
    for one, kind in kinds:
        one.__class__ = _watching(kind, found, before)
    _recording.append(found)
    try:
        yield found
    finally:
        _recording.remove(found)
        for one, kind in kinds:
            one.__class__ = kind


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook.  An exception of it would be the application's."""
    if not _recording:
        return
    if event == "open":
        path, flags = arguments[0], arguments[2]
        writes = isinstance(flags, int) and bool(flags & _WRITES)
        if writes and isinstance(path, (str, bytes)) and os.path.isdir(path):
            return  # a temporary file without a name, or one that tempfile opens by itself
    elif event in ("os.listdir", "os.scandir"):
        path, writes = "." if arguments[0] is None else arguments[0], False
    elif event in _MADE:
        path, writes = arguments[0], True
    else:
        return
    if isinstance(path, (str, bytes, os.PathLike)) and not _is_machinery(sys._getframe(1)):  # noqa: SLF001 - who asks
        given = os.fsdecode(path)
        if given and not given.startswith((":memory:", "file:")) and "\0" not in given:
            with suppress(FileNotFoundError):  # the working folder is gone: nothing relative to it can be named
                _recording[-1].opened(given, writes=writes)


def _is_machinery(frame: FrameType | None) -> bool:
    """Whether a file is opened by an import, by the search for plugins, or by mktap itself.

    The frames of the standard library and of Twisted are passed until one tells.  The code of a module that is being
    imported stands before the importer.
    """
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        root = name.partition(".")[0]
        if root in _IMPORTERS or name in _PLUGINS or root == "tapdaemon":
            return True
        if root not in sys.stdlib_module_names and root != "twisted":
            return False
        if root == "twisted" and not name.startswith("twisted.python."):
            return False
        frame = frame.f_back
    return False


def _watching(kind: Any, found: Recorded, before: set[str]) -> Any:
    """The class of an environment, as one that notes which names it is asked for.

    :param before: the names that were set before.
    """
    own: set[str] = set()  # what the making has set itself

    class Watching(kind):  # type: ignore[misc]  # which of the two it is, is known at run time
        def __getitem__(self, key: Any) -> Any:
            if isinstance(key, (str, bytes)):  # else the environment itself says so
                name, frame = os.fsdecode(key), sys._getframe(1)  # noqa: SLF001 - who asks
                is_ours = name in own or everywhere.has_variable(name) or _is_ours(frame)
                is_wish = not is_ours and (name in before or not _is_librarys_import(frame))
                found.asked(name, is_set=name in before, is_wish=is_wish)
            return super().__getitem__(key)

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(key, value)
            own.add(os.fsdecode(key))

        def __iter__(self) -> Iterator[Any]:
            walk = found.walked()
            for key in super().__iter__():
                walk.setdefault(os.fsdecode(key))
                yield key

    return Watching


_PASSERS = frozenset({"_collections_abc", "collections", "functools", "os", "posixpath", "re", "string"})
"""Modules of the standard library that ask for what their caller names; the others ask for what is their own."""


def _is_ours(frame: FrameType | None) -> bool:
    """Whether a variable is asked for by Twisted, by mktap or by the standard library, and not for the application."""
    while frame is not None:
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root not in _PASSERS:
            return root in _OURS or root in sys.stdlib_module_names
        frame = frame.f_back
    return False


def _is_librarys_import(frame: FrameType | None) -> bool:
    """Whether an installed module that is being imported asks: for a switch of its own, if the variable is not set."""
    while frame is not None:
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root in _IMPORTERS:
            return True
        if root not in sys.stdlib_module_names and not provenance.is_installed(frame.f_code.co_filename):
            return False
        frame = frame.f_back
    return False
