"""Writes files whole: beside their place, flushed, renamed.

On failure nothing is left behind.  It knows nothing of taps.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets

from tapdaemon.errors import CannotCreateError, TapError, WriteError, os_reason

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Put `data` at `path`, or leave what was there.

    The order is that of rename(2)'s guarantee: write a temporary file in the same folder, fsync it, rename it over
    the old one, fsync the folder.

    :param mode: permission bits, whatever the umask.
    :param owner: user and group, where they are not to be the writer's.
    :raises CannotCreateError: the folder is missing or may not be written.
    :raises WriteError: the disk is full or failed half-way.
    """
    temporary = write_beside(path, data, mode, owner)
    try:
        os.rename(temporary, path)
        sync_folder(path)
    except OSError as error:
        discard(temporary)
        raise cannot_write(path, error) from error


def write_beside(path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> str:
    """Write and fsync a temporary file in the folder of `path`; return its path.  Raises as `write_whole`."""
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        discard(temporary)
        raise cannot_write(path, error) from error
    return temporary


def discard(path: str) -> None:
    """Remove a file that may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(path: str) -> None:
    """Make a rename in the folder of `path` durable."""
    fd = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def cannot_write(path: str, error: OSError) -> TapError:
    """The error that a failed write of `path` is."""
    reason = f"cannot be written: {os_reason(error)}"
    if error.errno in _FULL:
        return WriteError(path, reason, "free some space; nothing was left half-written")
    if error.errno == errno.EIO:
        return WriteError(path, reason, "look at the disk; nothing was left half-written")
    return CannotCreateError(path, reason, "name a folder that this user may write")
