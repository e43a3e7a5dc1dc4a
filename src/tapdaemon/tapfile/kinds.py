"""What kind of file an application is saved in, told by how it begins: a tap, or what stock sob writes."""

from __future__ import annotations

import os

from tapdaemon.tapfile.container import open_tap

TAP = "tap"
STOCK_PICKLE = "stock-pickle"
STOCK_SOURCE = "stock-source"
_PROTO = 0x80
_PROTOCOLS = range(2, 6)


def kind(path: str) -> str:
    """The kind of the file at `path`; what begins like nothing known is taken for a damaged tap, which says so.

    :raises TapMissingError, UnreadableError: with the path.
    """
    fd = open_tap(path)
    try:
        head = os.pread(fd, 8, 0)
    finally:
        os.close(fd)
    if len(head) > 1 and head[0] == _PROTO and head[1] in _PROTOCOLS:
        return STOCK_PICKLE  # the PROTO opcode, with a protocol that twisted.persisted.sob has written
    return STOCK_SOURCE if head.replace(b" ", b"").startswith(b"app=") else TAP
