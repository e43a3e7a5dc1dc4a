"""tapctl edit: a tap's graph, or a snapshot's changes, as text in an editor, and back; nothing of it is run.

What is written back is a tap that verifies, or nothing is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

import tapdaemon
from tapdaemon.cli.opening import opened
from tapdaemon.cli.reporting import printable
from tapdaemon.errors import ChangedError, TapError, UsageError
from tapdaemon.tapfile.container import TapImage, decode, encode
from tapdaemon.tapfile.graph import graphs, revision
from tapdaemon.tapfile.whole import replace_whole

WRITER = f"tapctl edit, tapdaemon {tapdaemon.__version__}"
_IN_MEMORY = "/dev/shm"  # noqa: S108 - the file in it is made with mkstemp, mode 0600


def edit(path: str, passphrase_file: str | None) -> str:
    """Let somebody edit the tap at `path`.  Returns the closing line.

    :raises TapError: what was written is no graph, and nobody is there to mend it; the tap is as it was.
    """
    path = os.path.realpath(path)
    tap = opened(path, passphrase_file)
    changes = graphs.changes_of(tap.image, path)
    before = [] if changes is not None else graphs.roots(tap.image, path)
    text = graphs.form("source").write(before) if changes is None else graphs.write_changes(changes, "source")
    # What was sealed is not written to a disk in the clear.
    folder = _IN_MEMORY if tap.lock is not None and os.path.isdir(_IN_MEMORY) else None

    def put(text: bytes) -> str:
        new = _revised(tap.image, before, text) if changes is None else _changed(tap.image, text)
        data = encode(tap.closed(new))
        decode(data, path)
        replace_whole(path, data, tap.status)
        return f"{path}: {len(data)} bytes, {_closing(tap.image, new)}"

    return _edited(text, folder, put) or f"{path}: unchanged"


def _closing(before: TapImage, after: TapImage) -> str:
    """What an edit means for the next start."""
    if after.changes is not None:
        return "whose changes the next start resumes"
    addresses = ", ".join(listen.address for listen in after.manifest.needs.listen) or "no declared address"
    if before.manifest.base == after.manifest.base:
        return addresses
    return f"{addresses}; each start loads this graph now, and its recipe is no longer followed"


def _edited(text: bytes, folder: str | None, put: Callable[[bytes], str]) -> str | None:
    """What `put` answers to what somebody makes of a text; None if nothing.  A slip can be mended, as in visudo(8)."""
    fd, name = tempfile.mkstemp(prefix="tapctl-", suffix=".py", dir=folder)
    with contextlib.ExitStack() as stack:
        stack.callback(os.unlink, name)
        with os.fdopen(fd, "wb") as file:
            file.write(text)
        while True:
            _open_editor(name)
            with open(name, "rb") as file:
                written = file.read()
            if written == text:
                return None
            try:
                return put(written)
            except ChangedError as error:  # by a stop of its application, say
                stack.pop_all()  # the work of an afternoon, perhaps
                error.remedy = f"edit it again; what you wrote is kept in {name}"
                raise
            except TapError as error:
                if not sys.stdin.isatty():
                    raise
                click.echo(f"tapctl: {printable(str(error))}", err=True)
                if not click.confirm("Edit it again? (no leaves the tap as it was)", default=True, err=True):
                    return None


def _open_editor(name: str) -> None:
    try:
        click.edit(filename=name)
    except (click.ClickException, ValueError) as error:  # ValueError: a quote that is not closed
        reason = error.format_message() if isinstance(error, click.ClickException) else f"no command: {error}"
        raise UsageError("", reason, "name your editor in $VISUAL or $EDITOR") from error


def _revised(image: TapImage, before: list[Any], text: bytes) -> TapImage:
    """The tap with the graph that a text says."""
    with _mendable():
        after = graphs.form("source").read(text)
    return revision.revised(image, before, after, time=int(time.time()), writer=WRITER)


def _changed(image: TapImage, text: bytes) -> TapImage:
    """The snapshot with the change set that a text says; its base's graph stays as it is."""
    with _mendable():
        after = graphs.read_changes(text, "source")
    lineage = image.manifest.lineage._replace(time=int(time.time()), writer=WRITER)
    made = graphs.with_changes(image, after)
    return made._replace(manifest=made.manifest._replace(lineage=lineage))


@contextlib.contextmanager
def _mendable() -> Iterator[None]:
    """What is wrong with a text is mended in the editor."""
    try:
        yield
    except TapError as error:
        if error.status == os.EX_DATAERR:
            error.remedy = "mend that line" if "line " in error.reason else "mend the text"
        raise
