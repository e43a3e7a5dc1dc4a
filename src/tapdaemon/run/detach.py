"""Daemonizes as daemon(7) asks, with python-daemon: the parent waits for the daemon's own verdict.

python-daemon's parent exits 0 at once and closes every descriptor it is not told of, so the waiting is done by a
parent of our own, and everything to keep is named.  The reactor must not be imported before `detach`: its epoll would
not survive.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from tapdaemon.errors import EX_SOFTWARE, StartError, TapError


class Verdict(Protocol):
    """Where the outcome of the start is told."""

    def ready(self) -> None: ...
    def failed(self, error: TapError) -> None: ...


class ForegroundVerdict:
    """Whoever runs us in the foreground sees it for himself."""

    def ready(self) -> None:
        """The log says so."""

    def failed(self, error: TapError) -> None:
        """The command prints it and exits."""
        del error


class PipeVerdict:
    """Tells the waiting parent: one line, READY or STATUS and the message."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def ready(self) -> None:
        """:raises StartError: nobody waits any more, and the caller was told that the start failed."""
        try:
            self._tell(b"READY")
        except BrokenPipeError as error:
            raise StartError(
                "tapd", "whoever started it has given up waiting", "allow more with --start-timeout"
            ) from error

    def failed(self, error: TapError) -> None:
        with contextlib.suppress(BrokenPipeError):  # he knows that it failed
            self._tell(f"{error.status} {error}".encode())

    def _tell(self, message: bytes) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.write(fd, message)
            finally:
                os.close(fd)


def detach(
    *, folder: str, umask: int, keep: Sequence[int], limit: float, leave: Callable[[int], None] = os._exit
) -> Verdict:
    """Fork, and return in the daemon only; the parent waits for the verdict and leaves with its status.

    :param keep: descriptors that stay open.
    :param limit: seconds that the parent waits.
    """
    import daemon

    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child:
        os.close(writing)
        leave(_wait(reading, child, limit))
    os.close(reading)
    context = daemon.DaemonContext(
        detach_process=True,
        working_directory=folder,
        umask=umask,
        files_preserve=[writing, *keep],
        signal_map={},  # Twisted sets its own
        prevent_core=False,
    )
    context.open()
    return PipeVerdict(writing)


def _wait(reading: int, child: int, limit: float) -> int:
    """The exit status for the parent, having printed the daemon's error if there is one."""
    os.waitpid(child, 0)  # python-daemon's first fork ends at once; the daemon is its grandchild
    told = b""
    while select.select([reading], [], [], limit)[0]:
        part = os.read(reading, 65536)
        told += part
        if not part:
            break
    else:
        return _say(StartError("tapd", f"the daemon was not ready within {limit:g} s", "look at its log"))
    if told == b"READY":
        return 0
    status, _, message = told.decode("utf-8", "replace").partition(" ")
    if not status.isdigit():
        return _say(StartError("tapd", "the daemon ended before it was ready", "run it with -n to see why"))
    sys.stderr.write(f"tapd: {message}\n")
    sys.stderr.flush()
    return int(status)


def _say(error: TapError) -> int:
    sys.stderr.write(f"tapd: {error}\n")
    sys.stderr.flush()
    return error.status or EX_SOFTWARE
