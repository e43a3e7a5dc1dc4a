"""Signals, and what each asks of a running process; a handler only passes it on to the reactor's own thread."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

Asked = Callable[[str], None]
"""What is done, told the signal's name."""
LATER = (signal.SIGHUP, signal.SIGUSR1)
STOPS = (signal.SIGTERM, signal.SIGINT)


def ignore_for_now() -> None:
    """Until `handle`: by default these would end a process that is still loading."""
    for number in LATER:
        signal.signal(number, signal.SIG_IGN)


def handle(reactor: Any, *, stop: Asked, hangup: Asked, reopen: Asked, is_ours: bool) -> Callable[[], Taken]:
    """From here on, as daemon(7) and twistd have them.

    What the making of the application has set for SIGHUP and SIGUSR1 stays, as under twistd.

    :param stop: for SIGTERM and SIGINT; a second one finds it stopping.
    :param hangup: for SIGHUP.
    :param reopen: for SIGUSR1.
    :param is_ours: whether SIGHUP is a reload that somebody waits for: then the application's handler is not called.
    :returns: call it when the application has started, see `Taken`.
    """
    asked = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hangup, signal.SIGUSR1: reopen}
    kept = {number for number in LATER if callable(signal.getsignal(number))} - ({signal.SIGHUP} if is_ours else set())

    def pass_on(number: int, _: object) -> None:
        reactor.callFromThread(asked[signal.Signals(number)], signal.Signals(number).name)

    for number in asked.keys() - kept:
        signal.signal(number, pass_on)

    def retake() -> Taken:
        took_hangup = is_ours and signal.getsignal(signal.SIGHUP) is not pass_on
        if took_hangup:
            signal.signal(signal.SIGHUP, pass_on)
        own = [number for number in STOPS if signal.getsignal(number) is not pass_on]
        return Taken([number for number in own if callable(signal.getsignal(number))], took_hangup)

    return retake


class Taken(NamedTuple):
    """What a start has done to handlers of ours.

    :param stops: the signals of `STOPS` that the application handles itself.
    :param hangup: whether SIGHUP was taken back from it.
    """

    stops: list[signal.Signals]
    hangup: bool


def before(number: signal.Signals, first: Callable[[], None]) -> None:
    """Let `first` run before the application's own handler of a signal."""
    theirs = signal.getsignal(number)
    assert callable(theirs)

    def both(got: int, frame: FrameType | None) -> None:
        first()
        theirs(got, frame)

    signal.signal(number, both)
