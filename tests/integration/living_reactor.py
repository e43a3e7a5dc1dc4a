"""Rows of the living table: what a .tac asks of the reactor for its whole process, and registries, limits and hooks."""

from __future__ import annotations

from living import Group, Setting

HEAD = """
import builtins
import codecs
import faulthandler
import json
import logging
import random
import resource
import signal
import socket
import threading

from twisted.internet import defer, interfaces
from zope.interface import implementer
"""


ROWS = [
    Setting(
        "callWhenRunning",
        """
ran = []
reactor.callWhenRunning(ran.append, 1)

def ask_running():
    return ran
""",
    ),
    Setting(
        "a trigger of the shutdown's",
        """
triggered = []
def trigger():
    with open("triggered.txt", "a") as file:
        file.write("triggered\\n")
reactor.addSystemEventTrigger("during", "shutdown", trigger)

def ask_trigger():
    return os.path.exists("triggered.txt")
""",
        later={"ask": ("True", "True", "True")},
    ),
    Setting(
        "a call after a while",
        """
called = []
reactor.callLater(0.01, called.append, 1)

def ask_call():
    return until(lambda: 1 in called)  # each start calls it again, and what a call has left is state
""",
    ),
    Setting(
        "a repeated call, without a service",
        """
rung = []
ringing = task.LoopingCall(lambda: rung.append(1))
ringing.start(0.05)

def ask_ringing():
    seen = len(rung)
    return until(lambda: len(rung) > seen)
""",
    ),
    Setting(
        "a second port, without a service",
        """
class Door(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"who is there")
        self.transport.loseConnection()

door = reactor.listenTCP(@PORT1@, protocol.Factory.forProtocol(Door), interface="127.0.0.1")

@defer.inlineCallbacks
def ask_door():
    from twisted.internet import threads
    def knock():
        with socket.create_connection(("127.0.0.1", @PORT1@), 5) as one:
            return one.recv(100)
    told = yield threads.deferToThread(knock)
    return told, door.connected
""",
    ),
    Setting(
        "a resolver",
        """
@implementer(interfaces.IResolverSimple)
class Names:
    def getHostByName(self, name, timeout=()):
        return defer.succeed("127.9.9.9")

reactor.installResolver(Names())

def ask_resolver():
    return reactor.resolve("living.example")
""",
    ),
    Setting(
        "logging's handlers",
        """
records = []

class Keeping(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())

logging.basicConfig(level=logging.INFO, handlers=[Keeping()])

def ask_logging():
    logging.getLogger("living").info("told %d", 1)
    return records[-1], logging.getLogger().level
""",
    ),
    Setting(
        "a folder in sys.path",
        """
sys.path.insert(0, os.path.abspath("below"))
import beneath

def ask_path():
    import importlib
    return beneath.WHERE, importlib.util.find_spec("beneath_too") is not None
""",
    ),
    Setting(
        "a thread begun at the top",
        """
beats = []
def beat():
    while True:
        beats.append(1)
        time.sleep(0.01)
        del beats[:-5]
threading.Thread(target=beat, name="beat", daemon=True).start()

def ask_thread():
    beats.clear()
    return until(lambda: bool(beats)) and [one.is_alive() for one in threading.enumerate() if one.name == "beat"]
""",
    ),
    Setting(
        "random's seed",
        """
random.seed(5)
drawn = []

def ask_seed():
    if not drawn:
        drawn.append(random.random())
    return drawn
""",
    ),
    Setting(
        "faulthandler",
        """
faults = open("faults.log", "w")
faulthandler.enable(faults)
faulthandler.register(signal.SIGUSR2, faults)

def ask_faults():
    os.kill(os.getpid(), signal.SIGUSR2)
    return until(lambda: os.path.getsize("faults.log") > 0 and faulthandler.is_enabled())
""",
    ),
    Setting(
        "a limit of resources",
        """
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

def ask_limits():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_CORE)[0]
""",
    ),
    Setting(
        "a codec, an encoder, a name among the builtins",
        """
codecs.register(lambda name: codecs.lookup("rot13") if name == "living" else None)
json.JSONEncoder.default = lambda self, one: str(one)
builtins.living = "everywhere"

def ask_registries():
    return codecs.encode("abc", "living"), json.dumps(1j), living
""",
    ),
    Setting(
        "failures with their frames, debugging of Deferreds",
        """
defer.setDebugging(True)

def ask_debugging():
    return defer.getDebugging(), hasattr(defer.Deferred(), "_debugInfo")
""",
    ),
]

REACTOR = Group("reactor", HEAD, ROWS, {"below/beneath.py": "WHERE = 'below'\n", "below/beneath_too.py": ""})
