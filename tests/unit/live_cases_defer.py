"""Cases of twisted.internet.defer and task: what waits, and what is called later."""

from __future__ import annotations

import os

from live_world import Case, until
from twisted.internet import defer, reactor, task
from twisted.python import lockfile


class Ticks:
    count = 0

    def tick(self):
        self.count += 1

    def steps(self):
        while True:
            self.count += 1
            yield None


class Waiting(Case):
    names = ("twisted.internet.defer.Deferred",)
    gone = True

    async def make(self):
        return defer.Deferred().addCallback(lambda value: value + 1)

    async def use(self, it):
        assert it.called or it.callbacks

    async def stop(self, it):
        if not it.called:
            it.callback(1)


class Lock(Case):
    names = ("twisted.internet.defer.DeferredLock",)

    async def make(self):
        it = defer.DeferredLock()
        await it.acquire()
        it.acquire().addErrback(lambda _: None)
        return it

    async def use(self, it):
        if not it.locked:
            await it.acquire()
            assert it.locked
            it.release()

    async def stop(self, it):
        while it.locked:
            it.release()


class Semaphore(Case):
    names = ("twisted.internet.defer.DeferredSemaphore",)

    async def make(self):
        it = defer.DeferredSemaphore(2)
        for _ in range(3):
            it.acquire().addErrback(lambda _: None)
        return it

    async def use(self, it):
        assert it.limit == 2
        if it.tokens:
            assert it.tokens == 2
            await it.run(int)

    async def stop(self, it):
        while it.tokens < it.limit:
            it.release()


class Queue(Case):
    names = ("twisted.internet.defer.DeferredQueue",)

    async def make(self):
        it = defer.DeferredQueue()
        it.get().addErrback(lambda _: None)
        it.get().addErrback(lambda _: None)
        it.put("one")
        return it

    async def use(self, it):
        if not it.waiting:
            it.put("two")
            assert await it.get() == "two"

    async def stop(self, it):
        while it.waiting:
            it.put(None)


class FileLock(Case):
    names = ("twisted.internet.defer.DeferredFilesystemLock", "twisted.python.lockfile.FilesystemLock")

    async def make(self):
        it = defer.DeferredFilesystemLock(os.path.join(self.folder, "lock"))
        self.other = lockfile.FilesystemLock(it.name)
        assert self.other.lock()
        self.waiting = it.deferUntilLocked()
        return it

    async def use(self, it):
        if it._tryLockCall is None:
            await it.deferUntilLocked(1)
            assert it.locked

    async def stop(self, it):
        if self.other.locked:
            self.other.unlock()
            await self.waiting
        if it.locked:
            it.unlock()


class Loop(Case):
    names = ("twisted.internet.task.LoopingCall",)

    async def make(self):
        it = task.LoopingCall(Ticks().tick)
        it.start(0.01)
        return it

    async def use(self, it):
        if not it.running:
            it.start(0.01)
        ticks = it.f.__self__
        last = ticks.count
        await until(lambda: ticks.count > last + 1, "two ticks")

    async def stop(self, it):
        it.stop()


class Cooperating(Case):
    names = ("twisted.internet.task.Cooperator",)

    async def make(self):
        return task.Cooperator()

    async def use(self, it):
        ticks = Ticks()
        it.cooperate(ticks.steps()).whenDone().addErrback(lambda _: None)
        await until(lambda: ticks.count > 2, "three steps")

    async def stop(self, it):
        it.stop()


class Cooperated(Case):
    names = ("twisted.internet.task.CooperativeTask",)
    gone = True

    async def make(self):
        self.cooperator = task.Cooperator()
        it = self.cooperator.cooperate(Ticks().steps())
        it.whenDone().addErrback(lambda _: None)
        return it

    async def use(self, it):
        assert (it._completionState is None) == self.cooperator.running

    async def stop(self, it):
        self.cooperator.stop()


class Later(Case):
    names = ("twisted.internet.base.DelayedCall",)
    gone = "always"

    async def make(self):
        return reactor.callLater(60, int)

    async def use(self, it):
        assert it.active()

    async def stop(self, it):
        it.cancel()
