"""Where people play and talk: Evennia, a world of text, and phxd, a Hotline server."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from third_party import Lines, Place, eventually, of

EVENNIA_SETTINGS = """
TELNET_PORTS, TELNET_INTERFACES = [PORT0], ["127.0.0.1"]
AMP_PORT = PORT1
WEBSERVER_ENABLED = WEBSOCKET_CLIENT_ENABLED = False
"""

EVENNIA_SETUP = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("createsuperuser", username="admin", email="a@example.com", interactive=False)
import evennia
evennia._init()
from evennia.server import initial_setup
from evennia.server.models import ServerConfig
initial_setup.create_objects()
initial_setup.at_initial_setup()
ServerConfig.objects.conf("last_initial_setup_step", "done")
"""


def plays(place: Place) -> None:
    """A player enters through the portal, and writes on himself; what earlier rounds wrote is there."""

    def entered() -> Lines | None:
        """The player's connection, once the server stands behind the portal."""
        client = Lines(place.around.enter_context(place.connect()))
        client.connection.settimeout(3)
        with contextlib.suppress(TimeoutError):
            client.say("connect admin a-long-secret-1\r\n")
            client.until("Limbo")
            return client
        client.connection.close()
        return None

    found: list[Lines] = []
    eventually(lambda: found.extend(one for one in [entered()] if one) or found, "the world")
    (client,) = found
    client.say(f"@set me/{place.names[-1]} = 1\r\n")
    client.until("Created attribute")
    client.until("\r\n")
    client.say("@examine me\r\n")
    client.until("Persistent Attributes")
    assert re.findall(r"round\d+", client.until("Non-Persistent")) == place.names
    client.connection.close()


@of("evennia", plays)
def _(place: Place) -> list[str]:
    """A server that Django and a registry in globals make up, which its portal, beside it, connects to the world."""
    place.run(place.script("evennia"), "--init", "game")
    place.move_up("game")
    settings = (place.folder / "server" / "conf" / "settings.py").read_text()
    place.write("server/conf/settings.py", settings + EVENNIA_SETTINGS)
    place.env.update(
        DJANGO_SETTINGS_MODULE="server.conf.settings",
        DJANGO_SUPERUSER_PASSWORD="a-long-secret-1",
        PYTHONPATH=os.pathsep.join(filter(None, [str(place.folder), os.environ.get("PYTHONPATH")])),
    )
    place.run(place.python, "-c", EVENNIA_SETUP)
    server = Path(place.run(place.python, "-c", "import evennia; print(evennia.__file__)").strip()).parent / "server"
    place.beside(place.script("twistd"), "-n", "--pidfile=", "-y", server / "portal" / "portal.py")
    return ["-y", str(server / "server.py")]


HOTLINE_CLIENT = """
import socket, sys, time
from phxd.constants import *
from phxd.packet import HLPacket
from phxd.utils import HLClientMagic, HLEncode

end = time.monotonic() + 20
while True:  # each connection counts, so none is made only to see whether it listens
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
        break
    except ConnectionRefusedError:
        assert time.monotonic() < end
        time.sleep(0.05)
connection.sendall(HLClientMagic())
assert connection.recv(8).startswith(b"TRTP")
heard = b""

def ask(kind, sequence, **fields):
    global heard
    packet = HLPacket(kind, sequence)
    for name, value in fields.items():
        packet.addString(globals()["DATA_" + name], value)
    connection.sendall(packet.flatten())
    while True:
        answer = HLPacket()
        while not (size := answer.parse(heard)):
            part = connection.recv(65536)
            assert part
            heard += part
        heard = heard[size:]
        if answer.seq == sequence:
            return answer

greeting = ask(HTLC_HDR_LOGIN, 1001, LOGIN=HLEncode("admin"), PASSWORD=HLEncode("adminpass"), NICK="a guest")
print(greeting.getNumber(DATA_UID))
ask(HTLC_HDR_NEWS_POST, 1002, STRING=sys.argv[2])
print(ask(HTLC_HDR_NEWS_GET, 1003).getString(DATA_STRING))
"""


def is_numbered(place: Place) -> None:
    """Each guest is given the next number; the news of every round are there."""
    number, _, news = place.client(HOTLINE_CLIENT, str(place.port), place.names[-1]).partition("\n")
    assert sorted(set(re.findall(r"round\d+", news))) == place.names
    assert int(number) == len(place.names)


@of("phxd", is_numbered, keeps="the number of the last guest")
def _(place: Place) -> list[str]:
    """Handlers in a registry of the process, settings in a module, a loop that the application starts, a database."""
    (place.folder / "chatlogs").mkdir()
    return place.tac("""
from phxd.server.config import conf
conf._vars.update(DB_ARG="FOLDER/phxd.db", LOG_DIR="FOLDER/chatlogs")
import hashlib
from phxd.server import HLServer, handlers
from phxd.types import HLAccount
from twisted.application import internet, service

handlers.install_all()

class Hotline(service.Service):
    def __init__(self, server):
        self.server = server
    def startService(self):
        super().startService()
        if not self.server.database.isConfigured():
            self.server.database.setup()
            admin = HLAccount("admin")
            admin.name, admin.privs = "Administrator", 18443313597422501888
            admin.password = hashlib.md5(b"adminpass").hexdigest()
            self.server.database.saveAccount(admin)
        self.server._tickle.start(5.0, False)
    def stopService(self):
        self.server._tickle.stop()
        return super().stopService()

application = service.Application("hotline")
server = HLServer()
internet.TCPServer(PORT0, server, interface="127.0.0.1").setServiceParent(application)
internet.TCPServer(PORT1, server.fileserver, interface="127.0.0.1").setServiceParent(application)
Hotline(server).setServiceParent(application)
""")  # fmt: skip
