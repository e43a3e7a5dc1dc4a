"""Cases of twisted.internet, application, python, enterprise and runner."""

from __future__ import annotations

from live_world import Case, closed, serve, until
from twisted.internet import endpoints, inotify, protocol, reactor
from twisted.python import filepath


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Ear(protocol.Protocol):
    heard = b""

    def dataReceived(self, data):
        self.heard += data


def echoing():
    return protocol.Factory.forProtocol(Echo)


async def echoed(port):
    ear = await endpoints.connectProtocol(endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port), Ear())
    ear.transport.write(b"hello")
    await until(lambda: ear.heard == b"hello", "the echo")
    ear.transport.loseConnection()


def joined(port):
    where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return endpoints.connectProtocol(where, Ear())


class Port(Case):
    names = ("twisted.internet.tcp.Port", "twisted.internet.base.BasePort")
    gone = "always"

    async def make(self):
        return await serve(echoing())

    async def use(self, it):
        await echoed(it.getHost().port)

    async def stop(self, it):
        await closed(it)


class Listening(Case):
    names = ("twisted.internet.protocol.Factory", "twisted.internet.protocol.ServerFactory")

    async def make(self):
        it = echoing()
        self.port = await serve(it)
        return it

    async def use(self, it):
        if it.numPorts == 0:
            self.port = await serve(it)
        await echoed(self.port.getHost().port)

    async def stop(self, it):
        await closed(self.port)
        assert it.numPorts == 0


class Connected(Case):
    names = ("twisted.internet.protocol.Protocol", "twisted.internet.protocol.BaseProtocol")
    gone = "always"

    async def make(self):
        self.port = await serve(echoing())
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        return await endpoints.connectProtocol(where, Ear())

    async def use(self, it):
        assert it.transport.connected

    async def stop(self, it):
        it.transport.loseConnection()
        await closed(self.port)


class Transport(Connected):
    names = (
        "twisted.internet.tcp.Client",
        "twisted.internet.tcp.Connection",
        "twisted.internet.abstract.FileDescriptor",
    )

    async def make(self):
        return (await super().make()).transport

    async def use(self, it):
        assert it.connected

    async def stop(self, it):
        it.loseConnection()
        await closed(self.port)


class Reconnecting(Case):
    names = ("twisted.internet.protocol.ReconnectingClientFactory",)

    async def make(self):
        self.port = await serve(echoing())
        it = protocol.ReconnectingClientFactory.forProtocol(Ear)
        it.maxDelay = 7
        return it

    async def use(self, it):
        if it.connector is None:
            it.continueTrying = 1
            reactor.connectTCP("127.0.0.1", self.port.getHost().port, it)
            await until(lambda: it.connector is not None or it.numPorts, "a connection")
        assert it.maxDelay == 7

    async def stop(self, it):
        it.stopTrying()


class Child(Case):
    names = ("twisted.internet.process.Process", "twisted.internet.protocol.ProcessProtocol")
    gone = True

    async def make(self):
        return reactor.spawnProcess(protocol.ProcessProtocol(), "/bin/cat", ["cat"], {}).proto

    async def use(self, it):
        if it.transport is None:  # a record of a process that ended, ready for another
            reactor.spawnProcess(it, "/bin/cat", ["cat"], {})
        assert it.transport.pid

    async def stop(self, it):
        it.transport.closeStdin()
        await until(lambda: it.transport.pid is None, "the end of cat")


class Watch(Case):
    names = ("twisted.internet.inotify.INotify",)
    gone = "always"

    async def make(self):
        it = inotify.INotify()
        it.startReading()
        it.watch(filepath.FilePath(self.folder), callbacks=[lambda *_: None])
        return it

    async def use(self, it):
        assert it.connected

    async def stop(self, it):
        it.loseConnection()
