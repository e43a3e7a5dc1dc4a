"""The tap that was asked for, in whichever form it comes; opened before privileges are dropped, loaded after.

A tap, a raw pickle or .tas as `twisted.persisted.sob` writes them, or a .tac: the rest of the house sees one thing.
Opening reads the manifest at most; `load` runs the application's code.
"""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any, Protocol

from tapdaemon.errors import TapMissingError, UnloadableError, UnreadableError, UsageError
from tapdaemon.run.options import Options
from tapdaemon.run.snapshots import Base
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile import folders, trust
from tapdaemon.tapfile.container import TapFile, TapImage, open_tap
from tapdaemon.tapfile.manifest import Manifest


class Source(Protocol):
    """What a run starts from.

    path: where it was found.  name: the tap's.  manifest: of a tap; None in any other form.
    """

    path: str
    name: str
    manifest: Manifest | None

    def base(self) -> Base: ...
    def image(self) -> TapImage | None: ...
    def load(self) -> Any: ...
    def close(self) -> None: ...


class TapSource:
    """A tap.  It stays open, so that what is loaded is what was checked."""

    def __init__(self, path: str, name: str, uid: int) -> None:
        self.path, self.name = path, name
        self._file = TapFile(path, uid)
        self.manifest: Manifest | None = self._file.manifest
        self._image: TapImage | None = None

    def base(self) -> Base:
        return Base.of(self._file.manifest)

    def image(self) -> TapImage:
        if self._image is None:
            self._image = self._file.image()
        return self._image

    def load(self) -> Any:
        from tapdaemon.persist import images

        return images.load(self.image(), self.path)

    def close(self) -> None:
        self._file.__exit__(None, None, None)


class RawSource:
    """What stock sob wrote: a pickle, or the source that `twisted.persisted.aot` writes (which runs as a program)."""

    manifest: Manifest | None = None

    def __init__(self, path: str, name: str, uid: int, *, aot: bool) -> None:
        self.path, self.name, self._aot = path, name, aot
        self._fd = open_tap(path)
        trust.check(path, self._fd, uid)
        self._data: bytes | None = None

    def _bytes(self) -> bytes:
        if self._data is None:
            with open(os.dup(self._fd), "rb") as file:
                file.seek(0)
                self._data = file.read()
        return self._data

    def base(self) -> Base:
        return Base(hashlib.sha256(self._bytes()).hexdigest())

    def image(self) -> TapImage | None:
        return None

    def load(self) -> Any:
        from tapdaemon.persist import images, pickling

        return images.whole(self._unjelly() if self._aot else pickling.loads(self._bytes()), self.path)

    def _unjelly(self) -> Any:
        from twisted.persisted.aot import unjellyFromSource

        try:
            return unjellyFromSource(io.StringIO(self._bytes().decode("utf-8")))
        except Exception as error:
            raise UnloadableError(
                self.path,
                f"loading it failed with {type(error).__name__}: {error}",
                "write it again with sob",
            ) from error

    def close(self) -> None:
        os.close(self._fd)


class PythonSource:
    """A .tac file, or any Python file that sets `application`."""

    manifest: Manifest | None = None

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.name = folders.stem(os.path.splitext(path)[0])
        if not os.path.isfile(path):
            raise TapMissingError(path, "no such file", "look at the path given with -y")

    def base(self) -> Base:
        return Base("")

    def image(self) -> TapImage | None:
        return None

    def load(self) -> Any:
        from tapdaemon.core.code import run_tac

        return run_tac(self.path)[0]

    def close(self) -> None:
        """Nothing is open."""


def find(options: Options, here: Surroundings, uid: int) -> Source:
    """Open what the options name.

    :param uid: whose files, beside root's, may be obeyed.
    :raises TapError: missing, not readable, not trusted, damaged.
    """
    if options.encrypted:
        raise UsageError("-e", "this version reads no sealed taps, and never sealed one", "leave -e out")
    if options.python is not None:
        return PythonSource(options.python)
    if options.source is not None:
        return RawSource(options.source, folders.stem(options.source.removesuffix(".tas")), uid, aot=True)
    if options.instance is not None:
        path, name = _installed(folders.check_name(options.instance), here), options.instance
    else:
        path = options.tap or options.file
        name = folders.lineage_name(path)
    try:
        if _is_raw(path):
            return RawSource(path, name, uid, aot=False)
        return TapSource(path, name, uid)  # and where it is no tap either, that says so
    except UnreadableError as error:
        if here.systemd:
            error.remedy = "run 'systemctl daemon-reload', so that the unit is handed the tap"
        raise


def _is_raw(path: str) -> bool:
    """Whether a file begins as a pickle: the PROTO opcode with protocol 2 to 5, as sob writes them."""
    fd = open_tap(path)
    try:
        head = os.pread(fd, 2, 0)
    finally:
        os.close(fd)
    return len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5  # noqa: PLR2004 - the opcode and its protocols


def _installed(name: str, here: Surroundings) -> str:
    """Where --instance finds its tap: the unit's credential, what a root step staged, the three folders.

    In a reload what was staged comes first: the credential is still that of the start.
    """
    places = [os.path.join(here.credentials, "tap")] if here.credentials else []
    staged = os.path.join(folders.STAGE_FOLDER, name + folders.SUFFIX)
    places.insert(0 if here.predecessor is not None else len(places), staged)
    return next((place for place in places if here.systemd and os.path.exists(place)), None) or folders.find(name)


def resumable(source: Source) -> bool:
    """Whether the source has snapshots at all: a .tac is made anew at each start, as with twistd."""
    return not isinstance(source, PythonSource)
