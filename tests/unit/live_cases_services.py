"""Cases of twisted.application, python, enterprise and runner."""

from __future__ import annotations

import os
import zipfile

from live_cases_core import Ear, echoed, echoing
from live_cases_defer import Ticks
from live_world import Case, closed, serve, until
from twisted.application import internet, service
from twisted.enterprise import adbapi
from twisted.internet import defer, endpoints, protocol, reactor
from twisted.python import logfile, threadpool, zippath
from twisted.runner import procmon


class Clients(Case):
    names = ("twisted.application.internet.ClientService",)

    async def make(self):
        self.port = await serve(echoing())
        where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        it = internet.ClientService(where, protocol.Factory.forProtocol(Ear))
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        ear = await it.whenConnected()
        ear.heard = b""
        ear.transport.write(b"hello")
        await until(lambda: ear.heard == b"hello", "the echo")

    async def stop(self, it):
        await defer.maybeDeferred(it.stopService)


class Served(Case):
    names = ("twisted.application.internet.TCPServer", "twisted.application.service.MultiService")

    async def make(self):
        it = service.MultiService()
        internet.TCPServer(0, echoing(), interface="127.0.0.1").setServiceParent(it)
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        (server,) = it
        await echoed(server._port.getHost().port)

    async def stop(self, it):
        await defer.maybeDeferred(it.stopService)


class EndpointServed(Served):
    names = ("twisted.application.internet.StreamServerEndpointService",)

    async def make(self):
        where = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        it = internet.StreamServerEndpointService(where, echoing())
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        port = await it._waitingForPort
        it._waitingForPort = defer.succeed(port)
        await echoed(port.getHost().port)


class Timer(Served):
    names = ("twisted.application.internet.TimerService", "twisted.application.service.Service")

    async def make(self):
        it = internet.TimerService(0.01, Ticks().tick)
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        ticks = it.call[0].__self__
        last = ticks.count
        await until(lambda: ticks.count > last + 1, "two ticks")


class CooperatorServed(Served):
    names = ("twisted.application.internet.CooperatorService",)

    async def make(self):
        it = internet.CooperatorService()
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        ticks = Ticks()
        it.coiterate(ticks.steps()).addErrback(lambda _: None)
        await until(lambda: ticks.count > 2, "three steps")


class Counting(protocol.DatagramProtocol):
    count = 0

    def datagramReceived(self, datagram, addr):
        self.count += 1
        self.transport.write(datagram, addr)


class Datagrams(Served):
    names = ("twisted.internet.protocol.DatagramProtocol", "twisted.application.internet.UDPServer")

    async def make(self):
        it = internet.UDPServer(0, Counting(), interface="127.0.0.1")
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        server = it.args[1]
        last = server.count
        mine = reactor.listenUDP(0, protocol.DatagramProtocol(), interface="127.0.0.1")
        mine.write(b"x", ("127.0.0.1", it._port.getHost().port))
        await until(lambda: server.count == last + 1, "a datagram")
        await closed(mine)


class Threads(Case):
    names = ("twisted.python.threadpool.ThreadPool",)

    async def make(self):
        it = threadpool.ThreadPool(1, 2)
        it.start()
        return it

    async def use(self, it):
        if not it.started:
            it.start()
        done = []
        it.callInThread(done.append, 1)
        await until(lambda: done, "a thread")

    async def stop(self, it):
        it.stop()


class Database(Case):
    names = ("twisted.enterprise.adbapi.ConnectionPool",)

    async def make(self):
        path = os.path.join(self.folder, "db")
        it = adbapi.ConnectionPool("sqlite3", path, check_same_thread=False, cp_openfun=opened, cp_max=2)
        await it.runOperation("create table t (n integer)")
        return it

    async def use(self, it):
        await until(lambda: it.running, "the pool")
        await it.runOperation("insert into t values (1)")
        assert (await it.runQuery("select count(*) + mine() * 0 from t"))[0][0] >= 1

    async def stop(self, it):
        it.close()


def opened(connection):
    connection.create_function("mine", 0, lambda: 1)


class Monitor(Served):
    names = ("twisted.runner.procmon.ProcessMonitor",)

    async def make(self):
        it = procmon.ProcessMonitor()
        it.addProcess("cat", ["/bin/cat"])
        it.startService()
        return it

    async def use(self, it):
        if not it.running:
            it.startService()
        assert list(it.protocols) == ["cat"]
        pid = it.protocols["cat"].transport.pid
        os.kill(pid, 0)


class Log(Case):
    names = ("twisted.python.logfile.LogFile", "twisted.python.logfile.BaseLogFile")

    async def make(self):
        return logfile.LogFile("log", self.folder, rotateLength=1000, maxRotatedFiles=3)

    async def use(self, it):
        if it.closed:
            it.reopen()
        it.write("one line\n")
        assert it.maxRotatedFiles == 3

    async def stop(self, it):
        it.close()


class Zip(Case):
    names = ("twisted.python.zippath.ZipArchive",)

    async def make(self):
        path = os.path.join(self.folder, "z.zip")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a", "b")
        return zippath.ZipArchive(path)

    async def use(self, it):
        with it.child("a").open() as file:
            assert file.read() == b"b"
