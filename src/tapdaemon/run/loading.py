"""The application of a run, from its base or the snapshot that goes on from it, and its next snapshot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.logger import Logger

from tapdaemon.errors import TapError, UnloadableError
from tapdaemon.persist import images
from tapdaemon.persist.make import outside
from tapdaemon.persist.rules import descriptions
from tapdaemon.run.options import Options
from tapdaemon.run.predecessor import Precursor
from tapdaemon.run.privileges import regained
from tapdaemon.run.snapshots import Resumed, Snapshots
from tapdaemon.run.source import Source, resumable
from tapdaemon.run.surroundings import Surroundings

log = Logger("tapd")


class Loaded(NamedTuple):
    """An application on its way to run.

    :param save: writes its next snapshot and returns its path; None where none is wanted.
    :param settle: moves aside what was passed over, when this process is the one that counts.
    """

    application: Any
    save: Callable[[], str] | None = None
    settle: Callable[[], None] = lambda: None


def load(
    options: Options,
    here: Surroundings,
    source: Source,
    precursor: Precursor,
    take: Callable[[list[tuple[int, str]]], None],
) -> Loaded:
    """The application, from its snapshot or its base.

    Runs code of the tap, so privileges have been dropped.

    :param take: told the sockets that a predecessor hands over, before the application is loaded for good.
    :raises TapError: as the source, the snapshots and the payload have it.
    """
    state = options.state_dir or here.state or os.getcwd()
    if not resumable(source):
        descriptions.watch()  # before the file imports serverFromString by name
        log.info("made from {path}, whose state is not kept (-y implies -o)", path=source.path)
        application = source.load()
        _wait(precursor, take)
        return Loaded(application)
    # The base beforehand: importing what it needs is the slow part, and the old process serves meanwhile.
    prepared = source.load() if precursor.is_there else None
    _wait(precursor, take)
    # The real uid: with --euid root can be had back, and then only what root wrote may be obeyed.
    store = Snapshots(
        os.path.abspath(state),
        source.name,
        os.getuid(),
        lambda text: log.warn("{text}", text=text),
        patient=precursor.is_there,
        unsealed=source.unsealed,
    )
    with regained():
        if not options.no_save:
            store.check_writable()
        resumed = None if options.fresh else store.resume(source.base(), source.path)
    if resumed is not None:
        application = _resume(resumed, source)
        log.info("resumed {path}, generation {number}", path=resumed.path, number=resumed.generation)
    else:
        application = prepared if prepared is not None else source.load()
        why = "--fresh" if options.fresh else f"no snapshot of it in {store.folder}"
        log.info("loaded {path}: {why}", path=source.path, why=why)
    watch_endpoints()
    _replay(application)
    save = None
    if not options.no_save:
        save = Saver(application, source, store, resumed.generation if resumed is not None else 0)
    return Loaded(application, save, store.settle)


def _replay(application: Any) -> None:
    from twisted.internet import reactor

    outside.replay(application, reactor)


def _wait(precursor: Precursor, take: Callable[[list[tuple[int, str]]], None]) -> None:
    passed = precursor.wait_for_sockets()
    if passed is not None:
        take(passed)


class Saver:
    """Writes the application's snapshots, each with a generation of its own.

    :param generation: of the snapshot that it came from, or 0.
    """

    def __init__(self, application: Any, source: Source, store: Snapshots, generation: int) -> None:
        self._application = application
        self._source = source
        self._store = store
        self._generation = generation

    def __call__(self) -> str:
        """Write one.  Returns its path."""
        source = self._source
        image = images.snapshot(self._application, source.image(), source.base().content, self._generation + 1)
        sealed = source.sealed(image)
        with regained():
            path = self._store.write(sealed)
        self._generation += 1
        return path


def _resume(resumed: Resumed, source: Source) -> Any:
    """Load a snapshot, and put on it what a base made with --keep-state declares anew."""
    fresh = source.load() if _is_moved(resumed, source) else None
    try:
        application = images.load(resumed.image, resumed.path)
    except TapError as error:
        error.remedy = f"{error.remedy}; or start from the base with --fresh, which keeps the snapshot"
        raise
    base = source.image()
    if fresh is not None and base is not None:
        from tapdaemon.persist import redeclare  # needed once, after the base was declared anew

        missing = redeclare.apply(base.manifest.lineage.moved, fresh, application)
        if missing:
            raise UnloadableError(
                resumed.path,
                "it no longer has what the base declares anew: " + ", ".join(missing),
                "start from the base with --fresh, which keeps the snapshot",
            )
    return application


def _is_moved(resumed: Resumed, source: Source) -> bool:
    base = source.image()
    return bool(
        base is not None
        and base.manifest.lineage.moved
        and resumed.image.manifest.lineage.base != source.base().content
    )


def watch_endpoints() -> None:
    """From here on endpoints made from strings remember them, for the snapshot to name.

    Before READY only where the application has endpoints at all: importing them takes its time.
    """
    if "twisted.internet.endpoints" in sys.modules:
        descriptions.watch()
