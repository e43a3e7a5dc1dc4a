"""Whoever asked for a reload and waits for its verdict: the unit's ExecReload=, through a socket that it listens on.

A SIGHUP by hand has nobody waiting; then the log alone tells.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

from tapdaemon.errors import TapError
from tapdaemon.tapfile import folders


class Caller:
    """Connects to whoever waits, if somebody does.

    :param name: the tap's.
    :param environ: for the user manager's XDG_RUNTIME_DIR.
    """

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._socket: socket.socket | None = None
        for path in folders.verdict_sockets(name, environ):
            waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                waiting.connect(path)
            except OSError:
                waiting.close()  # nobody there
                continue
            self._socket = waiting
            return

    def tell(self, error: TapError | None) -> None:
        """The verdict: a status, and the reason where it is not 0."""
        if self._socket is not None:
            text = "0" if error is None else f"{error.status} {error}"
            with self._socket, contextlib.suppress(OSError):  # he may have given up waiting
                self._socket.sendall(text.encode())
            self._socket = None
