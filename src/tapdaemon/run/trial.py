"""The trial after READY: a forked child saves the application, and what it leaves out is told; no file is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.logger import Logger

from tapdaemon.errors import os_reason
from tapdaemon.persist.state.apart import LIMIT, Apart
from tapdaemon.persist.state.saving import ChangeSet
from tapdaemon.tapfile.manifest import LeftOut

log = Logger("tapd")


class Trial:
    """One trial; the reactor goes on meanwhile, and reads the child's answer.

    :param begin: forks the child.
    :param tell: told what was left out.
    """

    def __init__(self, reactor: Any, begin: Callable[[], Apart], tell: Callable[[tuple[LeftOut, ...]], None]) -> None:
        self._reactor, self._tell = reactor, tell
        try:
            self._child = begin()
        except OSError as error:
            log.warn("no trial of what can be kept: there can be no fork: {reason}", reason=os_reason(error))
            return
        self._patience = reactor.callLater(LIMIT, self._end, f"it was not done within {LIMIT:g} s")
        self._trigger = reactor.addSystemEventTrigger("before", "shutdown", self._end, "the process stops")
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._child.fileno()

    def doRead(self) -> None:  # noqa: N802 - IReadDescriptor's name
        if self._child.take():
            self._end("")

    def _end(self, late: str) -> None:
        if self._child.fileno() < 0:
            return
        self._reactor.removeReader(self)
        if self._patience.active():
            self._patience.cancel()
        outcome = self._child.end(late)
        if outcome.answer is not None:
            self._tell(_left_out(outcome.answer))
        elif not late:
            log.warn("a trial of what can be kept failed: {trouble}; the stop tries it again", trouble=outcome.trouble)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - IReadDescriptor's name
        """The reactor ends."""

    def logPrefix(self) -> str:  # noqa: N802 - IReadDescriptor's name
        return "trial"


def _left_out(answer: Iterable[Any]) -> tuple[LeftOut, ...]:
    return ChangeSet(*answer).left_out
