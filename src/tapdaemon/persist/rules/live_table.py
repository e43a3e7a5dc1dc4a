"""The classes of Twisted that hold live objects: which are live themselves, and what in the others belongs to the run.

Keyed by qualified names, so that nothing is imported for them.  Names that Twisted keeps private were seen in 22.4 and
26.10; tests/unit/test_live.py asserts that each class and each attribute is still there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tapdaemon.persist.rules import live_resumed as resumed
from tapdaemon.persist.rules.live_rule import DROPPED, Resumed, Rule

_SIMPLE = (bool, int, float, str, bytes, type(None))


def _fresh(value: Any) -> Callable[[], Any]:
    """What makes a fresh value: a class of containers makes an empty one, a plain value is itself."""
    return (lambda: value) if isinstance(value, _SIMPLE) else value


def _row(then: Resumed | None = None, /, **fresh: Any) -> Rule:
    """Saved, but for these attributes, each with what a fresh object has there."""
    return Rule(None, {name: _fresh(value) for name, value in fresh.items()}, then)


_LIVE = Rule(live=True)
_PLAIN = Rule(live=False)
"""Not live, though an interface of Twisted's says that it is a transport."""

_INTERNET = {
    "twisted.internet.base.ReactorBase": _PLAIN,
    "twisted.internet.base.DelayedCall": _LIVE,
    "twisted.internet.base.BasePort": _LIVE,
    "twisted.internet.base.BaseConnector": _LIVE,
    "twisted.internet.base.ThreadedResolver": _row(_runningQueries=dict),
    "twisted.internet.abstract.FileDescriptor": _LIVE,
    "twisted.internet._baseprocess.BaseProcess": _LIVE,
    "twisted.internet.defer.Deferred": _row(_debugInfo=DROPPED, _chainedTo=DROPPED),
    "twisted.internet.defer.DebugInfo": _LIVE,
    "twisted.internet.defer.DeferredList": _row(_deferredList=list),
    "twisted.internet.defer.DeferredLock": _row(waiting=list, locked=False),
    "twisted.internet.defer.DeferredSemaphore": _row(resumed.semaphore, waiting=list, tokens=0),
    "twisted.internet.defer.DeferredQueue": _row(waiting=list),
    "twisted.internet.defer.DeferredFilesystemLock": _row(_tryLockCall=None, _timeoutCall=None),
    "twisted.internet.task.LoopingCall": _row(call=None, running=False, _deferred=None, starttime=None),
    "twisted.internet.task.Cooperator": _row(
        _tasks=list, _metarator=lambda: iter(()), _delayedCall=None, _stopped=False, _mustScheduleOnStart=False
    ),
    "twisted.internet.task.CooperativeTask": _row(_deferreds=list),
    "twisted.internet.task.Clock": _row(calls=list),
    "twisted.internet.protocol.BaseProtocol": _row(transport=None, connected=0),
    "twisted.internet.protocol.AbstractDatagramProtocol": _row(transport=None, numPorts=0),
    "twisted.internet.protocol.Factory": _row(numPorts=0),
    "twisted.internet.protocol.ReconnectingClientFactory": _row(
        connector=None, _callID=None, retries=DROPPED, delay=DROPPED, continueTrying=DROPPED, clock=DROPPED
    ),
    "twisted.internet.protocol._InstanceFactory": _LIVE,
    "twisted.internet.protocol.FileWrapper": _LIVE,
    "twisted.internet.endpoints._WrappingFactory": _LIVE,
    # Its descriptor is a number of this process.
    "twisted.internet.endpoints.AdoptedStreamServerEndpoint": _LIVE,
    "twisted.internet._sslverify.OpenSSLCertificateOptions": _row(_context=None),
    "twisted.internet.ssl.DefaultOpenSSLContextFactory": _row(_context=None),
    "twisted.internet.ssl.ClientContextFactory": _row(_context=None),
}

_APPLICATION = {
    "twisted.application.service.Service": Rule(live=False, volatile={"running": DROPPED}),
    "twisted.application.internet._AbstractServer": _row(_port=None),
    "twisted.application.internet._AbstractClient": _row(_connection=None),
    "twisted.application.internet.TimerService": _row(_loop=None, _loopFinished=DROPPED),
    "twisted.application.internet.StreamServerEndpointService": _row(_waitingForPort=None),
    "twisted.application.internet.ClientService": _row(_machine=DROPPED),
    "twisted.application._client_service.ClientService": _row(_machine=DROPPED),
    "twisted.runner.procmon.ProcessMonitor": _row(
        resumed.process_monitor, protocols=dict, timeStarted=dict, murder=dict, restart=dict, delay=dict
    ),
}

