"""What a running tap and its successor say to each other over a socket pair; it decides nothing.

    successor   hello (its pid) … prepared ……………… ready ……………………… or failed (status, reason) at any time
    the old one                            go (sockets)       main (idle connections) ……… end of file: it has left

The law: until `main` the old process is the one that counts, and an end of file means that the successor is not
wanted; from `main` on it is the successor.  One process decides it, by one message.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

VARIABLE = "TAPD_PREDECESSOR"
"""The environment variable that tells a successor its end of the pair."""
_MESSAGE_MAX = 256 * 1024
_FDS_MAX = 200  # SCM_MAX_FD is 253 (unix(7))


class Say(StrEnum):
    HELLO = "hello"
    PREPARED = "prepared"
    GO = "go"
    READY = "ready"
    MAIN = "main"
    FAILED = "failed"
    MORE = "more"  # descriptors of the message that follows


class Message(NamedTuple):
    """A message with its descriptors.  Names go with the descriptors, one for each."""

    say: Say
    value: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    fds: tuple[int, ...] = ()


class Channel:
    """One end of the pair.

    :param end: a SOCK_SEQPACKET socket: a message is a packet.
    """

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(None)  # whatever socket.setdefaulttimeout of the application says
        self._end = end

    @classmethod
    def pair(cls) -> tuple[Channel, int]:
        """Our end, and the descriptor of the other."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MESSAGE_MAX)
        return cls(ours), theirs.detach()

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, say: Say, fds: Sequence[int] = (), **value: Any) -> None:
        """:raises OSError: the other end is gone."""
        while len(fds) > _FDS_MAX:
            self._send(Say.MORE, fds[:_FDS_MAX], {})
            fds = fds[_FDS_MAX:]
        self._send(say, fds, value)

    def _send(self, say: Say, fds: Sequence[int], value: dict[str, Any]) -> None:
        data = json.dumps({"say": say} | value).encode()
        if fds:
            socket.send_fds(self._end, [data], list(fds))
        else:
            self._end.send(data)

    def receive(self) -> Message | None:
        """The next message, for which it waits; None at the end of file, whoever ended it."""
        fds: list[int] = []
        while True:
            try:
                data, passed, _, _ = socket.recv_fds(self._end, _MESSAGE_MAX, _FDS_MAX)
            except ConnectionResetError:
                data, passed = b"", []
            fds += passed
            for fd in passed:
                os.set_inheritable(fd, False)
            if not data:
                close_all(fds)
                return None
            value = json.loads(data)
            say = Say(value.pop("say"))
            if say is not Say.MORE:
                return Message(say, value, tuple(fds))

    def close(self) -> None:
        self._end.close()


def close_all(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)
