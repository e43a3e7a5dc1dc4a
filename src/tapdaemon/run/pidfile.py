"""The pidfile: locked for the life of the process; it never reads a pid to decide whether somebody runs.

flock(2) on a kept descriptor survives a fork (an fcntl lock does not) and is gone with the process, so a stale or
empty file never blocks a start and a reused pid is never mistaken for ours.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import Protocol

from tapdaemon.errors import AlreadyRunningError, CannotCreateError, os_reason


class Pidfile(Protocol):
    def fds(self) -> list[int]: ...
    def write(self) -> None: ...
    def made(self) -> None: ...
    def remove(self) -> None: ...


class NoPidfile:
    """Where none was asked for."""

    def fds(self) -> list[int]:
        return []

    def write(self) -> None:
        """No file."""

    def made(self) -> None:
        """No file."""

    def remove(self) -> None:
        """No file."""


class LatePidfile:
    """One that a maker has set: locked and written when the application is made, as twistd writes it."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._file: Pidfile = NoPidfile()

    def fds(self) -> list[int]:
        return []

    def write(self) -> None:
        """Not yet."""

    def made(self) -> None:
        """Lock and write it.

        :raises AlreadyRunningError, CannotCreateError: as `LockedPidfile`.
        """
        self._file = LockedPidfile(self._path)
        self._file.write()

    def remove(self) -> None:
        self._file.remove()


class LockedPidfile:
    """A pidfile whose lock is held from here on.

    :raises AlreadyRunningError: another process holds it; with that process's pid.
    :raises CannotCreateError: the file cannot be made.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._fd = self._locked()

    def _locked(self) -> int:
        while True:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            except OSError as error:
                raise CannotCreateError(
                    f"pidfile {self.path}",
                    f"cannot be written: {os_reason(error)}",
                    "name another with --pidfile",
                ) from error
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                os.close(fd)
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise CannotCreateError(f"pidfile {self.path}", f"cannot be locked: {os_reason(error)}") from error
                raise AlreadyRunningError(f"pidfile {self.path}", f"process {pid or '(starting)'} runs") from None
            if self._is_at_path(fd):
                return fd
            os.close(fd)  # the one before us removed it between our open and our lock

    def _is_at_path(self, fd: int) -> bool:
        try:
            found, ours = os.stat(self.path), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)

    def fds(self) -> list[int]:
        """The descriptors to keep open when daemonizing."""
        return [self._fd]

    def write(self) -> None:
        """Write our pid: after daemonizing, for that changes it."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def made(self) -> None:
        """It stands already."""

    def remove(self) -> None:
        """Remove the file, if its folder still lets us, and let go of the lock."""
        with contextlib.suppress(OSError):
            if self._is_at_path(self._fd):
                os.unlink(self.path)
        os.close(self._fd)
