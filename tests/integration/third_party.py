"""Daemons and libraries of others, from PyPI, that know nothing of tapdaemon: how each is made and asked."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from variants import LIMIT, LOOPBACK, Here, Variant, fetch, says

THIRD_PARTY: dict[str, tuple[str, Variant]] = {}


def of(distribution: str, talk, *, state: bool = False):
    """Register one, under its distribution's name."""

    def register(arguments):
        THIRD_PARTY[distribution] = (distribution.partition(",")[0], Variant(arguments, talk, state))
        return arguments

    return register


def tac(here: Here, name: str, source: str) -> list[str]:
    path = here.folder / f"{name}.tac"
    path.write_text(source.replace("PORT", str(here.port)).replace("FOLDER", str(here.folder)))
    return ["-y", str(path)]


def script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


# ---- with a maker


def says_its_name(here: Here) -> None:
    assert b"Wormhole Relay" in fetch(here.port)


@of("magic-wormhole-mailbox-server", says_its_name)
def _(here: Here) -> list[str]:
    """A websocket server with a database (sqlite3)."""
    return ["wormhole-mailbox", "--port", here.tcp, f"--channel-db={here.folder}/relay.sqlite"]


@of("magic-wormhole-transit-relay", says(("please relay 1111\n", "bad handshake")))
def _(here: Here) -> list[str]:
    return ["transitrelay", "--port", here.tcp]


def stores(here: Here) -> None:
    """A metric that was sent is on the disk a moment later: carbon's own writer thread put it there."""
    name = f"round{here.rounds}"
    with socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        client.sendall(f"tap.{name} 1 {int(time.time())}\n".encode())
    end = time.monotonic() + LIMIT
    while not (here.folder / "storage" / "whisper" / "tap" / f"{name}.wsp").exists():
        assert time.monotonic() < end, "carbon wrote no file"
        time.sleep(0.1)


CARBON = """\
[cache]
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = PORT
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = OTHER
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = THIRD
ENABLE_UDP_LISTENER = False
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = 500
LOG_UPDATES = True
"""


@of("carbon", stores)
def _(here: Here) -> list[str]:
    """Settings at module level, filled by the options parser; a log writer; its own writer thread."""
    conf = here.folder / "conf"
    conf.mkdir()
    (here.folder / "storage").mkdir()
    text = CARBON
    for word, port in zip(("PORT\n", "OTHER", "THIRD"), here.ports, strict=False):
        text = text.replace(word, str(port) + "\n" * word.endswith("\n"))
    (conf / "carbon.conf").write_text(text)
    (conf / "storage-schemas.conf").write_text("[default]\npattern = .*\nretentions = 1s:1d\n")
    os.environ["GRAPHITE_ROOT"] = str(here.folder)
    return ["carbon-cache", f"--config={conf}/carbon.conf"]


# ---- that write their own .tac


@of("foolscap", says(("GET /id/x HTTP/1.1\r\n\r\n", "unknown TubID x")))
def _(here: Here) -> list[str]:
    """flappserver makes a folder with a .tac, a certificate and its services."""
    folder = here.folder / "flapp"
    options = ["--port", here.tcp, "--location", f"tcp:{LOOPBACK}:{here.port}"]
    # Its create ends with an error that is its own (the reactor is stopped twice) when all is written.
    subprocess.run([script("flappserver"), "create", "-q", *options, folder], capture_output=True, check=False)
    assert (folder / "flappserver.tac").exists()
    os.chdir(folder)
    return ["-y", "flappserver.tac"]


class Master:
    """What a worker connects to."""

    def __init__(self, port: int) -> None:
        self.server = socket.create_server((LOOPBACK, port))
        self.server.settimeout(2 * LIMIT)

    def greeted(self) -> None:
        """The worker came; in its protocol the server speaks first."""
        with contextlib.closing(self.server):
            self.server.accept()[0].close()


