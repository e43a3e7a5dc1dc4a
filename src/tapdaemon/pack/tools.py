"""Runs the builders that distributions have, in a folder of their own; their words are shown when they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tapdaemon.errors import EX_UNAVAILABLE, CannotCreateError, StartError, os_reason

PACKAGES: Mapping[str, str] = {"dpkg-deb": "dpkg", "rpmbuild": "rpm (rpm-build on Fedora)", "xz": "xz-utils"}
"""Which package has a tool."""


class ToolMissingError(StartError):
    """A builder that this machine does not have."""

    status = EX_UNAVAILABLE


def require(tool: str) -> str:
    """The tool's path.

    :raises ToolMissingError: with the package that has it.
    """
    path = shutil.which(tool)
    if path is None:
        raise ToolMissingError(tool, "not installed here", f"install {PACKAGES[tool]}")
    return path


def run(command: Sequence[str], environ: Mapping[str, str], folder: str) -> str:
    """Run a builder; what it printed.

    :raises StartError: with its own words.
    """
    done = subprocess.run(  # noqa: S603 - paths of ours, and no shell sees them
        list(command), env=dict(environ), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).replace(folder, "")
        raise StartError(os.path.basename(command[0]), f"failed with status {done.returncode}:\n{words}", "")
    return done.stdout


@contextmanager
def scratch() -> Iterator[str]:
    """A folder that is gone afterwards, whatever happened."""
    try:
        folder = tempfile.mkdtemp(prefix="tapdaemon-")
    except OSError as error:
        raise CannotCreateError(tempfile.gettempdir(), f"no folder can be made: {os_reason(error)}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def deliver(made: str, target: str) -> int:
    """Put a finished file in its place, whole; its size in bytes.

    :raises CannotCreateError: the place cannot be written.
    """
    from tapdaemon.tapfile.whole import write_whole

    with open(made, "rb") as file:
        data = file.read()
    write_whole(target, data)
    os.chmod(target, 0o644)
    return len(data)
