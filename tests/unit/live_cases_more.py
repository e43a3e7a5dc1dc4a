"""Cases of connections of other kinds: TLS, UNIX sockets, IMAP, POP3, TELNET, XMPP, proxies, relays."""

from __future__ import annotations

import os

from live_cases_core import Ear, echoed, echoing, joined
from live_cases_web import Hello, fetched
from live_world import Case, closed, serve, until
from twisted.conch import telnet
from twisted.internet import endpoints, protocol, reactor
from twisted.internet.testing import StringTransport
from twisted.mail import imap4, mail, pop3, relaymanager, smtp
from twisted.protocols import policies, portforward
from twisted.web import client as web_client
from twisted.web import http, proxy
from twisted.web.server import Site
from twisted.words.protocols import irc
from twisted.words.protocols.jabber import xmlstream


class Tls(Case):
    names = ("twisted.protocols.tls.TLSMemoryBIOProtocol",)
    gone = "always"

    async def make(self):
        from twisted.internet import ssl

        self.port = await serve(echoing())
        options = ssl.optionsForClientTLS("localhost")
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        self.ear = Ear()
        await endpoints.connectProtocol(endpoints.wrapClientTLS(options, where), self.ear)
        return self.ear.transport

    async def use(self, it):
        assert it.transport.connected

    async def stop(self, it):
        it.abortConnection()
        await closed(self.port)


class Unix(Case):
    names = ("twisted.internet.unix.Port", "twisted.internet.unix.Server")
    gone = "always"

    async def make(self):
        return reactor.listenUNIX(os.path.join(self.folder, "socket"), echoing())

    async def use(self, it):
        where = endpoints.UNIXClientEndpoint(reactor, os.path.join(self.folder, "socket"))
        ear = await endpoints.connectProtocol(where, Ear())
        ear.transport.write(b"hello")
        await until(lambda: ear.heard == b"hello", "the echo")
        ear.transport.loseConnection()

    async def stop(self, it):
        await closed(it)


class Serving(Case):
    """The server's side of one connection."""

    gone = "always"
    kind = None

    async def make(self):
        made = []
        factory = protocol.ServerFactory()
        factory.protocol = self.kind
        building = factory.buildProtocol
        factory.buildProtocol = lambda address: made.append(building(address)) or made[-1]
        self.port = await serve(factory)
        self.client = await joined(self.port)
        await until(lambda: made, "a connection")
        return made[0]

    async def use(self, it):
        assert it.transport.connected

    async def stop(self, it):
        self.client.transport.abortConnection()
        await closed(self.port)


class Imap(Serving):
    names = ("twisted.mail.imap4.IMAP4Server",)
    kind = imap4.IMAP4Server


class Pop(Serving):
    names = ("twisted.mail.pop3.POP3",)
    kind = pop3.POP3


class Smtp(Serving):
    names = ("twisted.mail.smtp.ESMTP", "twisted.mail.smtp.SMTP")
    kind = smtp.ESMTP


class Telnet(Serving):
    names = ("twisted.conch.telnet.TelnetTransport", "twisted.conch.telnet.Telnet")
    kind = telnet.TelnetTransport


class Pages(Serving):
    names = ("twisted.web.http.HTTPChannel",)
    kind = http.HTTPChannel


class Irc(Serving):
    names = ("twisted.words.protocols.irc.IRCClient",)
    kind = irc.IRCClient


class Mail(Case):
    names = ("twisted.mail.mail.MailService", "twisted.mail.mail.DomainWithDefaultDict")

    async def make(self):
        it = mail.MailService()
        it.addDomain(b"example.org", mail.BounceDomain())
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        assert b"example.org" in it.domains

    async def stop(self, it):
        it.stopService()


class Queue(Case):
    names = ("twisted.mail.relaymanager.Queue", "twisted.mail.relaymanager.SmartHostSMTPRelayingManager")

    async def make(self):
        it = relaymanager.SmartHostSMTPRelayingManager(relaymanager.Queue(self.folder))
        header, message = it.queue.createNewMessage()
        header.close()
        message.lineReceived(b"hello")
        await message.eomReceived()
        it.queue.readDirectory()
        it.queue.setRelaying(next(iter(it.queue.getWaiting())))
        return it

    async def use(self, it):
        waiting = [*it.queue.getWaiting(), *it.queue.getRelayed()]
        assert len(waiting) == 1
        assert it.managed == {}


class Handler(Case):
    names = ("twisted.words.protocols.jabber.xmlstream.XMPPHandler",)

    async def make(self):
        manager = xmlstream.StreamManager(xmlstream.XmlStreamFactory(xmlstream.ConnectAuthenticator("example.org")))
        it = xmlstream.XMPPHandler()
        it.setHandlerParent(manager)
        manager.factory.buildProtocol(None).makeConnection(StringTransport())
        return it

    async def use(self, it):
        assert it in list(it.parent)
        if it.xmlstream is None:
            it.parent.factory.buildProtocol(None).makeConnection(StringTransport())
        assert it.xmlstream.transport

    async def stop(self, it):
        it.xmlstream.connectionLost(None)


class Reverse(Case):
    names = ("twisted.web.proxy.ReverseProxyResource",)

    async def make(self):
        self.inner = await serve(Site(Hello()))
        return proxy.ReverseProxyResource("127.0.0.1", self.inner.getHost().port, b"")

    async def use(self, it):
        port = await serve(Site(it))
        assert await fetched(web_client.Agent(reactor), port) == b"hello"
        await closed(port)


class Forward(Case):
    names = ("twisted.protocols.portforward.ProxyFactory",)

    async def make(self):
        self.inner = await serve(echoing())
        return portforward.ProxyFactory("127.0.0.1", self.inner.getHost().port)

    async def use(self, it):
        port = await serve(it)
        await echoed(port.getHost().port)
        await closed(port)


class Idle(protocol.Protocol, policies.TimeoutMixin):
    pass


class TimingOut(Case):
    names = ("twisted.protocols.policies.TimeoutMixin",)

    async def make(self):
        it = Idle()
        it.setTimeout(60)
        return it

    async def use(self, it):
        assert it.timeOut == 60
        it.setTimeout(60)

    async def stop(self, it):
        it.setTimeout(None)
        it.timeOut = 60
