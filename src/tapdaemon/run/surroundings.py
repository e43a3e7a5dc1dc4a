"""The one door to what the service manager passed: read once, before any import or fork consumes it.

It acts on nothing.

The law: importing twisted.internet.endpoints consumes LISTEN_*, and LISTEN_PID and WATCHDOG_PID are checked against
our own pid, so `take` runs first.  It also strips from the environment what children must not inherit.
"""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import os
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

from tapdaemon.run.handover import VARIABLE

LISTEN_FDS_START = 3  # sd_listen_fds(3)
_OURS = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "SYSTEMD_EXEC_PID",
    "JOURNAL_STREAM",
    VARIABLE,
)
# WATCHDOG_PID would name us: without it the watchdog counts for whoever is told of it.
_SUCCESSORS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM")


class Surroundings(NamedTuple):
    """What surrounds the process.

    :param notify_socket: NOTIFY_SOCKET of sd_notify(3), or empty.
    :param watchdog: seconds between two pings that the manager allows, or None.
    :param listen_fds: descriptor and name of every socket passed, in order; names may repeat.
    :param systemd: whether systemd started this very process.
    :param journal: whether standard error is connected to the journal.
    :param predecessor: the descriptor over which the process that we are to succeed talks to us, or None.
    :param environ: what a successor of ours needs to find itself in the same surroundings.
    """

    notify_socket: str = ""
    watchdog: float | None = None
    listen_fds: tuple[tuple[int, str], ...] = ()
    systemd: bool = False
    journal: bool = False
    credentials: str = ""
    state: str = ""
    predecessor: int | None = None
    environ: Mapping[str, str] = {}


def take(environ: MutableMapping[str, str], pid: int) -> Surroundings:
    """Read and strip the environment.

    SYSTEMD_EXEC_PID is inherited by every descendant, terminals included, so it counts only where it names this
    process (systemd.exec(5)).
    """
    notify = environ.get("NOTIFY_SOCKET", "")
    here = Surroundings(
        notify_socket=notify,
        watchdog=_watchdog(environ, pid),
        listen_fds=_listen_fds(environ, pid),
        systemd=bool(notify) or environ.get("SYSTEMD_EXEC_PID") == str(pid),
        journal=_is_journal(environ.get("JOURNAL_STREAM", "")),
        credentials=environ.get("CREDENTIALS_DIRECTORY", ""),
        state=environ.get("STATE_DIRECTORY", "").partition(":")[0],
        predecessor=_number(environ.get(VARIABLE, "")),
        environ={name: environ[name] for name in _SUCCESSORS if name in environ},
    )
    for name in _OURS:
        environ.pop(name, None)
    return here


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _watchdog(environ: MutableMapping[str, str], pid: int) -> float | None:
    """sd_watchdog_enabled(3): for us if WATCHDOG_PID is ours or absent."""
    period = _number(environ.get("WATCHDOG_USEC", ""))
    if not period or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return period / 1e6


def _listen_fds(environ: MutableMapping[str, str], pid: int) -> tuple[tuple[int, str], ...]:
    """sd_listen_fds_with_names(3)."""
    count = _number(environ.get("LISTEN_FDS", ""))
    if not count or environ.get("LISTEN_PID") != str(pid):
        return ()
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    names += ["unknown"] * (count - len(names))
    return tuple((LISTEN_FDS_START + index, names[index]) for index in range(count))


def _is_journal(stream: str) -> bool:
    """Whether standard error is the stream that JOURNAL_STREAM names: DEVICE:INODE (systemd.exec(5))."""
    device, _, inode = stream.partition(":")
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return (_number(device), _number(inode)) == (status.st_dev, status.st_ino)