_CONCH = {
    # It reads its keys from their folder when it starts.
    "twisted.conch.openssh_compat.factory.OpenSSHFactory": _row(publicKeys=DROPPED, privateKeys=DROPPED),
    "twisted.conch.unix.UnixConchUser": _row(listeners=dict),
    "twisted.conch.unix.UnixSFTPFile": _LIVE,
    "twisted.conch.insults.window.TopWindow": _row(_paintCall=None),
    "twisted.conch.manhole.ManholeInterpreter": _row(_pendingDeferreds=dict),
    "twisted.conch.mixin.BufferingMixin": _row(_delayedWriteCall=None),
}

_WORDS = {
    "twisted.words.service.Group": _row(users=dict),
    "twisted.words.service.User": _row(realm=None, mind=None, groups=list),
    "twisted.words.im.basechat.ContactsList": _row(clients=list),
    "twisted.words.im.basesupport.AbstractAccount": _row(client=None, _isOnline=0, _isConnecting=0),
    "twisted.words.im.pbsupport.TwistedWordsClient": _LIVE,
    "twisted.words.protocols.irc.IRCClient": _row(_queueEmptying=None, _heartbeat=None),
    "twisted.words.protocols.jabber.component.Router": _row(routes=dict),
    "twisted.words.protocols.jabber.component.ServiceManager": _row(xmlstream=None),
    "twisted.words.protocols.jabber.xmlstream.Authenticator": _row(xmlstream=None),
    "twisted.words.protocols.jabber.xmlstream.IQ": _row(_xmlstream=None),
    "twisted.words.protocols.jabber.xmlstream.StreamManager": _row(xmlstream=None, _initialized=False),
    "twisted.words.protocols.jabber.xmlstream.XMPPHandler": _row(xmlstream=None),
    "twisted.words.xish.domish.ExpatElementStream": _LIVE,
}

_PYTHON = {
    "twisted.python.threadpool.ThreadPool": _row(threads=list, _team=DROPPED, started=False, joined=False),
    "twisted._threads._team.Team": _LIVE,
    "twisted.python.lockfile.FilesystemLock": _row(locked=False, clean=None),
    "twisted.python.logfile.BaseLogFile": _row(_file=DROPPED, closed=DROPPED),
    "twisted.python.logfile.LogFile": _row(size=DROPPED),
    "twisted.python.logfile.DailyLogFile": _row(lastDate=DROPPED),
    "twisted.python.logfile.LogReader": _LIVE,
    "twisted.python.context.ThreadedContextTracker": _row(resumed.context_tracker, storage=DROPPED),
    "twisted.python.zipstream.ChunkingZipFile": _LIVE,
    "twisted.python.zipstream.ZipFileEntry": _LIVE,
    "twisted.python.zipstream.DeflatedZipFileEntry": _LIVE,
    "twisted.persisted.styles.Ephemeral": _LIVE,
    "twisted.python.zippath.ZipArchive": _row(resumed.zip_archive, zipfile=DROPPED),
    "twisted.enterprise.adbapi.Connection": _LIVE,
    "twisted.enterprise.adbapi.Transaction": _LIVE,
    "twisted.enterprise.adbapi.ConnectionPool": _row(
        connections=dict, running=False, startID=None, shutdownID=None, threadpool=DROPPED
    ),
}

_WEB = {
    "twisted.web.http.HTTPFactory": _row(_logFile=None, logFile=DROPPED, _logDateTime=None, _logDateTimeCall=None),
    "twisted.web.http.Request": _LIVE,
    "twisted.web.http._GenericHTTPChannelProtocol": _LIVE,
    "twisted.web.server.Session": _row(resumed.session, _expireCall=None),
    "twisted.web.client.HTTPConnectionPool": _row(_connections=dict, _timeouts=dict),
    # Its request is a proxy, whose class has no name.
    "twisted.web._newclient.Response": _row(_transport=None, request=None),
    "twisted.web.distrib.Issue": _LIVE,
    "twisted.web.client.FileBodyProducer": _row(_task=DROPPED),
    "twisted.web.distrib.ResourceSubscription": _row(publisher=None, waiting=0, pending=list),
    "twisted.web.wsgi._WSGIResponse": _LIVE,
    "twisted.web.static.StaticProducer": _LIVE,
    "twisted.web.proxy.ProxyClientFactory": _LIVE,
    "twisted.web.xmlrpc.Handler": _LIVE,
    "twisted.web.xmlrpc.QueryFactory": _LIVE,
}

_NAMES = {
    "twisted.names.client.Resolver": _row(connections=list, pending=list, _waiting=dict, _parseCall=None),
    "twisted.names.cache.CacheResolver": _row(resumed.dns_cache, cancel=dict),
    "twisted.names.client.AXFRController": _LIVE,
    "twisted.names.root.DeferredResolver": _LIVE,
    "twisted.names.secondary.SecondaryAuthority": _row(transferring=False),
    "twisted.names.secondary.SecondaryAuthorityService": _row(calls=None),
    "twisted.names.server.DNSServerFactory": _row(connections=list),
    "twisted.names.dns.DNSDatagramProtocol": _row(liveMessages=dict, resends=dict, _addressValidation=dict),
    "twisted.names.dns.DNSProtocol": _row(liveMessages=dict),
}

