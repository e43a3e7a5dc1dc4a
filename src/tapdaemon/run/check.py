"""tapd --check: the way of a start up to its services, told line by line; it binds, writes and runs nothing.

The making itself is the application's code, which may do what it likes: only the reactor is kept quiet.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from tapdaemon.core import distributions
from tapdaemon.errors import StartError, TapError, words
from tapdaemon.run.options import Options, with_settings
from tapdaemon.run.predecessor import NoPredecessor
from tapdaemon.run.privileges import become
from tapdaemon.run.source import Source, find, settings
from tapdaemon.run.start import enter, whom
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile.manifest import Needs


def check(options: Options, here: Surroundings) -> Iterator[str]:
    """Open, drop privileges, make and resume as a start would; a line for each thing that is not as it was.

    :raises TapError: what would end the start.
    """
    options = with_settings(options, settings(options, here, os.geteuid()), systemd=here.systemd)
    with contextlib.closing(find(options, here, os.geteuid())) as source:
        identity = whom(options, here, source)
        enter(options, os.path.abspath(options.rundir))
        become(identity)
        try:
            yield from _made(options, here, source)
        except TapError:
            raise
        except Exception as error:
            raise StartError(source.path, f"making it failed with {words(error)}", "mend that") from error
        yield f"{source.path}: it can be started"


def _made(options: Options, here: Surroundings, source: Source) -> Iterator[str]:
    from tapdaemon.persist.make.quiet import quiet
    from tapdaemon.persist.rules import descriptions
    from tapdaemon.run import loading, reactors

    image = source.image()
    if image is not None:
        yield from _missing(image.manifest.needs, os.environ)  # before the making, which may fail for that
    reactor = reactors.install(options.reactor)
    descriptions.watch()  # a systemd: endpoint is parsed when it listens, and here no socket is passed
    with _warnings() as told, quiet(reactor):
        loaded = loading.load(options, here, source, NoPredecessor(), lambda _: None)
    yield from told
    yield from loaded.missed


def _missing(needs: Needs, environ: Mapping[str, str]) -> Iterator[str]:
    """What the tap declares, and what of it is not here, or not for this user."""
    there = distributions.versions(name for name, _ in needs.distributions)
    yield from (f"{name} {version} is not installed" for name, version in needs.distributions if name not in there)
    for path in needs.files:
        if not os.path.exists(path):
            yield f"{path}: no such file, and its making read it"
        elif not os.access(path, os.R_OK, effective_ids=True):
            yield f"{path}: uid {os.geteuid()} may not read it, and its making did"
    for folder in needs.writable:
        if not os.path.isdir(folder):
            yield f"{folder}: no such folder, and it is to write there"
        elif not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            yield f"{folder}: uid {os.geteuid()} may not write there"
    unset = ", ".join(f"${name}" for name in needs.environment if name not in environ)
    if unset:  # some of them were not set for mktap either: in one line they hide nothing else
        yield f"its making looked at variables that are not set here: {unset}"


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """What a start would put into its log as a warning or an error of its own."""
    from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
    from zope.interface import provider

    lines: list[str] = []

    @provider(ILogObserver)
    def hear(event: LogEvent) -> None:
        if event.get("log_namespace") == "tapd" and event.get("log_level", LogLevel.info) >= LogLevel.warn:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(hear)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(hear)
