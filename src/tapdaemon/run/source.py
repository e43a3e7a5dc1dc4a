"""The tap that was asked for, in whichever form it comes; opened before privileges are dropped, loaded after.

A tap, a raw pickle or .tas as `twisted.persisted.sob` writes them, or a .tac: the rest of the house sees one thing.
Opening reads the manifest at most; `load` runs the application's code.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any, Protocol

from tapdaemon.errors import ContradictionError, TapError, TapMissingError, TapSealedError, UnreadableError
from tapdaemon.run.options import Options
from tapdaemon.run.snapshots import Base
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile import folders, kinds, trust
from tapdaemon.tapfile.container import TapFile, TapImage, open_tap
from tapdaemon.tapfile.manifest import Manifest


class Source(Protocol):
    """What a run starts from.

    path: where it was found.  name: the tap's.  manifest: of a tap, as far as it is in the clear; else None.
    """

    path: str
    name: str
    manifest: Manifest | None

    def base(self) -> Base: ...
    def image(self) -> TapImage | None: ...
    def load(self) -> Any: ...
    def unsealed(self, image: TapImage, path: str) -> TapImage: ...
    def sealed(self, image: TapImage) -> TapImage: ...
    def close(self) -> None: ...


class _Unsealed:
    """A source that has no passphrase: what it starts from and what it leaves is as it is."""

    def unsealed(self, image: TapImage, path: str) -> TapImage:
        if image.manifest.seal is not None:
            raise TapSealedError(path, "it is sealed")
        return image

    def sealed(self, image: TapImage) -> TapImage:
        return image


class TapSource(_Unsealed):
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
            self._image = self.unsealed(self._file.image(), self.path)
        return self._image

    def load(self) -> Any:
        from tapdaemon.persist import images

        return images.base(self.image(), self.path)

    def close(self) -> None:
        self._file.__exit__(None, None, None)


class SealedSource(TapSource):
    """A sealed tap, and its passphrase: what it is shows only inside, and its snapshots are sealed with the same."""

    def __init__(self, path: str, name: str, uid: int, find: Callable[[], bytes]) -> None:
        super().__init__(path, name, uid)
        from tapdaemon.persist.sealing import Lock

        self._lock = Lock(find())

    def base(self) -> Base:
        return Base.of(self.image().manifest)

    def unsealed(self, image: TapImage, path: str) -> TapImage:
        from tapdaemon.persist.sealing import unseal

        return unseal(image, self._lock, path)

    def sealed(self, image: TapImage) -> TapImage:
        from tapdaemon.persist.sealing import seal

        return seal(image, self._lock)


class RawSource(_Unsealed):
    """What stock sob wrote: a pickle, or the source that `twisted.persisted.aot` writes (which runs as a program)."""

    manifest: Manifest | None = None

    def __init__(self, path: str, name: str, uid: int, kind: str) -> None:
        self.path, self.name, self._kind = path, name, kind
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
        return Base(None, hashlib.sha256(self._bytes()).hexdigest())

    def image(self) -> TapImage | None:
        return None

    def load(self) -> Any:
        from tapdaemon.persist import stock

        return stock.load(self._bytes(), self._kind, self.path)

    def close(self) -> None:
        os.close(self._fd)


class PythonSource(_Unsealed):
    """A .tac file, or any Python file that sets `application`."""

    manifest: Manifest | None = None

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.name = folders.stem(os.path.splitext(path)[0])
        if not os.path.isfile(path):
            raise TapMissingError(path, "no such file", "look at the path given with -y")

    def base(self) -> Base:
        return Base(None, "")

    def image(self) -> TapImage | None:
        return None

    def load(self) -> Any:
        from tapdaemon.core.code import install_tac, run_tac

        return run_tac(self.path, install_tac(self.path)[0])

    def close(self) -> None:
        """Nothing is open."""


def find(options: Options, here: Surroundings, uid: int, typed: bytes | None = None) -> Source:
    """Open what the options name.

    :param uid: whose files, beside root's, may be obeyed.
    :param typed: the passphrase, where it was asked for already.
    :raises TapError: missing, not readable, not trusted, damaged, sealed without a passphrase.
    """
    source = _find(options, here, uid, typed)
    if options.encrypted and (source.manifest is None or source.manifest.seal is None):
        source.close()
        raise ContradictionError("-e", f"{source.path} is not sealed", "leave -e out")
    return source


def settings(options: Options, here: Surroundings, uid: int) -> tuple[tuple[str, str], ...]:
    """Tapd's options that the tap's makers have set; none of what is no tap, or of one that `find` will refuse."""
    if options.python is not None or options.source is not None:
        return ()
    try:
        path = _path(options, here)
        if kinds.kind(path) != kinds.TAP:
            return ()
        with TapFile(path, uid) as file:
            manifest = file.manifest
    except TapError:
        return ()
    # A maker that looks for its pidfile before it starts (carbon's) must not find the one that is written for it.
    names = {"pidfile": "late_pidfile"} if manifest.base == "recipe" else {}
    return tuple((names.get(name, name), text) for name, text in manifest.process.options)


def _path(options: Options, here: Surroundings) -> str:
    if options.instance is not None:
        return _installed(folders.check_name(options.instance), here)
    return options.tap or options.file


def _find(options: Options, here: Surroundings, uid: int, typed: bytes | None) -> Source:
    if options.python is not None:
        return PythonSource(options.python)
    if options.source is not None:
        return RawSource(options.source, folders.stem(options.source.removesuffix(".tas")), uid, kinds.STOCK_SOURCE)
    path = _path(options, here)
    name = options.instance or folders.lineage_name(path)
    try:
        if kinds.kind(path) == kinds.STOCK_PICKLE:
            return RawSource(path, name, uid, kinds.STOCK_PICKLE)
        source = TapSource(path, name, uid)  # and where it is no tap either, that says so
        if source.manifest is None or source.manifest.seal is None:
            return source
        source.close()
        return SealedSource(path, name, uid, lambda: typed or passphrase(path, options, here))
    except UnreadableError as error:
        if here.systemd:
            error.remedy = "run 'systemctl daemon-reload', so that the unit is handed the tap"
        raise


def passphrase(path: str, options: Options, here: Surroundings) -> bytes:
    """The passphrase of a sealed tap: from the file that was named, the credential, or the terminal.

    :raises TapError: there is none.
    """
    from tapdaemon.tapfile.passphrase import find

    return find(path, options.passphrase_file, here.credentials)


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
