"""Tells the service manager how it goes (sd_notify(3)), through sdnotify; it decides nothing.

sdnotify's gaps are filled here: it connects once and hides failures, and has neither barrier nor watchdog.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

MESSAGE_MAX = 4096
"""Bytes in a datagram; the manager drops a longer one without a word."""
_BARRIER_TIMEOUT = 5.0
EXTENSION = 30.0
"""Seconds that each EXTEND_TIMEOUT_USEC asks for while a snapshot is written."""
EXTENSIONS_MAX = 20


class Notifier(Protocol):
    """What the rest of the house knows of the service manager."""

    def ready(self, status: str) -> None: ...
    def status(self, text: str) -> None: ...
    def stopping(self, status: str) -> None: ...
    def failed(self, status: str, errno: int) -> None: ...
    def ping(self) -> None: ...
    def extend(self, seconds: float) -> None: ...
    def barrier(self) -> None: ...
    def store(self, fd: int, name: str) -> None: ...
    def discard(self, name: str) -> None: ...
    def hand_over(self, pid: int) -> None: ...
    def speak(self) -> None: ...


class SilentNotifier:
    """Where nobody listens."""

    def ready(self, status: str) -> None:
        """Nobody waits."""

    def status(self, text: str) -> None:
        """Nobody reads."""

    def stopping(self, status: str) -> None:
        """Nobody waits."""

    def failed(self, status: str, errno: int) -> None:
        """Nobody reads."""

    def ping(self) -> None:
        """Nobody watches."""

    def extend(self, seconds: float) -> None:
        """Nobody counts."""

    def barrier(self) -> None:
        """Nobody to wait for."""

    def store(self, fd: int, name: str) -> None:
        """Nobody keeps it."""

    def discard(self, name: str) -> None:
        """Nobody kept it."""

    def hand_over(self, pid: int) -> None:
        """Nobody supervises."""

    def speak(self) -> None:
        """Nobody listens."""


class SystemdNotifier:
    """sd_notify(3).

    :param path: NOTIFY_SOCKET: a path, or @NAME for an abstract one.
    :param report: told when the manager cannot be reached; the application goes on.
    :param muted: until `speak` the manager supervises another process and would take nothing from us.
    """

    def __init__(self, path: str, report: Callable[[str], None], *, muted: bool = False) -> None:
        # sdnotify reads the environment in its constructor and nowhere else; children must not inherit it.
        os.environ["NOTIFY_SOCKET"] = path
        try:
            import sdnotify

            self._notifier: Any = sdnotify.SystemdNotifier(debug=True)
        except OSError as error:
            report(f"systemd cannot be reached at {path}: {error}")
            self._notifier = None
        finally:
            del os.environ["NOTIFY_SOCKET"]
        self._path = path
        self._report = report
        self._muted = muted
        self._unsaid: list[tuple[str, int]] = []

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={one_line(status)}")

    def status(self, text: str) -> None:
        self._send(f"STATUS={one_line(text)}")

    def stopping(self, status: str) -> None:
        self._send(f"STOPPING=1\nSTATUS={one_line(status)}")

    def failed(self, status: str, errno: int) -> None:
        self._send(f"STATUS={one_line(status)}" + (f"\nERRNO={errno}" if errno else ""))

    def ping(self) -> None:
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def speak(self) -> None:
        """The manager knows us from here on; sockets that were bound before are stored now."""
        self._muted = False
        unsaid, self._unsaid = self._unsaid, []
        for name, fd in unsaid:
            self.store(fd, name)
            os.close(fd)

    def _send(self, message: str) -> None:
        if self._notifier is None or self._muted:
            return
        try:
            self._notifier.notify(message)
        except OSError as error:
            self._report(f"systemd cannot be told {message.partition('=')[0]}: {error}")

    def store(self, fd: int, name: str) -> None:
        """Let the manager keep a descriptor (sd_pid_notify_with_fds(3)), so that it outlives this process."""
        if self._muted:
            self._unsaid.append((name, os.dup(fd)))
            return
        self._send_with_fds(f"FDSTORE=1\nFDNAME={name}", [fd])

    def discard(self, name: str) -> None:
        """Let the manager close what it keeps under this name."""
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def hand_over(self, pid: int) -> None:
        """Name the process that is to be supervised in our place, and wait until the manager knows."""
        self._send(f"MAINPID={pid}")
        self.barrier()
        self._muted = True

    def barrier(self) -> None:
        """Wait until the manager has read all that was sent, so that it knows who sent it before we exit."""
        if self._notifier is None or self._muted:
            return
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            sent = self._send_with_fds("BARRIER=1", [writing])
            os.close(writing)
            writing = -1
            if sent:
                import select

                select.select([reading], [], [], _BARRIER_TIMEOUT)
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def _send_with_fds(self, message: str, fds: list[int]) -> bool:
        if self._notifier is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect("\0" + self._path[1:] if self._path.startswith("@") else self._path)
                socket.send_fds(channel, [message.encode("ascii", "replace")], fds)
        except OSError as error:
            self._report(f"systemd cannot be told {message.partition('=')[0]}: {error}")
            return False
        return True


def one_line(text: str) -> str:
    """A status as the protocol and sdnotify can carry it: one line, ASCII, well below a datagram's size."""
    folded = " ".join(text.split()).encode("ascii", "replace").decode()
    return folded[: MESSAGE_MAX // 4]


@contextlib.contextmanager
def extended(notifier: Notifier) -> Iterator[None]:
    """Ask for more time before the manager's patience ends, again and again while the block runs, up to ten minutes."""
    done = threading.Event()

    def ask() -> None:
        for _ in range(EXTENSIONS_MAX):
            if done.wait(EXTENSION / 2):
                return
            notifier.extend(EXTENSION)

    notifier.extend(EXTENSION)
    asking = threading.Thread(target=ask, name="extend-timeout", daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()
