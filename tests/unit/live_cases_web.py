"""Cases of twisted.web and names."""

from __future__ import annotations

import io

from live_world import Case, closed, serve, until
from twisted.internet import defer, reactor
from twisted.names import cache, client, dns, secondary, server
from twisted.spread import pb
from twisted.web import client as web_client
from twisted.web import distrib, resource, static, wsgi, xmlrpc
from twisted.web.server import NOT_DONE_YET, Session, Site


class Hello(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        request.getSession()
        return b"hello"


class Slow(resource.Resource):
    isLeaf = True

    def __init__(self):
        super().__init__()
        self.asked = []

    def render_GET(self, request):
        self.asked.append(request)
        return NOT_DONE_YET


async def fetched(agent, port, path=b""):
    response = await agent.request(b"GET", b"http://127.0.0.1:%d/%s" % (port.getHost().port, path))
    return await web_client.readBody(response)


class Pool(Case):
    names = ("twisted.web.client.HTTPConnectionPool", "twisted.web.client.Agent")

    async def make(self):
        self.port = await serve(Site(Hello()))
        it = web_client.Agent(reactor, pool=web_client.HTTPConnectionPool(reactor))
        await fetched(it, self.port)
        return it

    async def use(self, it):
        assert await fetched(it, self.port) == b"hello"
        assert it._pool._connections

    async def stop(self, it):
        await it._pool.closeCachedConnections()


class Serving(Case):
    names = ("twisted.web.server.Site", "twisted.web.http.HTTPFactory", "twisted.web.server.Session")

    async def make(self):
        it = Site(Hello(), logPath=self.folder + "/access.log")
        self.port = await serve(it)
        return it

    async def use(self, it):
        if it.numPorts == 0:
            self.port = await serve(it)
        before = len(it.sessions)
        assert await fetched(web_client.Agent(reactor), self.port) == b"hello"
        assert len(it.sessions) == before + 1
        assert all(one._expireCall.active() for one in it.sessions.values())

    async def stop(self, it):
        await closed(self.port)
        self.sessions = list(it.sessions.values())


class Expiring(Case):
    names = ("twisted.web.server.Session",)

    async def make(self):
        site = Site(resource.Resource())
        it = site.makeSession()
        it.counter = 3
        return it

    async def use(self, it):
        assert it.counter == 3
        assert it._expireCall.active()
        it.touch()

    async def stop(self, it):
        pass


class Short(Session):
    sessionTimeout = 0.05


class Expired(Case):
    names = ("twisted.web.server.Session",)

    async def make(self):
        site = Site(resource.Resource())
        site.sessionFactory = Short
        return site.makeSession()

    async def use(self, it):
        if it._expireCall is not None and it.uid in it.site.sessions:
            assert it._expireCall.active()

    async def stop(self, it):
        await until(lambda: not it.site.sessions, "the session's end")


class Asked(Case):
    names = ("twisted.web.server.Request", "twisted.web.http.Request")
    gone = "always"

    async def make(self):
        slow = Slow()
        self.port = await serve(Site(slow))
        self.answer = fetched(web_client.Agent(reactor), self.port)
        self.answer = defer.ensureDeferred(self.answer)
        await until(lambda: slow.asked, "a request")
        return slow.asked[0]

    async def use(self, it):
        it.write(b"part")

    async def stop(self, it):
        it.finish()
        await self.answer
        await closed(self.port)


class Answered(Case):
    names = ("twisted.web._newclient.Response",)
    gone = True

    async def make(self):
        self.port = await serve(Site(Hello()))
        self.agent = web_client.Agent(reactor)
        return await self.agent.request(b"GET", b"http://127.0.0.1:%d/" % self.port.getHost().port)

    async def use(self, it):
        assert it.code == 200
        assert it.headers.getRawHeaders("content-type")[0].startswith("text/html")

    async def stop(self, it):
        if it._state == "INITIAL":
            assert await web_client.readBody(it) == b"hello"
            await closed(self.port)


class Producing(Case):
    names = ("twisted.web.client.FileBodyProducer",)

    async def make(self):
        return web_client.FileBodyProducer(io.BytesIO(b"hello"))

    async def use(self, it):
        got = io.BytesIO()
        it._inputFile.seek(0)
        it._inputFile = io.BytesIO(it._inputFile.getvalue())
        kept = io.BytesIO(it._inputFile.getvalue())
        await it.startProducing(got)
        it._inputFile = kept
        assert got.getvalue() == b"hello"


class Calling(Case):
    names = ("twisted.web.xmlrpc.Proxy", "twisted.web.xmlrpc.XMLRPC")

    async def make(self):
        self.port = await serve(Site(Adder()))
        return xmlrpc.Proxy(b"http://127.0.0.1:%d/" % self.port.getHost().port)

    async def use(self, it):
        assert await it.callRemote("add", 1, 2) == 3


class Adder(xmlrpc.XMLRPC):
    def xmlrpc_add(self, one, other):
        return one + other


def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


class Wsgi(Case):
    names = ("twisted.web.wsgi.WSGIResource",)

    async def make(self):
        return wsgi.WSGIResource(reactor, reactor.getThreadPool(), hello)

    async def use(self, it):
        port = await serve(Site(it))
        assert it._threadpool is reactor.getThreadPool()
        assert await fetched(web_client.Agent(reactor), port) == b"hello"
        await closed(port)


class Said(static.Data):
    isLeaf = True

    def __init__(self):
        super().__init__(b"hello", "text/plain")


class Distributed(Case):
    names = ("twisted.web.distrib.ResourceSubscription", "twisted.web.distrib.ResourcePublisher")

    async def make(self):
        site = Site(Said())
        self.port = await serve(pb.PBServerFactory(distrib.ResourcePublisher(site)))
        return distrib.ResourceSubscription("127.0.0.1", self.port.getHost().port)

    async def use(self, it):
        port = await serve(Site(it))
        assert await fetched(web_client.Agent(reactor), port) == b"hello"
        assert it.publisher is not None
        await closed(port)


class Resolving(Case):
    names = ("twisted.names.client.Resolver", "twisted.names.server.DNSServerFactory")

    async def make(self):
        self.port = reactor.listenUDP(0, dns.DNSDatagramProtocol(self), interface="127.0.0.1")
        return client.Resolver(servers=[("127.0.0.1", self.port.getHost().port)], timeout=(1,))

    def messageReceived(self, message, protocol, address):
        name = message.queries[0].name.name
        message.answer = 1
        message.answers = [dns.RRHeader(name, ttl=60, payload=dns.Record_A("127.0.0.9", 60))]
        protocol.writeMessage(message, address)

    async def use(self, it):
        answers, _, _ = await it.lookupAddress("example.org")
        assert answers[0].payload.dottedQuad() == "127.0.0.9"


class Caching(Case):
    names = ("twisted.names.cache.CacheResolver",)

    async def make(self):
        it = cache.CacheResolver()
        query = dns.Query(b"example.org", dns.A, dns.IN)
        for name, ttl in ((query, 60), (dns.Query(b"short.example", dns.A, dns.IN), 1)):
            it.cacheResult(
                name, ([dns.RRHeader(name.name.name, ttl=ttl, payload=dns.Record_A("127.0.0.9", ttl))], [], [])
            )
        return it

    async def use(self, it):
        answers, _, _ = await it.lookupAddress("example.org")
        assert answers[0].payload.dottedQuad() == "127.0.0.9"
        assert all(call.active() for call in it.cancel.values())
        assert set(it.cancel) == set(it.cache)


class NameServer(Case):
    names = ("twisted.names.server.DNSServerFactory",)

    async def make(self):
        it = server.DNSServerFactory(caches=[cache.CacheResolver()])
        self.port = await serve(it)
        return it

    async def use(self, it):
        port = await serve(it)
        factory = client.DNSClientFactory(client.Resolver(servers=[("127.0.0.1", 1)]))
        reactor.connectTCP("127.0.0.1", port.getHost().port, factory)
        await until(lambda: it.connections, "a connection")
        await closed(port)


class Secondary(Case):
    names = ("twisted.names.secondary.SecondaryAuthorityService", "twisted.names.secondary.SecondaryAuthority")

    async def make(self):
        it = secondary.SecondaryAuthorityService.fromServerAddressAndDomains(("127.0.0.1", 1), [b"example.org"])
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        await until(lambda: all(call.running for call in it.calls), "the transfers")
        assert [one.domain for one in it.domains] == [b"example.org"]

    async def stop(self, it):
        it.stopService()
