"""Where clients meet: Magic Wormhole's two servers, websockets, XMPP, a Matrix home server."""

from __future__ import annotations

import hashlib
import json
import os
import re

from third_party import Lines, Place, WebSocket, of, websocket
from variants import LOOPBACK


def tells(client: WebSocket, kind: str, **more: str) -> None:
    client.say(json.dumps({"type": kind, "id": os.urandom(2).hex(), **more}).encode())


def awaits(client: WebSocket, kind: str) -> dict:
    while (message := json.loads(client.hear()))["type"] != kind:
        assert message["type"] != "error", message
    return message


def leaves_and_collects(place: Place) -> None:
    """One mailbox, to which each round adds a message: it delivers all of them."""
    with websocket(place, "/v1") as client:
        assert "welcome" in awaits(client, "welcome")
        tells(client, "bind", appid="an application", side="a side")
        tells(client, "open", mailbox="a-mailbox")
        tells(client, "add", phase=place.names[-1], body=place.names[-1].encode().hex())
        heard = set()
        while place.names[-1] not in heard:
            heard.add(awaits(client, "message")["phase"])
    assert sorted(heard) == place.names
    sends_text(place)


def sends_text(place: Place) -> None:
    """Magic Wormhole's own client, at both ends."""
    client = [place.script("wormhole"), "--relay-url", f"ws://{LOOPBACK}:{place.port}/v1", "--transit-helper", ""]
    code = f"{place.rounds + 1}-a-word"
    place.beside(*client, "send", "--hide-progress", "--text", place.names[-1], "--code", code)
    assert place.run(*client, "receive", "--hide-progress", code).strip().endswith(place.names[-1])


@of("magic-wormhole-mailbox-server", leaves_and_collects)
def _(place: Place) -> list[str]:
    """Websockets over a database (sqlite3), which a C handle holds open."""
    return ["wormhole-mailbox", "--port", place.tcp, f"--channel-db={place.folder}/relay.sqlite"]


def glues(place: Place) -> None:
    """Two clients that name the same token are glued together: two by TCP, and two by websockets."""
    token = hashlib.sha256(place.names[-1].encode()).hexdigest()
    with place.connect() as left, place.connect() as right:
        a, b = Lines(left), Lines(right)
        for number, client in enumerate((a, b)):
            client.say(f"please relay {token} for side {number:016}\n")
        for client in (a, b):
            client.until("ok\n")
        a.say("to the right\n")
        b.until("to the right\n")
    with websocket(place, index=1) as left, websocket(place, index=1) as right:
        for number, client in enumerate((left, right)):
            client.say(f"please relay {token} for side {number:016}\n".encode(), 2)
        for client in (left, right):
            assert client.hear() == b"ok\n"
        left.say(b"to the right", 2)
        assert right.hear() == b"to the right"


@of("magic-wormhole-transit-relay", glues)
def _(place: Place) -> list[str]:
    """One table of waiting clients behind two factories: plain, and autobahn's websockets."""
    database = f"--usage-db={place.folder}/usage.sqlite"
    websockets = f"tcp:{place.ports[1]}:interface={LOOPBACK}"
    return ["transitrelay", "--port", place.tcp, "--websocket", websockets, database]


def hears_all(place: Place) -> None:
    """A websocket's answer is all that was ever said."""
    with websocket(place) as client:
        client.say(place.names[-1].encode())
        assert json.loads(client.hear()) == place.names


@of("autobahn", hears_all, keeps="all that was said")
def _(place: Place) -> list[str]:
    """A websocket server."""
    return place.tac("""
import json
from twisted.application import service, internet
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

class Echo(WebSocketServerProtocol):
    def onMessage(self, payload, binary):
        self.factory.heard.append(payload.decode())
        self.sendMessage(json.dumps(self.factory.heard).encode())

factory = WebSocketServerFactory("ws://127.0.0.1:PORT0")
factory.protocol = Echo
factory.heard = []
application = service.Application("ws")
internet.TCPServer(PORT0, factory, interface="127.0.0.1").setServiceParent(application)
""")  # fmt: skip


def component(place: Place, name: str) -> Lines:
    """A component of an XMPP server (XEP-0114), bound."""
    client = Lines(place.around.enter_context(place.connect()))
    client.say(
        "<stream:stream xmlns='jabber:component:accept' "
        f"xmlns:stream='http://etherx.jabber.org/streams' to='{name}.localhost'>"
    )
    found = re.search(r"\bid=['\"]([^'\"]+)['\"]", client.until(">"))
    assert found
    client.say(f"<handshake>{hashlib.sha1(f'{found[1]}secret'.encode()).hexdigest()}</handshake>")
    client.until("<handshake/>")
    return client


