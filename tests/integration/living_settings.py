"""Rows of the living table: what a .tac sets for its whole process, beside the application."""

from __future__ import annotations

from living import Group, Setting

HEAD = """
import decimal
import gc
import locale
import mimetypes
import signal
import socket
import threading
import warnings

import helper
from twisted.logger import Logger, globalLogPublisher
from twisted.python import components
from twisted.python import log as oldlog
from twisted.web import http, server, static
from zope.interface import Interface, implementer
"""

HELPER = """
'''A module of the application's own, with a setting.'''
LIMIT = 1
LISTENERS = []


class Tool:
    width = 1
"""


ROWS = [
    Setting(
        "a log observer",
        """
observed = []
globalLogPublisher.addObserver(lambda event: observed.append(event.get("log_format")))

def ask_observer():
    Logger("living").info("seen")
    return "seen" in observed
""",
    ),
    Setting(
        "a log observer of the old kind",
        """
heard = []
oldlog.addObserver(lambda event: heard.append(event.get("living")))

def ask_heard():
    oldlog.msg("heard", living="yes")
    return "yes" in heard
""",
    ),
    Setting(
        "the size of the thread pool",
        """
reactor.suggestThreadPoolSize(37)

def ask_pool():
    return reactor.getThreadPool().max
""",
    ),
    Setting(
        "a signal's handler",
        """
signals = []
signal.signal(signal.SIGUSR2, lambda number, frame: signals.append(number))

def ask_signal():
    os.kill(os.getpid(), signal.SIGUSR2)
    return until(lambda: len(signals) > 0)
""",
    ),
    Setting(
        "the time zone",
        """
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()

def ask_zone():
    return time.strftime("%z"), time.localtime(0).tm_hour
""",
    ),
    Setting(
        "the locale",
        """
locale.setlocale(locale.LC_ALL, "C.UTF-8")

def ask_locale():
    return locale.setlocale(locale.LC_ALL), locale.setlocale(locale.LC_NUMERIC)
""",
    ),
    Setting(
        "decimal's precision",
        """
decimal.getcontext().prec = 5

def ask_precision():
    return decimal.Decimal(1) / 3
""",
    ),
    Setting(
        "a filter of warnings",
        """
warnings.filterwarnings("error", "living")

def ask_warnings():
    try:
        warnings.warn("living")
    except UserWarning as one:
        return "raised", one
""",
    ),
    Setting(
        "sys.excepthook",
        """
def hook(*exception):
    pass
sys.excepthook = hook

def ask_excepthook():
    return sys.excepthook is hook
""",
    ),
    Setting(
        "threading.excepthook",
        """
failed = []
threading.excepthook = lambda what: failed.append(what.exc_type.__name__)

def ask_threadhook():
    one = threading.Thread(target=lambda: {}["x"])
    one.start()
    one.join()
    return failed[-1]
""",
    ),
    Setting(
        "Factory.noisy",
        """
protocol.Factory.noisy = False

def ask_noisy():
    return protocol.Factory().noisy, server.Site.noisy
""",
    ),
    Setting(
        "an attribute of a class of Twisted's",
        """
http.HTTPChannel.totalHeadersSize = 4321

def ask_headers():
    return http.HTTPChannel().totalHeadersSize
""",
    ),
    Setting(
        "a method of a class of Twisted's, replaced",
        """
server.Request.defaultContentType = b"text/plain"
was = static.Data.render_GET
static.Data.render_GET = lambda self, request: b"ours"

def ask_patched():
    return server.Request.defaultContentType, static.Data(b"", "text/plain").render_GET(None)
""",
    ),
    Setting(
        "an adapter",
        """
class IShown(Interface):
    pass

@implementer(IShown)
class Shown:
    def __init__(self, original):
        self.text = f"<{original!r}>"

components.registerAdapter(Shown, complex, IShown)

def ask_adapter():
    return IShown(1j).text
""",
    ),
    Setting(
        "a type of files",
        """
mimetypes.add_type("text/x-living", ".living")
static.File.contentTypes[".living"] = "text/x-living"

def ask_mime():
    return mimetypes.guess_type("a.living"), static.File("a.living").contentTypes[".living"]
""",
    ),
    Setting(
        "the default timeout of sockets",
        """
socket.setdefaulttimeout(33)

def ask_timeout():
    return socket.getdefaulttimeout()
""",
    ),
    Setting(
        "settings of the application's own module",
        """
helper.LIMIT = 9
helper.Tool.width = 7
helper.LISTENERS.append(len)

def ask_helper():
    import helper as again
    return again.LIMIT, again.Tool().width, len(again.LISTENERS)
""",
    ),
    Setting(
        "the umask",
        """
os.umask(0o027)

def ask_umask():
    was = os.umask(0)
    os.umask(was)
    return oct(was)
""",
    ),
    Setting(
        "the environment",
        """
os.environ["LIVING"] = "set"
os.environ.pop("LANGUAGE", None)

def ask_environment():
    return os.environ.get("LIVING"), os.popen("echo $LIVING").read()
""",
    ),
    Setting(
        "the recursion limit",
        """
sys.setrecursionlimit(2345)

def ask_recursion():
    return sys.getrecursionlimit()
""",
    ),
    Setting(
        "the collector's thresholds",
        """
gc.set_threshold(3456, 7, 8)

def ask_collector():
    return gc.get_threshold()[:2], gc.isenabled()
""",
    ),
]

SETTINGS = Group("settings", HEAD, ROWS, {"helper.py": HELPER})
