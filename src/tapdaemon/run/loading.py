"""The application of a run: its base, made, with the changes of its newest snapshot; and its next snapshot."""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.logger import Logger

from tapdaemon.errors import TapError, within
from tapdaemon.persist import images
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.run.options import Options
from tapdaemon.run.predecessor import Precursor
from tapdaemon.run.privileges import regained
from tapdaemon.run.snapshots import Snapshots
from tapdaemon.run.source import Source, resumable
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile.container import TapImage
from tapdaemon.tapfile.manifest import TOP, LeftOut

log = Logger("tapd")


class State(NamedTuple):
    """What is kept of a running application, at the moments that matter; see `tapdaemon.persist.state.four`.

    :param ready: the start is over.
    :param last: the services are about to be told to stop.
    :param save: writes a snapshot and returns its path; told whether the application goes on.
    :param trial: tells what a snapshot would not keep, some time later; told the reactor.
    """

    ready: Callable[[], None]
    last: Callable[[], None]
    save: Callable[[bool], str]
    trial: Callable[[Any], None]


class Loaded(NamedTuple):
    """An application on its way to run.

    :param state: None where nothing is kept.
    :param settle: moves aside what was passed over, when this process is the one that counts.
    :param missed: what a check tells of the snapshot: passed over, or left out when it was written.
    """

    application: Any
    state: State | None = None
    settle: Callable[[], None] = lambda: None
    missed: tuple[str, ...] = ()


def load(
    options: Options,
    here: Surroundings,
    source: Source,
    precursor: Precursor,
    take: Callable[[list[tuple[int, str]]], None],
) -> Loaded:
    """The application, from its base and its newest snapshot.

    Runs code of the tap, so privileges have been dropped.

    :param take: told the sockets that a predecessor hands over, before changes are applied.
    :raises TapError: as the source, the snapshots and the objects have it.
    """
    image = source.image()
    # The real uid: with --euid root can be had back, and then only what root wrote may be obeyed.
    store = Snapshots(
        os.path.abspath(options.state_dir or here.state or os.getcwd()),
        source.name,
        os.getuid(),
        lambda text: log.warn("{text}", text=text),
        patient=precursor.is_there or options.check,
        unsealed=source.unsealed,
    )
    if resumable(source) and not options.no_save:
        with regained():
            store.check_writable()  # before code of the tap runs, which may fail for the same reason
    if precursor.is_there:
        from tapdaemon.persist.rules import descriptions

        descriptions.watch()  # a systemd: endpoint is parsed when the sockets are there
    # The base beforehand: it is the slow part, and in a reload the old process serves meanwhile.  One whose making
    # itself listens needs the sockets first.
    if image is not None and any(one.service == TOP for one in image.manifest.needs.listen):
        _wait(precursor, take)
    application = source.load()
    if not resumable(source):
        log.info("made from {path}, whose state is not kept (-y implies -o)", path=source.path)
        _wait(precursor, take)
        return Loaded(application)
    forgets = image.manifest.forgets if image is not None else ()
    baseline = Baseline(application, images.own_modules(image) if image is not None else (), forgets)
    _wait(precursor, take)
    with regained():
        resumed = None if options.fresh else store.resume(source.base(), source.path)
    if resumed is not None and image is not None and resumed.generation <= image.manifest.lineage.generation:
        resumed = None  # the tap is a snapshot itself, and the newer one
    changed = resumed.image if resumed is not None else image
    if resumed is None:
        why = "--fresh" if options.fresh else f"no snapshot of it in {store.folder}"
        log.info("made {path}: {why}", path=source.path, why=why)
    if changed is not None and changed.changes is not None and not options.fresh:
        path = resumed.path if resumed is not None else source.path
        is_same = changed.manifest.lineage.base in ("", source.base().content)
        lost = _apply(changed, path, application, baseline, is_same=is_same)
        log.info("resumed {path}, generation {number}", path=path, number=changed.manifest.lineage.generation)
        if lost and resumed is not None:
            store.keep(resumed.path, "partly-resumed")
    state = None
    if not options.no_save:
        with regained():
            latest = store.generation() if options.fresh else 0
        known = changed.manifest.lineage.generation if changed is not None else 0
        saver = Saver(application, source, store, baseline, max(known, latest, resumed.generation if resumed else 0))
        state = State(baseline.take_ready, baseline.take_last, saver.save, saver.trial)
    has_resumed = changed is not None and changed.changes is not None and not options.fresh
    left_out = changed.manifest.left_out if changed is not None and has_resumed else ()
    missed = (*store.passed_over(), *(f"not kept: {one}" for one in left_out))
    return Loaded(application, state, store.settle, missed)


def _apply(image: TapImage, path: str, application: Any, baseline: Baseline, *, is_same: bool) -> list[str]:
    """Put a change set onto the base; says what of it has no place any more.

    :raises TapError: it cannot be read.
    """
    from tapdaemon.persist.codec import styles
    from tapdaemon.persist.state import applying

    assert image.changes is not None
    try:
        with within(path):
            payload = styles.codec(image.manifest.style).decode_changes(image.changes)
            applied = applying.apply(payload, application, baseline, is_same=is_same)
    except TapError as error:
        if "--fresh" not in error.remedy:
            error.remedy = f"{error.remedy}; or start from the base with --fresh, which keeps the snapshot"
        raise
    for line in applied.lost:
        log.warn("{path}: not resumed: {line}", path=path, line=line)
    return applied.lost


def _wait(precursor: Precursor, take: Callable[[list[tuple[int, str]]], None]) -> None:
    """Take the sockets of a predecessor, once."""
    passed = precursor.wait_for_sockets()
    if passed is not None:
        take(passed)


class Saver:
    """Writes the application's snapshots, each with a generation of its own.

    :param generation: of the snapshot that it came from, or 0.
    """

    def __init__(self, application: Any, source: Source, store: Snapshots, baseline: Baseline, generation: int) -> None:
        self._application = application
        self._source = source
        self._store = store
        self._baseline = baseline
        self._generation = generation
        self._told: set[LeftOut] = set()

    def save(self, is_running: bool) -> str:
        """Write one.  Returns its path."""
        from tapdaemon.persist.state import saving

        source, baseline = self._source, self._baseline
        if not is_running:
            baseline.take_stopped()
        changes = saving.save(baseline, is_running=is_running)
        self._tell(changes.left_out)
        image = images.snapshot(
            self._application,
            source.image(),
            source.base().content,
            changes,
            generation=self._generation + 1,
            reason="reload" if is_running else "shutdown",
        )
        sealed = source.sealed(image)
        with regained():
            path = self._store.write(sealed)
        self._generation += 1
        return path

    def trial(self, reactor: Any) -> None:
        """Say what a snapshot would not keep, while it can still be mended; the application goes on meanwhile."""
        from tapdaemon.persist.state import saving
        from tapdaemon.run.trial import Trial

        images.prepare()
        Trial(reactor, lambda: saving.trial(self._baseline), self._tell)

    def _tell(self, left_out: tuple[LeftOut, ...]) -> None:
        """Once for each place."""
        for one in left_out:
            if one not in self._told:
                self._told.add(one)
                log.warn("not kept: {line}", line=str(one))


def watch_endpoints() -> None:
    """From here on endpoints made from strings remember them, for the snapshot to name.

    Before READY only where the application has endpoints at all: importing them takes its time.
    """
    if "twisted.internet.endpoints" in sys.modules:
        from tapdaemon.persist.rules import descriptions

        descriptions.watch()
