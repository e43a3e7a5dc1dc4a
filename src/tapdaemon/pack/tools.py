"""Runs the builders that distributions have, in a folder of their own; their words are shown when they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tapdaemon.errors import EX_UNAVAILABLE, CannotCreateError, StartError, os_reason

PACKAGES: Mapping[str, str] = {
    "dpkg": "dpkg",
    "dpkg-deb": "dpkg",
    "rpmbuild": "rpm (rpm-build on Fedora)",
    "strip": "binutils",
    "dpkg-source": "dpkg-dev",
    "gpg": "gnupg",
    "rpmsign": "rpm (rpm-sign on Fedora)",
}
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


def stripped(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files, shared objects without their symbols for debugging, as dh_strip leaves them.

    :raises ToolMissingError: there is something to strip, and no strip(1).
    """
    done = dict(files)
    for place, content in files.items():
        if content.startswith(b"\x7fELF") and b".symtab" in content:
            strip = require("strip")
            with scratch() as work:
                path = os.path.join(work, "object")
                with open(path, "wb") as file:
                    file.write(content)
                sections = ["--remove-section=.comment", "--remove-section=.note"]
                run([strip, "--strip-unneeded", *sections, path], {"PATH": os.environ.get("PATH", os.defpath)}, work)
                with open(path, "rb") as file:
                    done[place] = file.read()
    return done


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


def deliver(finished: Mapping[str, str]) -> list[int]:
    """Put finished files in their places, each whole, all or none; their sizes in bytes.

    :param finished: where each is to be, and where it was made.
    :raises CannotCreateError: a place cannot be written.
    """
    from tapdaemon.tapfile.whole import write_whole

    sizes: list[int] = []
    try:
        for target, made in finished.items():
            with open(made, "rb") as file:
                data = file.read()
            write_whole(target, data)
            sizes.append(len(data))
            os.chmod(target, 0o644)
    except BaseException:
        for target in list(finished)[: len(sizes)]:
            os.unlink(target)
        raise
    return sizes


def signing_environment() -> dict[str, str]:
    """What gpg needs to find the key and to ask for its passphrase (gpg-agent(1))."""
    names = ("HOME", "GNUPGHOME", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "TERM", "PATH")
    return {name: os.environ[name] for name in names if name in os.environ} | {"LC_ALL": "C.UTF-8"}
