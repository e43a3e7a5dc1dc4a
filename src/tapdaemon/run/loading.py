"""The application of a run, from its base or the snapshot that goes on from it, and its next snapshot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from tapdaemon.errors import TapError, UnloadableError
from tapdaemon.persist import descriptions, images
from tapdaemon.run.options import Options
from tapdaemon.run.privileges import regained
from tapdaemon.run.snapshots import Resumed, Snapshots
from tapdaemon.run.source import Source, resumable
from tapdaemon.run.surroundings import Surroundings

log = Logger("tapd")


def load(options: Options, here: Surroundings, source: Source) -> tuple[Any, Callable[[], str] | None]:
    """The application, from its snapshot or its base, and what writes its snapshot (None where none is wanted).

    Runs code of the tap, so privileges have been dropped.

    :raises TapError: as the source, the snapshots and the payload have it.
    """
    state = options.state_dir or here.state or os.getcwd()
    if not resumable(source):
        descriptions.watch()  # before the file imports serverFromString by name
        log.info("made from {path}, whose state is not kept (-y implies -o)", path=source.path)
        return source.load(), None
    # The real uid: with --euid root can be had back, and then only what root wrote may be obeyed.
    store = Snapshots(os.path.abspath(state), source.name, os.getuid(), lambda text: log.warn("{text}", text=text))
    with regained():
        if not options.no_save:
            store.check_writable()
        resumed = None if options.fresh else store.resume(source.base(), source.path)
    application = _resume(resumed, source) if resumed is not None else source.load()
    if resumed is not None:
        log.info("resumed {path}, generation {number}", path=resumed.path, number=resumed.generation)
    else:
        why = "--fresh" if options.fresh else f"no snapshot of it in {store.folder}"
        log.info("loaded {path}: {why}", path=source.path, why=why)
    watch_endpoints()
    if options.no_save:
        return application, None
    generation = (resumed.generation if resumed is not None else 0) + 1
    return application, lambda: _save(application, source, store, generation)


def _resume(resumed: Resumed, source: Source) -> Any:
    """Load a snapshot, and put on it what a base made with --keep-state declares anew."""
    fresh = source.load() if _is_moved(resumed, source) else None
    try:
        application = images.load(resumed.image, resumed.path)
    except TapError as error:
        error.remedy = f"{error.remedy}; or start from the base with --fresh, which keeps the snapshot"
        raise
    if fresh is not None and source.manifest is not None:
        from tapdaemon.persist import redeclare  # needed once, after the base was declared anew

        missing = redeclare.apply(source.manifest.lineage.moved, fresh, application)
        if missing:
            raise UnloadableError(
                resumed.path,
                "it no longer has what the base declares anew: " + ", ".join(missing),
                "start from the base with --fresh, which keeps the snapshot",
            )
    return application


def _is_moved(resumed: Resumed, source: Source) -> bool:
    return bool(
        source.manifest is not None
        and source.manifest.lineage.moved
        and resumed.image.manifest.lineage.base != source.base().content
    )


def _save(application: Any, source: Source, store: Snapshots, generation: int) -> str:
    image = images.snapshot(application, source.image(), source.base().content, generation)
    with regained():
        return store.write(image)


def watch_endpoints() -> None:
    """From here on endpoints made from strings remember them, for the snapshot to name.

    Before READY only where the application has endpoints at all: importing them takes its time.
    """
    if "twisted.internet.endpoints" in sys.modules:
        descriptions.watch()
