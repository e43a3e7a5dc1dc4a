"""Work done in a forked child, whose answer comes back whole or not at all: nothing there harms the application.

The child has one thread and the state of one moment.  Of the parent's descriptors it keeps the pipe alone, it is
silent, and it ends without running anybody's cleanup.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import mmap
import os
import pickle
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from tapdaemon.errors import words

_WORD = struct.Struct("Q")
_PIPE = 1 << 20
"""Bytes that the pipe holds: large change sets go through it in few turns."""
LIMIT = 120.0
"""Seconds after which a child that has not answered hangs: in a lock that another thread held at the fork, say."""


class Outcome(NamedTuple):
    """What became of the work.

    :param answer: what it returned; None if it did not.
    :param trouble: why it did not, in words.
    :param suspect: the identity of the object that was being asked when the child ended; 0 if none was.
    """

    answer: Any = None
    trouble: str = ""
    suspect: int = 0


class Apart:
    """A fork at work: made at once, asked for its outcome later.

    :param work: told a function that notes an object before code of its own runs; returns plain values.
    :raises OSError: there can be no fork.
    """

    def __init__(self, work: Callable[[Callable[[Any], None]], Any]) -> None:
        self._note = mmap.mmap(-1, _WORD.size)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # beyond what this user may have of pipes: the usual 64 KiB do
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            with warnings.catch_warnings():
                # Since Python 3.12 it warns where there are threads; the child waits for none of their locks for ever.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._child = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if self._child == 0:
            _live(work, writing, self._note)
        os.close(writing)
        self._fd = reading
        self._parts: list[bytes] = []

    def fileno(self) -> int:
        """What becomes readable when there is something for `take`; -1 when the child has been waited for."""
        return self._fd

    def take(self) -> bool:
        """Read what is there.  Returns whether that was all."""
        part = os.read(self._fd, _PIPE)
        self._parts.append(part)
        return not part

    def end(self, late: str = "") -> Outcome:
        """What became of the work, once `take` has said that this is all.

        :param late: why the child is not waited for any longer; it is killed then.
        """
        os.close(self._fd)
        self._fd = -1
        if late:
            os.kill(self._child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        (suspect,) = _WORD.unpack(self._note[:])
        self._note.close()
        if late:
            return Outcome(trouble=late, suspect=suspect)
        if status:
            ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
            return Outcome(trouble=f"it ended the process with {ended}", suspect=suspect)
        answer, trouble = pickle.loads(b"".join(self._parts))  # noqa: S301 - our own child wrote it
        return Outcome(answer, trouble, suspect if trouble else 0)


def run(work: Callable[[Callable[[Any], None]], Any], limit: float = LIMIT) -> Outcome:
    """Do the work in a fork, and wait for its answer.

    :param work: see `Apart`.
    :param limit: in seconds.
    :raises OSError: there can be no fork.
    """
    child = Apart(work)
    end = time.monotonic() + limit
    poll = select.poll()
    poll.register(child.fileno(), select.POLLIN | select.POLLHUP)
    while poll.poll(max(end - time.monotonic(), 0) * 1000):
        if child.take():
            return child.end()
    return child.end(f"it was not done within {limit:g} s")


def _live(work: Callable[[Callable[[Any], None]], Any], writing: int, note: mmap.mmap) -> None:
    """The child's whole life."""
    status = 1
    try:
        gc.disable()
        _alone(writing)

        def watch(value: Any) -> None:
            note[:] = _WORD.pack(id(value))

        try:
            told: tuple[Any, str] = (work(watch), "")
        except Exception as error:  # noqa: BLE001 - told to the parent
            told = (None, words(error))
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(told, pipe, 5)
        status = 0
    finally:
        os._exit(status)


def _alone(kept: int) -> None:
    """No descriptor but one, and nothing to be heard: the parent's connections must end when the parent ends them."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a group is told to stop together; the parent waits for this one
    signal.set_wakeup_fd(-1)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    logger = sys.modules.get("twisted.logger")
    if logger is not None:
        for observer in list(logger.globalLogPublisher._observers):  # noqa: SLF001 - the only list of them
            logger.globalLogPublisher.removeObserver(observer)
