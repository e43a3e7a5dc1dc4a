"""Cases of twisted.words, conch and mail."""

from __future__ import annotations

import io
import os

from live_cases_core import joined
from live_world import Case, closed, serve, until
from twisted.conch import manhole
from twisted.cred import checkers, credentials, portal
from twisted.internet import defer, endpoints, reactor
from twisted.internet.testing import StringTransport
from twisted.mail import maildir, smtp
from twisted.python import filepath
from twisted.words import service as words
from twisted.words.protocols.jabber import component, xmlstream
from zope.interface import implementer


@implementer(checkers.ICredentialsChecker)
class Anybody:
    credentialInterfaces = (credentials.IUsernamePassword,)

    def requestAvatarId(self, credentials):
        return defer.succeed(credentials.username)


class Chat(Case):
    names = (
        "twisted.words.service.InMemoryWordsRealm",
        "twisted.words.service.Group",
        "twisted.words.service.User",
        "twisted.words.service.IRCFactory",
    )

    async def make(self):
        realm = words.InMemoryWordsRealm("here")
        realm.createGroupOnRequest = realm.createUserOnRequest = True
        return words.IRCFactory(realm, portal.Portal(realm, [Anybody()]))

    async def use(self, it):
        port = await serve(it)
        ear = await joined(port)
        ear.transport.write(b"PASS secret\r\nNICK me\r\nUSER me x x :me\r\n")
        await until(lambda: b" 376 " in ear.heard, "the welcome")
        ear.transport.write(b"JOIN #room\r\n")
        await until(lambda: b" JOIN " in ear.heard, "the room")
        assert list((await it.realm.lookupGroup("room")).users) == ["me"]
        self.port, self.ear = port, ear

    async def stop(self, it):
        self.ear.transport.loseConnection()
        await until(lambda: not it.realm.groups["room"].users, "the logout")
        await closed(self.port)


class Streams(Case):
    names = ("twisted.words.protocols.jabber.xmlstream.StreamManager",)

    async def make(self):
        authenticator = xmlstream.ConnectAuthenticator("example.org")
        it = xmlstream.StreamManager(xmlstream.XmlStreamFactory(authenticator))
        it.send("<queued/>")
        return it

    async def use(self, it):
        self.sent = []
        if it.xmlstream is None:
            it.factory.buildProtocol(None).makeConnection(StringTransport())
        assert it.xmlstream
        assert it._packetQueue == ["<queued/>"]

    async def stop(self, it):
        it._disconnected(None)


class Routing(Case):
    names = ("twisted.words.protocols.jabber.component.Router",)

    async def make(self):
        self.port = await serve(xmlstream.XmlStreamServerFactory(xmlstream.ListenAuthenticator))
        it = component.Router()
        it.addRoute("example.org", await self.stream())
        return it

    async def stream(self):
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        return await where.connect(xmlstream.XmlStreamFactory(xmlstream.ConnectAuthenticator("example.org")))

    async def use(self, it):
        if "example.org" not in it.routes:
            assert it.routes == {}
            it.addRoute("example.org", await self.stream())

    async def stop(self, it):
        stream = it.routes["example.org"]
        stream.transport.loseConnection()
        it.removeRoute("example.org", stream)


class Terminal:
    def addOutput(self, data, is_async=False):
        self.said = data


class Hand(Case):
    names = ("twisted.conch.manhole.ManholeInterpreter",)

    async def make(self):
        it = manhole.ManholeInterpreter(Terminal(), {"answer": 42})
        it.displayhook(defer.Deferred())
        return it

    async def use(self, it):
        it.push(b"answer + 1")
        assert it.locals["_"] == 43


class Shell(Case):
    names = ("twisted.conch.ssh.factory.SSHFactory",)

    async def make(self):
        from twisted.conch.ssh import factory

        it = factory.SSHFactory()
        it.publicKeys = it.privateKeys = {b"ssh-rsa": keys()}
        return it

    async def use(self, it):
        port = await serve(it)
        ear = await joined(port)
        await until(lambda: ear.heard.startswith(b"SSH-2.0"), "the version")
        ear.transport.loseConnection()
        await closed(port)


def keys():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from twisted.conch.ssh.keys import Key

    return Key(rsa.generate_private_key(65537, 2048))


class Mailing(Case):
    names = ("twisted.mail.smtp.SMTPFactory",)

    async def make(self):
        it = smtp.SMTPFactory()
        it.protocol = smtp.ESMTP
        return it

    async def use(self, it):
        self.port = await serve(it)
        self.ear = await joined(self.port)
        await until(lambda: self.ear.heard.startswith(b"220"), "the greeting")

    async def stop(self, it):
        self.ear.transport.loseConnection()
        await closed(self.port)


class Sending(Case):
    names = ("twisted.mail.smtp.SMTPSenderFactory",)
    gone = True

    async def make(self):
        self.done = defer.Deferred().addErrback(lambda _: None)
        return smtp.SMTPSenderFactory("a@example.org", "b@example.org", io.BytesIO(b"x"), self.done)

    async def use(self, it):
        assert it.file.read() == b"x"
        it.file.seek(0)

    async def stop(self, it):
        if hasattr(it, "result"):  # it forgets one that has fired
            it.result.callback(None)


class Mailbox(Case):
    names = ("twisted.mail.maildir.MaildirMailbox",)

    async def make(self):
        maildir.initializeMaildir(path := os.path.join(self.folder, "mail"))
        filepath.FilePath(path).child("new").child("1").setContent(b"hello")
        try:
            return maildir.MaildirMailbox(path)
        except TypeError:  # a newer Twisted wants bytes
            return maildir.MaildirMailbox(path.encode())

    async def use(self, it):
        with it.getMessage(0) as file:
            assert file.read() == "hello"
