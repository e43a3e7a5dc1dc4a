"""A UNIX port over a socket that somebody else bound: it leaves path and socket as they are when it stops.

Twisted's own (`twisted.internet.unix.Port`) changes the mode, unlinks the path and shuts the socket down; whoever
holds the socket beside us is then left with a dead one, on which its event loop spins.
"""

from __future__ import annotations

import socket
from typing import Any


def adopt_unix(reactor: Any, fd: int, factory: Any) -> Any:
    """A UNIX port over a socket that somebody else bound.

    Twisted's own would change the mode of the path, which is not ours, when it starts, and unlink it when it stops.
    """
    from twisted.internet import tcp, unix

    stock: Any = unix.Port

    class AdoptedPort(stock):  # type: ignore[misc]  # its attributes have types that its own methods break
        """Neither changes nor removes the path."""

        def startListening(self) -> None:  # noqa: N802 - Twisted's name
            self.factory.doStart()
            self.socket: Any = self._preexistingSocket
            self._preexistingSocket: Any = None
            self._shouldShutdown = False  # as a TCP port that adopts does
            self.socket.listen(self.backlog)
            self.connected = True
            self.fileno = self.socket.fileno
            self.numberAccepts = 100
            self.startReading()

        def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
            tcp.Port.connectionLost(self, reason)

    port = AdoptedPort._fromListeningDescriptor(reactor, fd, factory)  # noqa: SLF001 - what adoptStreamPort calls
    port.backlog = socket.SOMAXCONN  # not less than whoever bound it had in mind
    port.startListening()
    return port