def speaks(place: Place) -> None:
    """A message goes from one component to another."""
    a, b = component(place, "a"), component(place, "b")
    a.say(f"<message from='x@a.localhost' to='y@b.localhost'><body>{place.names[-1]}</body></message>")
    assert "x@a.localhost" in b.until(f"<body>{place.names[-1]}</body>")
    for client in (a, b):
        client.connection.close()


@of("wokkel", speaks)
def _(place: Place) -> list[str]:
    """A server for XMPP's components."""
    servers = f"tcp:{place.ports[1]}:interface={LOOPBACK}"
    return [
        "wokkel-component-server", "--domain=localhost", f"--component-port={place.tcp}", "--component-secret=secret",
        f"--server-port={servers}", "--server-secret=another",
    ]  # fmt: skip


def is_noted(place: Place) -> None:
    """A component inside the server notes every message, and answers with all."""
    client = component(place, "a")
    client.say(f"<message from='x@a.localhost' to='notes.localhost'><body>{place.names[-1]}</body></message>")
    assert f"<body>{' '.join(place.names)}</body>" in client.until("</message>")
    client.connection.close()


@of("wokkel, component", is_noted, keeps="the notes")
def _(place: Place) -> list[str]:
    """A component in the process of its router, with a handler of the application's own."""
    return place.tac("""
from twisted.application import service, strports
from twisted.words.xish import domish
from wokkel import component
from wokkel.subprotocols import XMPPHandler

class Notes(XMPPHandler):
    def __init__(self):
        super().__init__()
        self.notes = []
    def connectionInitialized(self):
        self.xmlstream.addObserver("/message", self.noted)
    def noted(self, message):
        self.notes.append(str(message.body))
        answer = domish.Element((None, "message"))
        answer["from"], answer["to"] = message["to"], message["from"]
        answer.addElement("body", content=" ".join(self.notes))
        self.send(answer)

application = service.Application("xmpp")
router = component.Router()
inside = component.InternalComponent(router, "notes.localhost")
inside.setServiceParent(application)
Notes().setHandlerParent(inside)
factory = component.XMPPComponentServerFactory(router, "secret")
strports.service("tcp:PORT0:interface=127.0.0.1", factory).setServiceParent(application)
""")  # fmt: skip


MATRIX = "/_matrix/client/v3"


def chats(place: Place) -> None:
    """One room, to which each round adds a message: all of them are there."""
    if place.rounds == 0:
        account = {"username": "name", "password": "a long secret", "auth": {"type": "m.login.dummy"}}
        place.kept["token"] = json.loads(place.ask(f"{MATRIX}/register", account))["access_token"]
    bearer = {"Authorization": f"Bearer {place.kept['token']}"}
    if place.rounds == 0:
        place.kept["room"] = json.loads(place.ask(f"{MATRIX}/createRoom", {}, **bearer))["room_id"]
    room = f"{MATRIX}/rooms/{place.kept['room']}"
    message = {"msgtype": "m.text", "body": place.names[-1]}
    place.ask(f"{room}/send/m.room.message/{place.names[-1]}", message, method="PUT", **bearer)
    events = json.loads(place.ask(f"{room}/messages?dir=f&limit=100", **bearer))["chunk"]
    assert [one["content"]["body"] for one in events if one["type"] == "m.room.message"] == place.names


@of("matrix-synapse", chats)
def _(place: Place) -> list[str]:
    """Hundreds of objects made lazily, caches, a database pool, metrics in globals; it starts once the reactor runs."""
    place.run(
        place.python, "-m", "synapse.app.homeserver", "--server-name=localhost", "--config-path=hs.yaml",
        "--generate-config", "--report-stats=no", f"--data-directory={place.folder}",
    )  # fmt: skip
    place.write("more.yaml", """
listeners: [{port: PORT0, type: http, bind_addresses: [127.0.0.1], resources: [{names: [client]}]}]
enable_registration: true
enable_registration_without_verification: true
trusted_key_servers: []
""")  # fmt: skip
    return place.tac("""
from twisted.application import service
from synapse.app import _base, homeserver
from synapse.logging.context import LoggingContext

class Synapse(service.Service):
    def __init__(self):
        config = homeserver.load_or_generate_config(["-c", "FOLDER/hs.yaml", "-c", "FOLDER/more.yaml"])
        with LoggingContext(name="main", server_name=config.server.server_name):
            self.hs = homeserver.create_homeserver(config)
            homeserver.setup(self.hs)
    def startService(self):
        super().startService()
        _base.register_start(self.hs, homeserver.start, self.hs)

application = service.Application("synapse")
Synapse().setServiceParent(application)
""")  # fmt: skip
