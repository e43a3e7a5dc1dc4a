"""Writes files whole: beside their place, flushed, renamed.

On failure nothing is left behind.  It knows nothing of taps.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets

from tapdaemon.errors import CannotCreateError, ChangedError, TapError, WriteError, os_reason

_FULL = (errno.ENOSPC, errno.EDQUOT)
_IDENTITY = ("st_dev", "st_ino", "st_size", "st_mtime_ns")


def write_whole(path: str, data: bytes) -> None:
    """Put `data` at `path`, mode 0600 whatever the umask, or leave what was there.

    The order is that of rename(2)'s guarantee: write a temporary file in the same folder, fsync it, rename it over
    the old one, fsync the folder.

    :raises CannotCreateError: the folder is missing or may not be written.
    :raises WriteError: the disk is full or failed half-way.
    """
    temporary = write_beside(path, data)
    try:
        os.rename(temporary, path)
        sync_folder(path)
    except OSError as error:
        discard(temporary)
        raise cannot_write(path, error) from error


def replace_whole(path: str, data: bytes, before: os.stat_result) -> None:
    """Put `data` in the place of a file that was read, with its mode and owner.

    Who owns its folder may swap files and folders meanwhile, and root may be the one who writes: nothing is written
    unless that folder, held open, has that very file in it, unchanged.

    :param before: the status of what was read.
    :raises ChangedError: another file is there by now, or none.
    :raises CannotCreateError, WriteError: as `write_whole`.
    """
    folder, name = os.path.split(os.path.realpath(path))
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        if _identity(name, fd) != tuple(getattr(before, part) for part in _IDENTITY):
            raise ChangedError(path, "it changed meanwhile", "do it again")
        owner = before.st_uid, before.st_gid
        temporary = write_beside(path, data, before.st_mode & 0o777, owner, folder_fd=fd)
        try:
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
            os.fsync(fd)
        except OSError as error:
            discard(temporary, fd)
            raise cannot_write(path, error) from error
    finally:
        os.close(fd)


def _identity(name: str, folder_fd: int) -> tuple[int, ...] | None:
    try:
        status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return tuple(getattr(status, part) for part in _IDENTITY)


def write_beside(
    path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None, *, folder_fd: int | None = None
) -> str:
    """Write and fsync a temporary file in the folder of `path`; return its path.  Raises as `write_whole`.

    :param mode: permission bits, whatever the umask.
    :param owner: user and group, where they are not to be the writer's.
    :param folder_fd: that folder, open; what is returned is then a name in it.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder if folder_fd is None else "", f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, 0o600, dir_fd=folder_fd)
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
        discard(temporary, folder_fd)
        raise cannot_write(path, error) from error
    return temporary


def discard(path: str, folder_fd: int | None = None) -> None:
    """Remove a file that may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path, dir_fd=folder_fd)


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
