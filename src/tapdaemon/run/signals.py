"""Signals, and what each asks of a running process; a handler only passes it on to the reactor's own thread."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

Asked = Callable[[str], None]
"""What is done, told the signal's name."""
LATER = (signal.SIGHUP, signal.SIGUSR1)


def ignore_for_now() -> None:
    """Until `handle`: by default these would end a process that is still loading."""
    for number in LATER:
        signal.signal(number, signal.SIG_IGN)


def handle(reactor: Any, *, stop: Asked, hangup: Asked, reopen: Asked) -> None:
    """From here on, as daemon(7) and twistd have them.

    :param stop: for SIGTERM and SIGINT; a second one finds it stopping.
    :param hangup: for SIGHUP.
    :param reopen: for SIGUSR1.
    """
    asked = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hangup, signal.SIGUSR1: reopen}

    def pass_on(number: int, _: object) -> None:
        reactor.callFromThread(asked[signal.Signals(number)], signal.Signals(number).name)

    for number in asked:
        signal.signal(number, pass_on)
