"""Rows of the living table: threads and their locks, processes, open files and database connections."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import queue
import sqlite3
import threading

from twisted.internet import threads
from twisted.runner.procmon import ProcessMonitor
"""

ROWS = [
    Row(
        "a thread that works a queue",
        """
class Worker(Service):
    thread, done = None, 0
    def __init__(self):
        self.jobs = queue.Queue()
    def startService(self):
        super().startService()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
    def work(self):
        while (job := self.jobs.get()) is not None:
            self.done += job
    def stopService(self):
        self.jobs.put(None)
        self.thread.join()
        return super().stopService()
    def do_use(self):
        wanted = self.done + 2
        self.jobs.put(2)
        return until(lambda: self.done == wanted)
    def do_get(self):
        return self.done, self.thread.is_alive()
""",
    ),
    Row(
        "deferToThread in flight",
        """
class Flight(Service):
    call, begun = None, 0
    def __init__(self):
        self.land = threading.Event()
    def startService(self):
        super().startService()
        reactor.addSystemEventTrigger("before", "shutdown", self.land.set)
    def stopService(self):
        self.land.set()
        return super().stopService()
    def do_use(self):
        self.begun += 1
        if self.call is None:
            self.call = threads.deferToThread(self.land.wait, 5)
    def do_get(self):
        return self.begun
""",
    ),
    Row(
        "locks of threading's, in the base",
        """
class Locks(Service):
    def __init__(self):
        self.lock, self.again, self.count = threading.Lock(), threading.RLock(), 0
        self.changed = threading.Condition(self.again)
        self.room = threading.BoundedSemaphore(2)
    def do_use(self):
        with self.lock, self.again, self.changed, self.room:
            self.count += 1
            self.changed.notify_all()
    def do_get(self):
        return self.count, self.lock.locked(), self.changed._lock is self.again
""",
    ),
    Row(
        "objects with a lock each, new while it ran",
        """
class Account:
    def __init__(self):
        self.lock, self.sum = threading.Lock(), 0
    def add(self, amount):
        with self.lock:
            self.sum += amount

class Accounts(Service):
    def __init__(self):
        self.accounts = {}
    def do_use(self):
        self.accounts[f"a{len(self.accounts)}"] = Account()
        for one in self.accounts.values():
            one.add(1)
    def do_get(self):
        return [one.sum for one in self.accounts.values()]
""",
    ),
    Row(
        "queue.Queue with items, threading.Event set",
        """
class Boxes(Service):
    def __init__(self):
        self.queue, self.more, self.set = queue.Queue(9), {}, threading.Event()
    def do_use(self):
        self.queue.put(("job", self.queue.qsize()))
        self.more.setdefault("side", queue.PriorityQueue()).put(-len(self.more))
        self.set.set()
    def do_get(self):
        return list(self.queue.queue), self.queue.maxsize, [one.queue for one in self.more.values()]
    def do_set(self):
        return self.set.is_set()
""",
        ask=("get", "set"),
    ),
    Row(
        "a process of spawnProcess, begun by startService",
        """
class Talk(protocol.ProcessProtocol):
    def __init__(self, owner):
        self.owner, self.over = owner, defer.Deferred()
    def outReceived(self, data):
        self.owner.heard += len(data)
    def processEnded(self, reason):
        self.over.callback(None)

class Process(Service):
    heard, talk = 0, None
    def startService(self):
        super().startService()
        self.talk = Talk(self)
        reactor.spawnProcess(self.talk, "/bin/cat", ["cat"])
    def stopService(self):
        self.talk.transport.closeStdin()
        return defer.gatherResults([self.talk.over, defer.maybeDeferred(super().stopService)])
    def do_use(self):
        wanted = self.heard + 6
        self.talk.transport.write(b"hello,")
        return until(lambda: self.heard == wanted)
    def do_get(self):
        return self.heard, self.talk.transport.pid is not None
""",
    ),
    Row(
        "ProcessMonitor with processes added while it runs",
        """
class Monitor(MultiService):
    def __init__(self):
        super().__init__()
        self.monitor, self.added = ProcessMonitor(), 0
        self.monitor.addProcess("first", ["/bin/sleep", "600"])
        self.monitor.setServiceParent(self)
    def do_use(self):
        self.monitor.addProcess(f"more{self.added}", ["/bin/sleep", str(700 + self.added)])
        self.added += 1
        return until(lambda: len(self.monitor.protocols) == len(self.monitor.processes))
    def do_get(self):
        return self.added, sorted(self.monitor.processes), sorted(self.monitor.protocols)
""",
    ),
    Row(
        "a log file of startService's",
        """
class Writes(Service):
    file, lines = None, 0
    def startService(self):
        super().startService()
        self.file = open("written.log", "a")
    def stopService(self):
        self.file.close()
        self.file = None
        return super().stopService()
    def do_use(self):
        self.file.write("line\\n")
        self.file.flush()
        self.lines += 1
    def do_get(self):
        with open("written.log") as written:
            return self.lines, len(written.readlines()), self.file.closed
""",
    ),
    Row(
        "a file that is opened while it runs, and never again",
        """
class Opened(Service):
    file, lines = None, 0
    def do_use(self):
        self.file = self.file or open("opened.log", "a")
        self.file.write("line\\n")
        self.lines += 1
    def do_get(self):
        return self.lines
    def do_open(self):
        return self.file is not None and not self.file.closed
""",
        lost=("open",),
        named="file",
    ),
    Row(
        "a sqlite3 connection of startService's",
        """
class Sqlite(Service):
    added, connection = 0, None
    def startService(self):
        super().startService()
        self.connection = sqlite3.connect("own.db")
        self.connection.execute("CREATE TABLE IF NOT EXISTS rows (n INTEGER)")
    def stopService(self):
        self.connection.close()
        return super().stopService()
    def do_use(self):
        with self.connection:
            self.connection.execute("INSERT INTO rows VALUES (?)", (self.added,))
        self.added += 1
    def do_get(self):
        return self.added, self.connection.execute("SELECT count(*) FROM rows").fetchone()
""",
    ),
    Row(
        "a thread that changes state all the time",
        """
class Busy(Service):
    def __init__(self):
        self.seen, self.marks, self.going = {}, 0, threading.Event()
    def startService(self):
        super().startService()
        self.going.set()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
    def work(self):
        while self.going.is_set():
            self.seen[len(self.seen) % 997] = {"n": len(self.seen)}
            time.sleep(0.0002)
    def stopService(self):
        self.going.clear()
        self.thread.join()
        return super().stopService()
    def do_use(self):
        self.marks += 1
    def do_get(self):
        return self.marks
    def do_goes(self):
        return until(lambda: bool(self.seen) and self.thread.is_alive())
""",
        ask=("get", "goes"),
    ),
]

PROCESS = Group("process", HEAD, ROWS)