_MAIL = {
    "twisted.mail.alias.FileWrapper": _LIVE,
    "twisted.mail.alias.MessageWrapper": _LIVE,
    "twisted.mail.imap4.Command": _LIVE,
    "twisted.mail.imap4.FileProducer": _LIVE,
    "twisted.mail.imap4.LiteralFile": _LIVE,
    "twisted.mail.imap4.LiteralString": _LIVE,
    "twisted.mail.imap4.MessageProducer": _LIVE,
    "twisted.mail.imap4.WriteBuffer": _LIVE,
    "twisted.mail.mail.FileMessage": _LIVE,
    "twisted.mail.mail.FileMonitoringService": _row(_call=None),
    "twisted.mail.maildir._MaildirMailboxAppendMessageTask": _LIVE,
    "twisted.mail.relaymanager._AttemptManager": _LIVE,
    "twisted.mail.relaymanager.Queue": _row(n=0, waiting=dict, relayed=dict),
    "twisted.mail.relaymanager.SmartHostSMTPRelayingManager": _row(managed=dict),
    "twisted.mail.smtp.SMTPSenderFactory": _row(currentProtocol=None),
    "twisted.mail.smtp.User": _row(protocol=None),
}

_PROTOCOLS = {
    "twisted.protocols.tls.TLSMemoryBIOProtocol": _LIVE,
    "twisted.protocols.policies.WrappingFactory": _row(protocols=dict),
    "twisted.protocols.policies.ThrottlingFactory": _row(
        connectionCount=0,
        readThisSecond=0,
        writtenThisSecond=0,
        unthrottleReadsID=None,
        checkReadBandwidthID=None,
        unthrottleWritesID=None,
        checkWriteBandwidthID=None,
    ),
    "twisted.protocols.policies.LimitTotalConnectionsFactory": _row(connectionCount=0),
    "twisted.protocols.policies.LimitConnectionsByPeer": _row(peerConnections=dict),
    "twisted.protocols.policies.TimeoutMixin": _row(_TimeoutMixin__timeoutCall=None),
    "twisted.protocols.ftp.ASCIIConsumerWrapper": _LIVE,
    "twisted.protocols.ftp.DTPFactory": _LIVE,
    "twisted.protocols.ftp.FileConsumer": _LIVE,
    "twisted.protocols.ftp.FTPCommand": _LIVE,
    "twisted.protocols.ftp._FileReader": _LIVE,
    "twisted.protocols.ftp._FileWriter": _LIVE,
    "twisted.protocols.ftp.FTPFactory": _row(instances=list),
    "twisted.protocols.htb.Bucket": _row(_refcount=DROPPED),
    "twisted.protocols.htb.HierarchicalBucketFilter": _row(buckets=dict),
    "twisted.protocols.memcache.Command": _LIVE,
    "twisted.protocols.pcp.BasicProducerConsumerProxy": _LIVE,
    "twisted.protocols.sip.InMemoryRegistry": Rule(resumed=resumed.sip_registry),
    "twisted.protocols.sip.RegisterProxy": _row(liveChallenges=dict),
    "twisted.spread.flavors.RemoteCache": _row(broker=None),
    "twisted.spread.flavors.RemoteCacheMethod": _LIVE,
    "twisted.spread.flavors.RemoteCacheObserver": _LIVE,
    "twisted.spread.util.CallbackPageCollector": _LIVE,
    "twisted.spread.util.Pager": _LIVE,
    "twisted.spread.pb.RemoteReference": _LIVE,
    "twisted.spread.pb.RemoteMethod": _LIVE,
    "twisted.spread.pb.PBClientFactory": _row(rootObjectRequests=list, _broker=None, _root=None),
}

_STANDARD = {
    "asyncio.locks.Condition": _row(_waiters=deque),
    "asyncio.locks.Event": _row(_waiters=deque),
    "asyncio.locks.Lock": _row(_waiters=None, _locked=False),
    "asyncio.locks.Semaphore": _row(_waiters=None),
    "asyncio.mixins._LoopBoundMixin": _row(_loop=None),
    "asyncio.queues.Queue": _row(_getters=deque, _putters=deque),
    "threading.Condition": _row(_waiters=deque),
}
"""Of Python's: what waits is not kept, what is queued or set is."""

TABLE: dict[str, Rule] = {
    **_STANDARD,
    **_INTERNET,
    **_APPLICATION,
    **_CONCH,
    **_PYTHON,
    **_WEB,
    **_NAMES,
    **_MAIL,
    **_WORDS,
    **_PROTOCOLS,
}
