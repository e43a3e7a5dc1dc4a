"""A counter whose clients raise its count, in a .tac: the smallest application with state."""

from __future__ import annotations

import socket

COUNTER_TAC = """
from twisted.application import service, strports
from twisted.internet import protocol

class Counter(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.count += 1
        if data == b"spoil":
            self.factory.spoilt = (byte for byte in b"a generator")
        self.transport.write(b"%d %s" % (self.factory.count, self.factory.greeting))

class CounterFactory(protocol.Factory):
    protocol = Counter
    count = 0
    greeting = {greeting!r}

application = service.Application("counter")
factory = CounterFactory()
factory.greeting = {greeting!r}
strports.service("tcp:{port}:interface=127.0.0.1", factory).setServiceParent(application)
"""


def ask(port: int, data: bytes = b"+") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(data)
        return client.recv(100)


def one_round(tapd, port: int, *options: str, answers: bytes) -> str:
    """Start, ask once, stop; the log."""
    server = tapd(*options, "counter.tap")
    assert ask(port) == answers
    assert server.stop() == 0, server.log
    return server.log