@of("buildbot-worker", lambda here: Master(here.port).greeted())
def _(here: Here) -> list[str]:
    """A client that comes back to its master; its .tac says where it lies by __file__ or its own name."""
    folder = here.folder / "worker"
    command = [script("buildbot-worker"), "create-worker", folder, f"{LOOPBACK}:{here.port}", "name", "secret"]
    subprocess.run(command, capture_output=True, check=True)
    os.chdir(folder)
    return ["-y", "buildbot.tac"]


def is_ok(here: Here) -> None:
    assert json.loads(fetch(here.port, "/daemonstatus.json"))["status"] == "ok"


@of("scrapyd", is_ok)
def _(here: Here) -> list[str]:
    """A spider's scheduler: sqlite queues, processes, a web site; its txapp.py is a .tac by another name."""
    import scrapyd

    (here.folder / "scrapyd.conf").write_text(f"[scrapyd]\nhttp_port={here.port}\nbind_address={LOOPBACK}\n")
    os.chdir(here.folder)
    return tac(here, "scrapyd", (Path(scrapyd.__file__).parent / "txapp.py").read_text())


# ---- libraries


def hears_all(here: Here) -> None:
    """A websocket's answer is all that was ever said, in the earlier rounds as well."""
    with socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall(
            f"GET / HTTP/1.1\r\nHost: {LOOPBACK}:{here.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        with client.makefile("rb") as answer:
            while answer.readline() != b"\r\n":
                pass
            mask, words = os.urandom(4), f"round {here.rounds}".encode()
            masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(words))
            client.sendall(bytes([0x81, 0x80 | len(words)]) + mask + masked)
            size = answer.read(2)[1]
            heard = json.loads(answer.read(size))
    assert heard == [f"round {number}" for number in range(here.rounds + 1)]


@of("autobahn", hears_all, state=True)
def _(here: Here) -> list[str]:
    """A websocket server."""
    return tac(here, "ws", """
import json
from twisted.application import service, internet
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

class Echo(WebSocketServerProtocol):
    def onMessage(self, payload, binary):
        self.factory.heard.append(payload.decode())
        self.sendMessage(json.dumps(self.factory.heard).encode())

factory = WebSocketServerFactory("ws://127.0.0.1:PORT")
factory.protocol = Echo
factory.heard = []
application = service.Application("ws")
internet.TCPServer(PORT, factory, interface="127.0.0.1").setServiceParent(application)
""")  # fmt: skip


def sells(here: Here) -> None:
    assert fetch(here.port) == b"sold"


@of("klein", sells)
def _(here: Here) -> list[str]:
    """A web framework; its routes are compiled at run time and have no names."""
    return tac(here, "shop", """
from klein import Klein
from twisted.application import service, strports
from twisted.web.server import Site

class Shop:
    app = Klein()
    @app.route("/")
    def home(self, request):
        return "sold"

application = service.Application("shop")
strports.service("tcp:PORT:interface=127.0.0.1", Site(Shop().app.resource())).setServiceParent(application)
""")  # fmt: skip


LDAP_BIND, LDAP_BOUND = "0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00", "a\x07\n\x01\x00"


@of("ldaptor", says((LDAP_BIND, LDAP_BOUND)))
def _(here: Here) -> list[str]:
    """An LDAP server over a tree in memory; an adapter that is registered at module level."""
    return tac(here, "directory", """
from twisted.application import service, internet
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter
from ldaptor import inmemory
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols.ldap.ldapserver import LDAPServer

class Factory(ServerFactory):
    protocol = LDAPServer
    def __init__(self, root):
        self.root = root

registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
root = inmemory.ReadOnlyInMemoryLDAPEntry(dn=b"dc=org", attributes={b"objectClass": [b"dcObject"], b"dc": [b"org"]})
application = service.Application("directory")
internet.TCPServer(PORT, Factory(root), interface="127.0.0.1").setServiceParent(application)
""")  # fmt: skip
