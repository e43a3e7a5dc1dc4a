"""The smallest applications with state, in a .tac: a counter that clients raise, a service that they let live."""

from __future__ import annotations

import socket

COUNTER_TAC = """
from twisted.application import service, strports
from twisted.internet import protocol

class Refusing:
    def __reduce__(self):
        raise RuntimeError("I stay here")

class Counter(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.count += 1
        if data == b"spoil":
            self.factory.spoilt = (byte for byte in b"a generator")
        if data == b"refuse":
            self.factory.spoilt = Refusing()
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

_LIVING_TAC = """
from twisted.application import internet, service
from twisted.internet import protocol

class Ask(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(self.factory.service.live())

application = service.Application({name!r})
asks = protocol.Factory.forProtocol(Ask)
internet.TCPServer({port}, asks, interface="127.0.0.1").setServiceParent(application)

def add(one, name):
    one.setName(name)
    one.setServiceParent(application)
    asks.service = one
"""


def living_tac(name: str, port: int, rest: str) -> str:
    """A .tac whose `rest` adds a service; its method `live` is called, and answers, when a client asks."""
    return _LIVING_TAC.format(name=name, port=port) + rest


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
