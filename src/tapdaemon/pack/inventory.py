"""A package as an inventory of files before it is one: paths, modes, contents; laid out in a folder at the end.

What is laid out is the same for the same inventory, whoever does it, where and when: modes are set whatever the umask,
and every time is the package's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file.

    :param path: in the installed system, absolute.
    :param mode: its permission bits.
    """

    path: str
    content: bytes
    mode: int = 0o644


def lay_out(entries: Iterable[Entry], root: str, epoch: int) -> None:
    """Write the files below `root`, folders 0755, all times `epoch` (seconds).

    :raises OSError: as the writing does.
    """
    for entry in entries:
        path = os.path.join(root, entry.path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(entry.content)
        os.chmod(path, entry.mode)
        os.utime(path, (epoch, epoch))
    settle(root, epoch)


def archive(entries: Iterable[Entry], top: str, epoch: int) -> bytes:
    """The files as a .tar.gz, in the order of their names and nobody's in particular: the same bytes everywhere.

    :param top: the folder in which they lie, or empty.
    """
    import gzip
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in sorted(entries, key=lambda one: one.path):
            member = tarfile.TarInfo(os.path.join(top, entry.path.lstrip("/")))
            member.size, member.mode, member.mtime = len(entry.content), entry.mode, epoch
            tar.addfile(member, io.BytesIO(entry.content))
    return gzip.compress(buffer.getvalue(), 6, mtime=0)


def settle(root: str, epoch: int) -> None:
    """Set the mode and time of every folder: last, for writing into one changes it."""
    for folder, _, _ in os.walk(root, topdown=False):
        os.chmod(folder, 0o755)  # noqa: S103 - what installed folders have
        os.utime(folder, (epoch, epoch))
