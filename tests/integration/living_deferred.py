"""Rows of the living table: loops, timers, and the locks and queues of twisted.internet.defer."""

from __future__ import annotations

from living import Group, Row

HEAD = ""

ROWS = [
    Row(
        "LoopingCall of startService, with a count",
        """
class Loop(Service):
    every, ticks = 0.01, 0
    def startService(self):
        super().startService()
        self.loop = task.LoopingCall.withCount(self.tick)
        self.loop.start(self.every)
    def tick(self, count):
        self.ticks += count
    def stopService(self):
        self.loop.stop()
        return super().stopService()
    def do_use(self):
        self.every = round(self.every + 0.01, 2)
        self.loop.stop()
        self.loop.start(self.every)
    def do_get(self):
        return self.loop.running, self.every
    def do_goes(self):
        seen = self.ticks
        return until(lambda: self.ticks > seen)
    def do_counted(self):
        return self.ticks > 0
""",
        ask=("goes", "get", "counted"),
    ),
    Row(
        "LoopingCall of the maker, never stopped",
        """
class Ever(Service):
    def __init__(self):
        self.loop, self.ticks, self.used = task.LoopingCall(self.tick), 0, 0
    def startService(self):
        super().startService()
        self.loop.start(0.02)
    def tick(self):
        self.ticks += 1
    def do_use(self):
        self.used += 1
    def do_get(self):
        return self.loop.running, self.used
    def do_goes(self):
        seen = self.ticks
        return until(lambda: self.ticks > seen)
""",
        ask=("goes", "get"),
    ),
    Row(
        "timers by key, which startService sets",
        """
class Alarms(Service):
    def __init__(self):
        self.due, self.timers, self.rung = {}, {}, []
    def startService(self):
        super().startService()
        for name in self.due:
            self.timers[name] = reactor.callLater(3600, self.ring, name)
    def ring(self, name):
        self.rung.append(name)
        del self.due[name], self.timers[name]
    def stopService(self):
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        return super().stopService()
    def do_use(self):
        name = f"alarm{len(self.due)}"
        self.due[name] = 3600
        self.timers[name] = reactor.callLater(3600, self.ring, name)
    def do_get(self):
        return sorted(self.due), sorted(name for name, timer in self.timers.items() if timer.active()), self.rung
""",
    ),
    Row(
        "timers by key, which nobody stops",
        """
class Forgotten(Service):
    def __init__(self):
        self.due, self.timers = {}, {}
    def startService(self):
        super().startService()
        for name in self.due:
            self.timers[name] = reactor.callLater(3600, self.due.pop, name)
    def do_use(self):
        name = f"alarm{len(self.due)}"
        self.due[name] = 3600
        self.timers[name] = reactor.callLater(3600, self.due.pop, name)
    def do_get(self):
        return sorted(self.due), sorted(name for name, timer in self.timers.items() if timer.active())
""",
    ),
    Row(
        "a delayed call that nothing sets again",
        """
class Delayed(Service):
    call, count = None, 0
    def do_use(self):
        if self.call is None:
            self.call = reactor.callLater(3600, self.do_use)
        self.count += 1
    def do_get(self):
        return self.count
    def do_pending(self):
        return self.call is not None and self.call.active()
""",
        lost=("pending",),
        named="call",
    ),
    Row(
        "DeferredLock, held and waited for",
        """
class Lock(Service):
    def __init__(self):
        self.lock, self.entered, self.asked = defer.DeferredLock(), 0, 0
    def enter(self, lock):
        self.entered += 1
    def do_use(self):
        self.asked += 1
        if not self.lock.locked:
            self.lock.acquire().addCallback(self.enter)
            self.lock.acquire().addCallback(self.enter)
    def do_get(self):
        return self.asked
    def do_held(self):
        return self.lock.locked, len(self.lock.waiting)
""",
        ask=("get", "held"),
        fresh={"held": "(False, 0)"},
    ),
    Row(
        "DeferredSemaphore with tokens out",
        """
class Tokens(Service):
    def __init__(self):
        self.semaphore, self.asked = defer.DeferredSemaphore(2), 0
    def do_use(self):
        self.asked += 1
        while self.semaphore.tokens:
            self.semaphore.acquire()
        if not self.semaphore.waiting:
            self.semaphore.acquire()
    def do_get(self):
        return self.asked, self.semaphore.limit
    def do_left(self):
        return self.semaphore.tokens, len(self.semaphore.waiting)
""",
        ask=("get", "left"),
        fresh={"left": "(2, 0)"},
    ),
    Row(
        "DeferredQueue with what nobody took yet",
        """
class Items(Service):
    def __init__(self):
        self.queue, self.put = defer.DeferredQueue(size=50), 0
    def do_use(self):
        self.put += 1
        self.queue.put({"job": self.put})
        self.queue.put("small")
        return self.queue.get()
    def do_get(self):
        return self.put, self.queue.pending, self.queue.size
""",
    ),
    Row(
        "DeferredQueue with somebody waiting",
        """
class Waiting(Service):
    def __init__(self):
        self.queue, self.got = defer.DeferredQueue(), []
    def startService(self):
        super().startService()
        self.wait()
    def wait(self):
        self.queue.get().addCallback(self.take)
    def take(self, item):
        self.got.append(item)
        self.wait()
    def do_use(self):
        self.queue.put(len(self.got))
    def do_get(self):
        return self.got, len(self.queue.waiting) > 0, self.queue.pending
""",
    ),
]

DEFERRED = Group("deferred", HEAD, ROWS)
