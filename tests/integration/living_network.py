"""Rows of the living table: connections, clients, sites and sessions, and a pool of database connections."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import socket

from twisted.application import internet
from twisted.enterprise import adbapi
from twisted.internet import endpoints
from twisted.web import resource, static
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.server import Site


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


def answered(agent, port, path=b"/"):
    # What a page says.
    return agent.request(b"GET", b"http://127.0.0.1:%d%s" % (port, path)).addCallback(readBody)
"""

ROWS = [
    Row(
        "clients that are connected, in their factory",
        """
class Member(protocol.Protocol):
    def connectionMade(self):
        self.factory.clients.add(self)
        self.factory.seen += 1
    def connectionLost(self, reason):
        self.factory.clients.discard(self)

class Clients(MultiService):
    def __init__(self):
        super().__init__()
        self.room = protocol.Factory.forProtocol(Member)
        self.room.clients, self.room.seen = set(), 0
        internet.TCPServer(@PORT1@, self.room, interface="127.0.0.1").setServiceParent(self)
    def do_use(self):
        if not self.room.clients:
            self.outside = socket.create_connection(("127.0.0.1", @PORT1@))
            self.outside.setblocking(False)
        else:
            self.room.seen += 1
        return until(lambda: bool(self.room.clients))
    def do_get(self):
        return self.room.seen
    def do_now(self):
        return len(self.room.clients)
""",
        ask=("get", "now"),
        fresh={"now": "0"},
    ),
    Row(
        "ClientService with a live connection",
        """
class Pinging(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.heard += len(data)

class Dial(MultiService):
    def __init__(self):
        super().__init__()
        internet.TCPServer(@PORT2@, protocol.Factory.forProtocol(Echo), interface="127.0.0.1").setServiceParent(self)
        self.factory = protocol.Factory.forProtocol(Pinging)
        self.factory.heard = 0
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", @PORT2@)
        self.client = internet.ClientService(where, self.factory, retryPolicy=lambda failures: 0.02)
        self.client.setServiceParent(self)
    def do_use(self):
        wanted = self.factory.heard + 4
        self.client.whenConnected().addCallback(lambda one: one.transport.write(b"ping"))
        return until(lambda: self.factory.heard == wanted)
    def do_get(self):
        return self.factory.heard
    def do_connected(self):
        return self.client.whenConnected().addCallback(lambda one: bool(one.connected))
""",
        ask=("get", "connected"),
    ),
    Row(
        "TCPClient with a factory that reconnects",
        """
class Caller(protocol.ReconnectingClientFactory):
    initialDelay, maxDelay, jitter = 0.02, 0.05, 0
    made, on = 0, None
    def buildProtocol(self, address):
        self.resetDelay()
        self.made += 1
        self.on = protocol.Protocol()
        self.on.factory = self
        return self.on

class Recall(MultiService):
    def __init__(self):
        super().__init__()
        self.caller, self.cut = Caller(), 0
        internet.TCPServer(@PORT3@, protocol.Factory.forProtocol(Echo), interface="127.0.0.1").setServiceParent(self)
        internet.TCPClient("127.0.0.1", @PORT3@, self.caller).setServiceParent(self)
    def do_use(self):
        self.cut += 1
        return self.do_live().addCallback(self.cutting)
    def cutting(self, _):
        seen = self.caller.made
        self.caller.on.transport.loseConnection()
        return until(lambda: self.caller.made > seen)
    def do_get(self):
        return self.cut
    def do_live(self):
        return defer.maybeDeferred(until, lambda: self.caller.on is not None and bool(self.caller.on.connected))
""",
        ask=("live", "get"),
    ),
    Row(
        "Agent with a pool that keeps a connection",
        """
class Hello(resource.Resource):
    isLeaf, count = True, 0
    def render_GET(self, request):
        self.count += 1
        return b"%d" % self.count

class Asking(MultiService):
    def __init__(self):
        super().__init__()
        internet.TCPServer(@PORT4@, Site(Hello()), interface="127.0.0.1").setServiceParent(self)
        self.pool = HTTPConnectionPool(reactor)
        self.pool.cachedConnectionTimeout = 2
        self.agent, self.last = Agent(reactor, pool=self.pool), None
    def do_use(self):
        return answered(self.agent, @PORT4@).addCallback(self.keep)
    def keep(self, body):
        self.last = body
        return until(lambda: any(self.pool._connections.values()))
    def do_get(self):
        return self.last, self.pool.persistent
    def stopService(self):
        return defer.gatherResults([self.pool.closeCachedConnections(), super().stopService()])
""",
    ),
    Row(
        "a site with sessions",
        """
class Cart(resource.Resource):
    isLeaf = True
    def render_GET(self, request):
        session = request.getSession()
        session.items = getattr(session, "items", 0) + 1
        return b"%d" % session.items

class Shopping(MultiService):
    cookie = None
    def __init__(self):
        super().__init__()
        self.site = Site(Cart())
        internet.TCPServer(@PORT5@, self.site, interface="127.0.0.1").setServiceParent(self)
    def do_use(self):
        from twisted.web.http_headers import Headers
        headers = Headers({b"Cookie": [self.cookie]} if self.cookie else {})
        return Agent(reactor).request(b"GET", b"http://127.0.0.1:@PORT5@/", headers).addCallback(self.keep)
    def keep(self, response):
        for cookie in response.headers.getRawHeaders(b"Set-Cookie", []):
            self.cookie = cookie.partition(b";")[0]
        return readBody(response)
    def do_get(self):
        return [one.items for one in self.site.sessions.values()]
    def do_expires(self):
        return [one._expireCall.active() for one in self.site.sessions.values()]
""",
        ask=("get", "expires"),
    ),
    Row(
        "a tree of files with children put in while it runs",
        """
class Files(MultiService):
    def __init__(self):
        super().__init__()
        self.root, self.pages, self.agent = static.File("."), 0, Agent(reactor)
        self.root.putChild(b"fixed", static.Data(b"fixed", "text/plain"))
        internet.TCPServer(@PORT6@, Site(self.root), interface="127.0.0.1").setServiceParent(self)
    def do_use(self):
        self.root.putChild(b"page%d" % self.pages, static.Data(b"page %d" % self.pages, "text/plain"))
        self.pages += 1
    def do_get(self):
        names = [b"/fixed", *(b"/page%d" % number for number in range(self.pages))]
        return defer.gatherResults([answered(self.agent, @PORT6@, name) for name in names])
""",
    ),
    Row(
        "adbapi.ConnectionPool with cp_openfun",
        """
def prepare(connection):
    connection.execute("PRAGMA foreign_keys = ON")

class Database(Service):
    def __init__(self):
        kept = dict(check_same_thread=False, cp_min=1, cp_max=1, cp_openfun=prepare)
        self.pool, self.added = adbapi.ConnectionPool("sqlite3", "pool.db", **kept), 0
    def startService(self):
        super().startService()
        self.table = self.pool.runOperation("CREATE TABLE IF NOT EXISTS rows (n INTEGER)")
    @defer.inlineCallbacks
    def do_use(self):
        yield self.pool.runOperation("INSERT INTO rows VALUES (?)", (self.added,))
        self.added += 1
    @defer.inlineCallbacks
    def do_get(self):
        rows = yield self.pool.runQuery("SELECT count(*) FROM rows")
        keys = yield self.pool.runQuery("PRAGMA foreign_keys")
        return rows, keys, self.added
""",
    ),
    Row(
        "datagrams, with state in the protocol",
        """
class Sums(protocol.DatagramProtocol):
    sum = 0
    def datagramReceived(self, data, address):
        self.sum += int(data)
        self.transport.write(b"%d" % self.sum, address)

class Datagrams(MultiService):
    def __init__(self):
        super().__init__()
        self.sums = Sums()
        internet.UDPServer(@PORT7@, self.sums, interface="127.0.0.1").setServiceParent(self)
    def do_use(self):
        wanted = self.sums.sum + 5
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"5", ("127.0.0.1", @PORT7@))
        return until(lambda: self.sums.sum == wanted)
    def do_get(self):
        return self.sums.sum
""",
    ),
    Row(
        "a port that is opened while it runs, and never again",
        """
class Extra(Service):
    port, opened = None, 0
    def do_use(self):
        if self.port is None:
            self.port = reactor.listenTCP(@PORT8@, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
        self.opened += 1
    def do_get(self):
        return self.opened
    def do_open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", @PORT8@)) == 0
""",
        lost=("open",),
        named="port",
    ),
    Row(
        "a socket of startService's",
        """
class Pair(Service):
    sent = 0
    def startService(self):
        super().startService()
        self.ours, self.theirs = socket.socketpair()
    def stopService(self):
        self.ours.close()
        self.theirs.close()
        return super().stopService()
    def do_use(self):
        self.sent += self.ours.send(b"abc")
        self.theirs.recv(3)
    def do_get(self):
        return self.sent
""",
    ),
]

NETWORK = Group("network", HEAD, ROWS)
