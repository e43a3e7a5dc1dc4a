"""Cases of a login by SSH."""

from __future__ import annotations

import os

from live_cases_core import Ear
from live_cases_talk import keys
from live_world import Case, closed, serve, until
from twisted.conch import avatar
from twisted.conch.client.knownhosts import KnownHostsFile
from twisted.conch.endpoints import SSHCommandClientEndpoint
from twisted.conch.ssh import channel, factory, session, userauth
from twisted.conch.ssh import connection as ssh_connection
from twisted.cred import checkers, credentials, portal
from twisted.internet import defer, protocol, reactor
from twisted.python import filepath
from zope.interface import implementer


@implementer(session.ISession)
class Here(avatar.ConchUser):
    def __init__(self):
        super().__init__()
        self.channelLookup = {b"session": session.SSHSession}

    def execCommand(self, proto, command):
        """It runs on."""

    def closed(self):
        """Nothing was open."""


@implementer(portal.IRealm)
class Doors:
    def __init__(self, made):
        self.made = made
        self.entered = []

    def requestAvatar(self, avatar_id, mind, *interfaces):
        self.entered.append(self.made())
        return interfaces[0], self.entered[-1], int


@implementer(checkers.ICredentialsChecker)
class Anybody:
    credentialInterfaces = (credentials.IUsernamePassword,)

    def requestAvatarId(self, credentials):
        return credentials.username


class Yes:
    def verifyHostKey(self, *_):
        return defer.succeed(True)


class LoggedIn(Case):
    """A client that logged in by SSH; each case takes one part of the connection."""

    async def enter(self):
        it = factory.SSHFactory()
        it.services = {b"ssh-userauth": userauth.SSHUserAuthServer, b"ssh-connection": ssh_connection.SSHConnection}
        it.publicKeys = it.privateKeys = {b"ssh-rsa": keys()}
        self.doors = Doors(Here)
        it.portal = portal.Portal(self.doors, [Anybody()])
        self.port = await serve(it)
        hosts = KnownHostsFile(filepath.FilePath(os.path.join(self.folder, "hosts")))
        hosts.verifyHostKey = Yes().verifyHostKey
        where = SSHCommandClientEndpoint.newConnection(
            reactor, b"true", b"me", "127.0.0.1", self.port.getHost().port, password=b"x", knownHosts=hosts
        )
        self.opening = where.connect(protocol.Factory.forProtocol(Ear)).addErrback(lambda _: None)
        await until(lambda: self.doors.entered and hasattr(self.doors.entered[0], "conn"), "the login")
        return self.doors.entered[0]

    async def stop(self, it):
        self.opening.cancel()
        self.doors.entered[0].conn.transport.loseConnection()
        await closed(self.port)


class User(LoggedIn):
    names = ("twisted.conch.avatar.ConchUser",)
    gone = "always"

    async def make(self):
        return await self.enter()

    async def use(self, it):
        assert it.conn.transport.transport.connected


class Connection(LoggedIn):
    names = ("twisted.conch.ssh.connection.SSHConnection", "twisted.conch.ssh.service.SSHService")
    gone = "always"

    async def make(self):
        return (await self.enter()).conn

    async def use(self, it):
        assert it.transport.transport.connected


class Channel(Connection):
    names = ("twisted.conch.ssh.channel.SSHChannel",)

    async def make(self):
        it = channel.SSHChannel(conn=await super().make())
        it.id = 0
        return it

    async def use(self, it):
        assert it.conn.transport.transport.connected


class Transport(Connection):
    names = ("twisted.conch.ssh.transport.SSHServerTransport", "twisted.conch.ssh.transport.SSHTransportBase")

    async def make(self):
        return (await super().make()).transport

    async def use(self, it):
        assert it.transport.connected
