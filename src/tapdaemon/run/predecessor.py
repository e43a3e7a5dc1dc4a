"""The successor's side of a reload: started beside the running tap, it prepares, waits, and takes over when told.

The law: it touches nothing that the old process owns (state folder, unit, connections) before it is told `main`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Protocol

from tapdaemon.errors import StartError, TapError
from tapdaemon.run.handover import Channel, Say, close_all
from tapdaemon.run.surroundings import Surroundings

Connections = list[tuple[int, str]]
"""Descriptors of idle connections, with the names of the ports that they came in by."""


class Precursor(Protocol):
    """What was there before this start."""

    is_there: bool

    def wait_for_sockets(self) -> list[tuple[int, str]] | None: ...
    def take_over(self, reactor: Any, main: Callable[[Connections], None], gone: Callable[[], None]) -> None: ...
    def lives(self) -> bool: ...


class NoPredecessor:
    """An ordinary start."""

    is_there = False

    def wait_for_sockets(self) -> list[tuple[int, str]] | None:
        """What systemd passed is all there is."""
        return None

    def take_over(self, reactor: Any, main: Callable[[Connections], None], gone: Callable[[], None]) -> None:
        """There is nobody to wait for."""
        del reactor, gone
        main([])

    def lives(self) -> bool:
        return False


class Predecessor:
    """The process that serves until we are ready; also where the outcome of our start is told (see `detach.Verdict`).

    :param fd: our end of the pair.
    """

    is_there = True

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._channel: Channel | None = Channel(socket.socket(fileno=fd))
        self._main: Callable[[Connections], None] | None = None
        self._has_sockets = False

    def leave_parent(self) -> None:
        """Fork, and go on in the child, whose parent is PID 1: systemd supervises only what it can wait for."""
        if os.fork():
            os._exit(0)
        assert self._channel is not None
        self._channel.send(Say.HELLO, pid=os.getpid())

    def wait_for_sockets(self) -> list[tuple[int, str]] | None:
        """Tell that the slow work is done, and wait until the old process has handed its state and its sockets over.

        Asked again, it answers None: they were taken already.

        :raises StartError: it goes on by itself.
        """
        assert self._channel is not None
        if self._has_sockets:
            return None
        self._has_sockets = True
        self._channel.send(Say.PREPARED)
        message = self._channel.receive()
        if message is None or message.say is not Say.GO:
            raise StartError("reload", "the running process goes on by itself")
        return list(zip(message.fds, message.value["names"], strict=True))

    def take_over(self, reactor: Any, main: Callable[[Connections], None], gone: Callable[[], None]) -> None:
        """Tell that all is ready; `main` is called when we count, `gone` if we are not wanted after all."""
        assert self._channel is not None
        self._main, self._gone, self._reactor = main, gone, reactor
        reactor.addReader(self)
        self._channel.send(Say.READY)

    def lives(self) -> bool:
        """Whether it still finishes what it has in flight."""
        return self._channel is not None

    # ---- where the outcome of the start is told

    def ready(self) -> None:
        """It knows."""

    def failed(self, error: TapError) -> None:
        if self._channel is not None:
            try:
                self._channel.send(Say.FAILED, status=error.status, reason=str(error))
            except OSError:
                self._channel = None  # nobody wants to know

    # ---- IReadDescriptor

    def fileno(self) -> int:
        return self._channel.fileno() if self._channel is not None else -1

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        assert self._channel is not None
        message = self._channel.receive()
        if message is None:
            self._reactor.removeReader(self)
            self._channel.close()
            self._channel = None
            if self._main is not None:
                self._gone()
        elif message.say is Say.MAIN and self._main is not None:
            main, self._main = self._main, None
            main(list(zip(message.fds, message.value["names"], strict=True)))
        else:
            close_all(message.fds)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """The reactor ends."""

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        return "predecessor"


def succession(here: Surroundings) -> NoPredecessor | Predecessor:
    """What was there before us; a successor goes on in a process of its own."""
    if here.predecessor is None:
        return NoPredecessor()
    predecessor = Predecessor(here.predecessor)
    predecessor.leave_parent()
    return predecessor
