"""Cases of twisted.spread and protocols."""

from __future__ import annotations

import io

from live_cases_core import Ear, echoed, echoing, joined
from live_world import Case, closed, serve, until
from twisted.cred import checkers, portal
from twisted.internet import endpoints, protocol, reactor
from twisted.protocols import amp, basic, ftp, htb, memcache, policies, sip, tls
from twisted.spread import pb


class Perspective(pb.Root):
    def remote_add(self, one, other):
        return one + other


class Broking(Case):
    names = ("twisted.spread.pb.PBClientFactory", "twisted.spread.pb.PBServerFactory")

    async def make(self):
        self.port = await serve(pb.PBServerFactory(Perspective()))
        return pb.PBClientFactory()

    async def use(self, it):
        if it._broker is None:
            reactor.connectTCP("127.0.0.1", self.port.getHost().port, it)
        root = await it.getRootObject()
        assert await root.callRemote("add", 1, 2) == 3

    async def stop(self, it):
        it.disconnect()
        await until(lambda: it._broker is None, "the end of the connection")


class Reference(Broking):
    names = ("twisted.spread.pb.RemoteReference",)
    gone = "always"

    async def make(self):
        self.factory = await super().make()
        reactor.connectTCP("127.0.0.1", self.port.getHost().port, self.factory)
        return await self.factory.getRootObject()

    async def use(self, it):
        assert await it.callRemote("add", 1, 2) == 3

    async def stop(self, it):
        await super().stop(self.factory)


class Wrapping(Case):
    names = ("twisted.protocols.policies.WrappingFactory",)

    def factory(self):
        return policies.WrappingFactory(echoing())

    async def make(self):
        it = self.factory()
        self.port = await serve(it)
        self.ear = await joined(self.port)
        await until(lambda: self.held(it), "a connection")
        return it

    def held(self, it):
        return it.protocols

    async def use(self, it):
        port = await serve(it)
        await echoed(port.getHost().port)
        await closed(port)

    async def stop(self, it):
        self.ear.transport.loseConnection()
        await until(lambda: not self.held(it), "the end of the connection")


class Throttling(Wrapping):
    names = ("twisted.protocols.policies.ThrottlingFactory",)

    def factory(self):
        return policies.ThrottlingFactory(echoing(), maxConnectionCount=2, readLimit=10**6, writeLimit=10**6)


class Timing(Wrapping):
    names = ("twisted.protocols.policies.TimeoutFactory",)

    def factory(self):
        return policies.TimeoutFactory(echoing(), 60)


class Limiting(Wrapping):
    names = ("twisted.protocols.ftp.FTPFactory", "twisted.protocols.policies.LimitTotalConnectionsFactory")

    def factory(self):
        it = ftp.FTPFactory(portal.Portal(ftp.FTPRealm(self.folder), [checkers.AllowAnonymousAccess()]))
        it.connectionLimit = 2
        return it

    def held(self, it):
        return it.connectionCount

    async def use(self, it):
        port = await serve(it)
        ear = await joined(port)
        await until(lambda: ear.heard.startswith(b"220"), "the greeting")
        ear.transport.loseConnection()
        await closed(port)
        await until(lambda: it.connectionCount <= 1, "the end of the connection")


class Memory(Case):
    names = ("twisted.protocols.memcache.MemCacheProtocol", "twisted.protocols.memcache.Command")
    gone = "always"

    async def make(self):
        self.port = await serve(echoing())
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        it = await endpoints.connectProtocol(where, memcache.MemCacheProtocol(timeOut=60))
        it.get(b"key").addErrback(lambda _: None)
        return it

    async def use(self, it):
        assert it._current

    async def stop(self, it):
        it.transport.abortConnection()
        await until(lambda: not it._current, "the end of the connection")


class Boxes(Memory):
    names = (
        "twisted.protocols.amp.AMP",
        "twisted.protocols.amp.BoxDispatcher",
        "twisted.protocols.amp.BinaryBoxProtocol",
    )

    async def make(self):
        self.port = await serve(protocol.Factory.forProtocol(amp.AMP))
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        return await endpoints.connectProtocol(where, amp.AMP())

    async def use(self, it):
        assert it.transport.connected

    async def stop(self, it):
        it.transport.abortConnection()


class Lines(Memory):
    names = ("twisted.protocols.basic.LineReceiver",)

    async def make(self):
        self.port = await serve(echoing())
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        return await endpoints.connectProtocol(where, basic.LineReceiver())

    async def use(self, it):
        assert it.transport.connected

    async def stop(self, it):
        it.transport.abortConnection()


class FileSending(Case):
    names = ("twisted.protocols.basic.FileSender",)
    gone = True

    async def make(self):
        it = basic.FileSender()
        self.out = ConsumerOf()
        it.beginFileTransfer(io.BytesIO(b"x" * 100000), self.out)
        it.resumeProducing()
        return it

    async def use(self, it):
        if it.file is None:
            out = ConsumerOf()
            done = it.beginFileTransfer(io.BytesIO(b"x"), out)
            while it.file is not None:
                it.resumeProducing()
            assert await done == "x"[-1:].encode()
            assert out.got == b"x"

    async def stop(self, it):
        while it.file is not None:
            it.resumeProducing()


class ConsumerOf:
    got = b""

    def registerProducer(self, producer, streaming):
        pass

    def unregisterProducer(self):
        pass

    def write(self, data):
        self.got += data


class Shaping(Case):
    names = ("twisted.protocols.htb.HierarchicalBucketFilter", "twisted.protocols.htb.Bucket")

    async def make(self):
        it = htb.HierarchicalBucketFilter()
        it.getBucketFor("me")._refcount = 1
        return it

    async def use(self, it):
        assert it.getBucketFor("me").add(10) == 10


class Registering(Case):
    names = ("twisted.protocols.sip.InMemoryRegistry",)

    async def make(self):
        it = sip.InMemoryRegistry("example.org")
        url = sip.URL("example.org", username="me")
        await it.registerAddress(url, url, sip.URL("127.0.0.1"))
        return it

    async def use(self, it):
        url = sip.URL("example.org", username="me")
        assert (await it.getAddress(url)).host == "127.0.0.1"
        assert (await it.registerAddress(url, url, sip.URL("127.0.0.1"))).secondsToExpiry > 0


class Tls(Case):
    names = ("twisted.protocols.tls.TLSMemoryBIOFactory", "twisted.internet.ssl.CertificateOptions")

    async def make(self):
        from twisted.internet import ssl

        options = ssl.CertificateOptions()
        options.getContext()
        return tls.TLSMemoryBIOFactory(options, True, protocol.Factory.forProtocol(Ear))

    async def use(self, it):
        assert it.buildProtocol(None) is not None
