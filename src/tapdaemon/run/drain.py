"""Lets what is in flight finish: no new connections, then a wait until nothing is in flight; it stops no service.

A connection is in flight while an answer is owed or on its way.  HTTP says so itself; of other protocols the kernel
tells whether something came in after the last thing went out (tcp(7), TCP_INFO).  An idle HTTP connection stays until
its next request, which is told that it is the last, or until the grace is over (RFC 9112, 9.3.1 and 9.6).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from tapdaemon.run.adoption import Listening
from tapdaemon.run.channels import channel_of, is_busy, make_last

INTERVAL = 0.02
"""Seconds between two looks."""
DISCONNECT_LIMIT = 1.0
# struct tcp_info of linux/tcp.h: 8 bytes of small fields, 24 fields of 32 bits, then 64-bit ones.
# Of 32 bits the tenth is tcpi_last_data_sent, the twelfth tcpi_last_data_recv, in milliseconds ago; of 64 the
# fourth is tcpi_bytes_received.
_TCP_INFO = struct.Struct("=8B 24I 4Q")
_LAST_SENT, _LAST_RECEIVED, _BYTES_RECEIVED = 8 + 9, 8 + 11, 8 + 24 + 3


def refuse(listening: Listening) -> None:
    """Accept no more.

    A socket of our own is shut, so that a newcomer is refused at once; one that systemd holds too is only left
    alone, so that newcomers wait in its backlog.  Factories stay started: requests in flight need them.
    """
    for port in list(listening.ports):
        with contextlib.suppress(OSError, AttributeError, KeyError):
            port.stopReading()
            if port not in listening.adopted:
                port.socket.shutdown(socket.SHUT_RDWR)


def in_flight(connection: Any) -> bool:
    """Whether an answer is owed or on its way."""
    if not getattr(connection, "connected", False):
        return False
    if connection.dataBuffer or getattr(connection, "_tempDataBuffer", None):
        return True
    channel = channel_of(connection)
    if channel is not None:
        return is_busy(channel)
    # An HTTP channel is its connection's producer all its life; of others a producer has something to send.
    return connection.producer is not None or _unanswered(connection)


def _unanswered(connection: Any) -> bool:
    try:
        found = _TCP_INFO.unpack_from(connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    except (OSError, AttributeError, struct.error):
        return False  # a UNIX socket tells nothing, and waiting for it would be a guess
    return bool(found[_BYTES_RECEIVED] and found[_LAST_RECEIVED] < found[_LAST_SENT])


def disconnect(connections: Iterable[Any], clock: Any, limit: float = DISCONNECT_LIMIT) -> Deferred[None]:
    """Close what is still open, so that the application sees it go before its snapshot is taken.

    :param limit: seconds after which what has not gone is aborted: its peer does not answer.
    """
    done: Deferred[None] = Deferred()
    end = clock.seconds() + limit
    leaving = list(connections)
    for connection in leaving:
        connection.loseConnection()

    def look() -> None:
        left = [connection for connection in leaving if connection.connected]
        if left and clock.seconds() >= end:
            for connection in left:
                connection.abortConnection()
            left = []
        if left:
            clock.callLater(INTERVAL, look)
        else:
            clock.callLater(0, done.callback, None)

    clock.callLater(0, look)
    return done


class Drain:
    """Waits until nothing is in flight.

    :param clock: where time passes.
    :param limit: seconds after which it ends in any case.
    :param grace: seconds for which idle HTTP connections are kept.
    :param also: whether somebody else still has something in flight: the process that we succeeded.
    """

    def __init__(
        self, listening: Listening, clock: Any, limit: float, grace: float, also: Callable[[], bool] = lambda: False
    ) -> None:
        self._also = also
        self._listening = listening
        self._clock = clock
        self._limit = limit
        self._grace = grace
        self._done: Deferred[int] = Deferred()
        self._call: Any = None

    def start(self) -> Deferred[int]:
        """:returns: a Deferred with the number of connections that were cut short."""
        refuse(self._listening)
        now = self._clock.seconds()
        self._end = now + self._limit
        self._grace_end = now + min(self._grace, self._limit)
        for connection in list(self._listening.connections):
            channel = channel_of(connection)
            if channel is not None:
                make_last(channel)
        self._look()
        return self._done

    def count(self) -> int:
        return sum(1 for connection in list(self._listening.connections) if in_flight(connection))

    def _idle(self) -> bool:
        """Whether an HTTP connection waits for its next request."""
        return any(
            connection.connected and not connection.disconnecting and channel_of(connection) is not None
            for connection in list(self._listening.connections)
        )

    def hurry(self) -> None:
        """End it now."""
        if not self._done.called:
            if self._call is not None and self._call.active():
                self._call.cancel()
            self._done.callback(self.count())

    def _look(self) -> None:
        left, now = self.count(), self._clock.seconds()
        if now < self._end and (left or self._also() or (now < self._grace_end and self._idle())):
            self._call = self._clock.callLater(INTERVAL, self._look)
        elif not self._done.called:
            self._done.callback(left)
