"""tapctl edit: a tap's graph as text in an editor, and back: a tap that verifies, or nothing.  Nothing of it is run."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import click

import tapdaemon
from tapdaemon.cli.opening import opened
from tapdaemon.cli.reporting import printable
from tapdaemon.errors import ChangedError, TapError, UsageError
from tapdaemon.tapfile import graphs, nodes, revision
from tapdaemon.tapfile.container import TapImage, decode, encode
from tapdaemon.tapfile.whole import replace_whole

WRITER = f"tapctl edit, tapdaemon {tapdaemon.__version__}"
_IN_MEMORY = "/dev/shm"  # noqa: S108 - the file in it is made with mkstemp, mode 0600


def edit(path: str, passphrase_file: str | None) -> str:
    """Let somebody edit the tap at `path`.  Returns the closing line.

    :raises TapError: what was written is no graph, and nobody is there to mend it; the tap is as it was.
    """
    path = os.path.realpath(path)
    tap = opened(path, passphrase_file)
    before = graphs.roots(tap.image, path)
    # What was sealed is not written to a disk in the clear.
    folder = _IN_MEMORY if tap.lock is not None and os.path.isdir(_IN_MEMORY) else None

    def put(text: bytes) -> str:
        new = _revised(tap.image, before, text)
        data = encode(tap.closed(new))
        decode(data, path)
        replace_whole(path, data, tap.status)
        addresses = ", ".join(listen.address for listen in new.manifest.needs.listen) or "no declared address"
        return f"{path}: {len(data)} bytes, {addresses}"

    return _edited(graphs.form("source").write(before), folder, put) or f"{path}: unchanged"


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
    except click.ClickException as error:
        raise UsageError("", error.format_message(), "name your editor in $VISUAL or $EDITOR") from error


def _revised(image: TapImage, before: list[Any], text: bytes) -> TapImage:
    """The tap with the graph that a text says; every name in it is one that tapd would let through."""
    from tapdaemon.persist.rules.gate import Gate, needed_by

    try:
        after = graphs.form("source").read(text)
        gate = Gate(needed_by(image))
        for name in nodes.names(after):
            gate.check_module(name.module, name.name)
    except TapError as error:
        error.remedy = error.remedy if error.status != os.EX_DATAERR else "mend that line"
        raise
    return revision.revised(image, before, after, time=int(time.time()), writer=WRITER)
