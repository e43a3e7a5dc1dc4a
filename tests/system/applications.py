"""Applications that the system tests install: a counter, and one that binds its sockets at run time."""

from __future__ import annotations

# Answers its number, and what the request's path names; attributes are the state.
COUNTER = """
import os, time
from twisted.application import service, strports
from twisted.internet import reactor, task
from twisted.web import resource, server

class Counter(resource.Resource):
    isLeaf = True
    count = 0
    word = b"{word}"
    def render_GET(self, request):
        self.count += 1
        if request.path.startswith(b"/slow/"):
            later = task.deferLater(reactor, float(request.path[6:]), lambda: b"late %d" % os.getpid())
            later.addCallback(request.write).addCallback(lambda _: request.finish())
            return server.NOT_DONE_YET
        if request.path == b"/stick":
            time.sleep(3600)
        if request.path == b"/pid":
            return b"%d" % os.getpid()
        if request.path == b"/word":
            return self.word
        if request.path == b"/both":
            return b"%s %d" % (self.word, self.count)
        return b"%d" % self.count

{more}
application = service.Application("counter")
strports.service("tcp:{port}", server.Site(Counter())).setServiceParent(application)
"""


def counter(word: str = "one", port: int = 80, more: str = "", last: str = "") -> str:
    """The counter's .tac.

    :param word: what /word answers.
    :param more: lines before the application is made.
    :param last: lines at its end.
    """
    return COUNTER.format(word=word, port=port, more=more) + last + "\n"


# No manifest declares what it listens on: TCP 8093, UDP 8094 and a UNIX socket, added when it first starts.
RUNTIME = """
from twisted.application import internet, service
from twisted.internet import protocol
from twisted.web import server, static

class Echo(protocol.DatagramProtocol):
    def datagramReceived(self, data, address):
        self.transport.write(data, address)

class Late(service.MultiService):
    def startService(self):
        super().startService()
        if not self.services:
            root = static.Data(b"late", "text/plain")
            root.isLeaf = True
            internet.TCPServer(8093, server.Site(root)).setServiceParent(self)
            internet.UNIXServer("/run/tap/runtime/late.sock", server.Site(root)).setServiceParent(self)
            internet.UDPServer(8094, Echo()).setServiceParent(self)

application = service.Application("runtime")
Late().setServiceParent(application)
"""

# Every API that stock applications listen with, each on a port of its own; 8101 to 8107, and a UNIX socket.
EVERY_API = """
from twisted.application import internet, service, strports
from twisted.internet import endpoints, protocol, reactor, ssl
from twisted.web import server, static

class Echo(protocol.DatagramProtocol):
    def datagramReceived(self, data, address):
        self.transport.write(data, address)

root = static.Data(b"every", "text/plain")
root.isLeaf = True
site = server.Site(root)
keys = ("/srv/keys/key.pem", "/srv/keys/cert.pem")
application = service.Application("every")
for one in (
    internet.TCPServer(8101, site),
    internet.SSLServer(8102, site, ssl.DefaultOpenSSLContextFactory(*keys)),
    internet.UDPServer(8103, Echo()),
    internet.UNIXServer("/run/every/one.sock", site, mode=0o666),
    strports.service("tcp:8104:interface=127.0.0.1", site),
    strports.service("tcp6:8105:interface=\\\\:\\\\:1", site),
    strports.service("ssl:8106:privateKey=%s:certKey=%s" % keys, site),
    strports.service("haproxy:tcp:8107", site),
    internet.StreamServerEndpointService(endpoints.UNIXServerEndpoint(reactor, "/run/every/two.sock"), site),
):
    one.setServiceParent(application)
"""
