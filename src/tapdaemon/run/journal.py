"""Twisted's log events as journal entries, over journald's native protocol; it chooses no destination.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ gives the wire format, systemd.journal-fields(7) the names.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Mapping
from types import FrameType
from typing import IO, Any

from twisted.logger import LogEvent, LogLevel, eventAsText
from twisted.python.failure import Failure

SOCKET = "/run/systemd/journal/socket"
PRIORITIES: Mapping[Any, int] = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_LOGGING = ("twisted.logger", "twisted.python.log", "tapdaemon.run.journal")


def priority(event: LogEvent) -> int:
    """syslog(3)'s number for an event's level."""
    return PRIORITIES.get(event.get("log_level"), 6)


def message(event: LogEvent) -> str:
    """The event's text with its traceback, if it has one."""
    return eventAsText(event, includeTimestamp=False, includeSystem=False).rstrip("\n")


def fields(event: LogEvent, name: str, place: tuple[str, int, str] | None) -> dict[str, str]:
    """The fields of an entry.

    :param name: the tap's.
    :param place: source file, line and function that logged.
    """
    entry = {
        "MESSAGE": message(event),
        "PRIORITY": str(priority(event)),
        "SYSLOG_IDENTIFIER": name,
        "TAP_NAME": name,
        "TWISTED_NAMESPACE": str(event.get("log_namespace", "")),
    }
    system = event.get("log_system")
    if isinstance(system, str):
        entry["TWISTED_SYSTEM"] = system
    failure = _failure(event)
    if failure is not None:
        entry["TRACEBACK"] = failure.getTraceback()
        entry["ERROR_TYPE"] = f"{type(failure.value).__module__}.{type(failure.value).__qualname__}"
    if place is not None:
        entry["CODE_FILE"], entry["CODE_LINE"], entry["CODE_FUNC"] = place[0], str(place[1]), place[2]
    return entry


def encode(entry: Mapping[str, str]) -> bytes:
    """The datagram of an entry: a value with a newline goes with its length, 64 bits, little-endian."""
    parts = []
    for name, value in entry.items():
        data = value.encode("utf-8", "backslashreplace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


class JournalObserver:
    """An ILogObserver that writes to journald.

    :param name: the tap's.
    :raises OSError: journald's socket cannot be reached.
    """

    def __init__(self, name: str, path: str = SOCKET) -> None:
        self._name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def __call__(self, event: LogEvent) -> None:
        self.send(encode(fields(event, self._name, _place(event))))

    def send(self, datagram: bytes) -> None:
        """Send an entry; one too large for a datagram goes in a sealed memory file."""
        try:
            self._socket.send(datagram)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            fd = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                view = memoryview(datagram)
                while view:
                    view = view[os.write(fd, view) :]
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
                socket.send_fds(self._socket, [b""], [fd])
            finally:
                os.close(fd)


class PrefixObserver:
    """An ILogObserver that writes lines with the <N> prefixes of sd-daemon(3)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        prefix = f"<{priority(event)}>"
        self._stream.write("".join(f"{prefix}{line}\n" for line in message(event).splitlines()))
        self._stream.flush()


def _failure(event: LogEvent) -> Failure | None:
    """The failure of an event; twisted.python.log.err has it under a name of its own."""
    failure = event.get("log_failure") or event.get("failure")
    return failure if isinstance(failure, Failure) else None


def _place(event: LogEvent) -> tuple[str, int, str] | None:
    """Where the event came from: a failure's innermost frame, else the caller of the logging functions."""
    failure = _failure(event)
    if failure is not None and failure.frames:
        function, file, line = failure.frames[-1][:3]
        return file, line, function
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what inspect uses, without its cost
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_LOGGING):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
