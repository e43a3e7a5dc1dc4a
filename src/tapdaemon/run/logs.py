"""Where log events go: the journal, standard output, a rotating file, syslog, or an observer of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.logger import Logger, globalLogBeginner

from tapdaemon.errors import FOREIGN, CannotCreateError, ContradictionError, TapError, UnknownNameError, os_reason
from tapdaemon.run import journal

Observer = Callable[[Any], None]
DEFAULT_FILE = "twistd.log"


def _no_reopen() -> None:
    """Nothing is open that could have been moved."""


class Log(NamedTuple):
    """A destination.

    :param reopen: opens the file anew after logrotate(8) moved it.
    :param seen: whether the user has it before his eyes, so that an error need not be told twice.
    """

    observer: Observer
    reopen: Callable[[], None] = _no_reopen
    seen: bool = False

    def tell(self, error: TapError, *, systemd: bool) -> None:
        """Once for each reader: a terminal has it on standard error, the journal in the log, a log file both.

        :param systemd: whether standard error goes where the log goes.
        """
        if not self.seen:
            Logger("tapd").critical("{error}", error=str(error))
            error.told = systemd


def choose(
    *,
    name: str,
    logfile: str | None,
    logger: str | None,
    syslog: bool,
    prefix: str,
    daemon: bool,
    journal_here: bool,
) -> Log:
    """The destination that the options ask for, or the one that fits.

    :param name: the tap's.
    :param logfile: a path, or - for standard output.
    :param journal_here: systemd started us, or standard error is the journal.
    :raises ContradictionError: a daemon has no standard output.
    :raises UnknownNameError: no such --logger.
    :raises CannotCreateError: the file cannot be written.
    """
    if logger:
        return Log(_named(logger))
    if syslog:
        from twisted.python.syslog import SyslogObserver

        return Log(_legacy(SyslogObserver(prefix).emit))
    if logfile == "-" and daemon:
        raise ContradictionError("-l -", "a daemon has no standard output", "add -n, or name a file")
    if logfile is None and journal_here:
        return _journal(name)
    if logfile == "-" or (logfile is None and not daemon):
        return Log(_text(sys.stdout), seen=True)
    return _file(logfile or DEFAULT_FILE)


def begin(log: Log) -> None:
    """Send all events there, those that were logged so far included, and what is printed as well."""
    globalLogBeginner.beginLoggingTo([log.observer])  # type: ignore[list-item]  # any callable observes


def _text(stream: Any) -> Observer:
    from twisted.logger import textFileLogObserver

    return textFileLogObserver(stream)


def _journal(name: str) -> Log:
    try:
        return Log(journal.JournalObserver(name))
    except OSError:
        return Log(journal.PrefixObserver(sys.stderr))


def _file(path: str) -> Log:
    from twisted.python.logfile import LogFile

    path = os.path.abspath(path)
    try:
        file = LogFile.fromFullPath(path)
    except OSError as error:
        raise CannotCreateError(
            f"log file {path}",
            f"cannot be written: {os_reason(error)}",
            "name another with -l, or - for standard output",
        ) from error
    return Log(_text(file), reopen=file.reopen)


def _legacy(observer: Observer) -> Observer:
    """An observer that knows the events of twisted.python.log."""
    from twisted.logger import LegacyLogObserverWrapper

    return LegacyLogObserverWrapper(observer)  # type: ignore[arg-type]  # it wraps a callable, whatever its types say


def _named(name: str) -> Observer:
    """As twistd does: what provides no ILogObserver is one of twisted.python.log's."""
    from twisted.logger import ILogObserver
    from twisted.python.reflect import namedAny

    try:
        observer: Observer = namedAny(name)()
    except FOREIGN as error:
        raise UnknownNameError("logger", name, (), f"it cannot be made: {error}") from error
    return observer if ILogObserver.providedBy(observer) else _legacy(observer)
