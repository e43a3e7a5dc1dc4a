"""What serves: Foolscap, Tahoe-LAFS, an LDAP directory, TLS by name, a web framework, a Hotline server."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import urllib.error

from third_party import Place, eventually, of
from variants import LOOPBACK


def uploads(place: Place) -> None:
    """A file that Foolscap's own client sends lies in the folder."""
    place.connect().close()
    sent = place.write(place.names[-1], f"content of {place.names[-1]}")
    place.run(place.script("flappclient"), "--furl", str(place.kept["furl"]), "upload-file", sent)
    assert sorted(os.listdir(place.folder / "incoming")) == place.names
    assert (place.folder / "incoming" / sent.name).read_text() == sent.read_text()


@of("foolscap", uploads)
def _(place: Place) -> list[str]:
    """flappserver makes a folder with a .tac, a certificate and its services; a Tub cannot be started twice."""
    # Its commands end with an error that is their own (the reactor is stopped twice) when all is written.
    with contextlib.suppress(AssertionError):
        options = ["--port", place.tcp, "--location", f"tcp:{LOOPBACK}:{place.port}"]
        place.run(place.script("flappserver"), "create", "-q", *options, "flapp")
    (place.folder / "incoming").mkdir()
    with contextlib.suppress(AssertionError):
        place.run(place.script("flappserver"), "add", "-q", "flapp", "upload-file", place.folder / "incoming")
    place.move_up("flapp")
    (number,) = json.loads((place.folder / "services.json").read_text())["services"]
    place.kept["furl"] = (place.folder / "furl_prefix").read_text().strip() + number
    return ["-y", "flappserver.tac"]


REMOTE = """
import sys
from foolscap.api import Tub
from twisted.internet import defer, task

async def main(reactor):
    tub = Tub()
    tub.startService()
    remote = await tub.getReference(open("till.furl").read().strip())
    print(" ".join(await remote.callRemote("add", sys.argv[1])))
    await tub.stopService()

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def adds(place: Place) -> None:
    """An object that is called from afar remembers every call."""
    place.connect().close()
    assert place.client(REMOTE, place.names[-1]).split() == place.names


@of("foolscap, tub", adds, keeps="what the remote object was told")
def _(place: Place) -> list[str]:
    """A Tub with a Referenceable, whose class stands in the .tac."""
    return place.tac("""
from foolscap.api import Referenceable, Tub
from twisted.application import service

class Till(Referenceable):
    def __init__(self):
        self.told = []
    def remote_add(self, word):
        self.told.append(word)
        return self.told

application = service.Application("till")
tub = Tub(certFile="FOLDER/tub.pem")
tub.setServiceParent(application)
tub.listenOn("tcp:PORT0:interface=127.0.0.1")
tub.setLocation("tcp:127.0.0.1:PORT0")
tub.registerReference(Till(), "till", furlFile="FOLDER/till.furl")
""")  # fmt: skip


def files(place: Place) -> None:
    """One folder in the grid, to which each round adds a file: all of them are read back."""

    def answered(path: str, data: bytes | None = None, method: str | None = None) -> bytes:
        """The node's answer, once it knows a storage server."""
        heard: list[bytes] = []

        def tried() -> bool:
            with contextlib.suppress(urllib.error.HTTPError, ConnectionError):
                heard.append(place.ask(path, data, method=method))
            return bool(heard)

        eventually(tried, path)
        return heard[0]

    if place.rounds == 0:
        place.kept["folder"] = answered("/uri?t=mkdir", b"").decode()
    folder = f"/uri/{place.kept['folder']}"
    answered(f"{folder}/{place.names[-1]}", place.names[-1].encode(), "PUT")
    assert sorted(json.loads(answered(f"{folder}/?t=json"))[1]["children"]) == place.names
    for name in place.names:
        assert answered(f"{folder}/{name}") == name.encode()


@of("tahoe-lafs", files)
def _(place: Place) -> list[str]:
    """A node that stores and asks, with an introducer beside it; its service is made once the reactor runs."""
    tahoe = [place.script("tahoe")]
    listen = [f"--{{}}=tcp:{LOOPBACK}:{{}}", f"--port=tcp:{{}}:interface={LOOPBACK}"]
    one, two = ([text.format("location", port) if "{}=" in text else text.format(port) for text in listen]
                for port in place.ports[1:3])  # fmt: skip
    place.run(*tahoe, "create-introducer", *one, "introducer")
    place.beside(*tahoe, "run", "--allow-stdin-close", "introducer")
    furl = place.folder / "introducer" / "private" / "introducer.furl"
    eventually(lambda: furl.exists() and furl.read_text().endswith("\n"), "the introducer")
    place.run(
        *tahoe, "create-node", f"--introducer={furl.read_text().strip()}", f"--webport={place.tcp}", *two,
        "--shares-needed=1", "--shares-happy=1", "--shares-total=1", "node",
    )  # fmt: skip
    return place.tac("""
import sys, types
from allmydata.scripts.tahoe_run import DaemonizeTheRealService, RunOptions
from twisted.application import service

options = RunOptions()
options.parent = types.SimpleNamespace(stderr=sys.stderr)
options["allow-stdin-close"] = True
application = service.Application("tahoe")
DaemonizeTheRealService("client", "FOLDER/node", options).setServiceParent(application)
""")  # fmt: skip


LDAP_CLIENT = """
import sys
from ldaptor.protocols.ldap import distinguishedname, ldapclient, ldapsyntax
from twisted.internet import defer, endpoints, task

async def main(reactor):
    endpoint = endpoints.clientFromString(reactor, f"tcp:127.0.0.1:{sys.argv[1]}")
    client = await endpoints.connectProtocol(endpoint, ldapclient.LDAPClient())
    await client.bind()
    root = ldapsyntax.LDAPEntry(client, "dc=org")
    await root.addChild(f"cn={sys.argv[2]}", {"objectClass": ["person"], "cn": [sys.argv[2]], "sn": ["x"]})
    for found in await root.search(filterText="(objectClass=person)"):
        print(*(one.decode() for one in found["cn"]))
    client.unbind()

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def is_listed(place: Place) -> None:
    """Each round adds an entry: the search finds all of them."""
    place.connect().close()
    assert sorted(place.client(LDAP_CLIENT, str(place.port), place.names[-1]).split()) == place.names


@of("ldaptor", is_listed, keeps="the entries that were added")
def _(place: Place) -> list[str]:
    """An LDAP server over a tree in memory; an adapter that is registered for the process."""
    return place.tac("""
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
internet.TCPServer(PORT0, Factory(root), interface="127.0.0.1").setServiceParent(application)
""")  # fmt: skip


NAMES = ("one.localhost", "two.localhost")


def shows_its_names(place: Place) -> None:
    """Each name is served with its own certificate, which a client verifies."""
    for name in NAMES:
        context = ssl.create_default_context(cafile=str(place.folder / f"{name}.crt"))
        with place.connect() as plain, context.wrap_socket(plain, server_hostname=name) as client:
            client.sendall(f"GET /a-file HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            assert b"content" in client.makefile("rb").read()


@of("txsni", shows_its_names)
def _(place: Place) -> list[str]:
    """An endpoint that a plugin parses, under a stock maker; contexts of OpenSSL, made when a name is asked for."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={0} -addext subjectAltName=DNS:{0} -days 2"
    for name in NAMES:
        place.run(*make.format(name).split(), "-keyout", f"{name}.key", "-out", f"{name}.crt")
        both = [(place.folder / f"{name}.{kind}").read_text() for kind in ("key", "crt")]
        place.write(f"certificates/{name}.pem", "".join(both))
    place.write("www/a-file", "content")
    return ["web", f"--path={place.folder}/www", f"--listen=txsni:{place.folder}/certificates:{place.tcp}"]


def sells(place: Place) -> None:
    """The basket has what each round put into it."""
    assert json.loads(place.ask(f"/basket/{place.names[-1]}", b"")) == place.names
    assert json.loads(place.ask("/basket")) == place.names


@of("klein", sells, keeps="the basket")
def _(place: Place) -> list[str]:
    """A web framework; its routes are compiled at run time and have no names."""
    return place.tac("""
import json
from klein import Klein
from twisted.application import service, strports
from twisted.web.server import Site

class Shop:
    app = Klein()
    def __init__(self):
        self.basket = []
    @app.route("/basket")
    def show(self, request):
        return json.dumps(self.basket)
    @app.route("/basket/<thing>", methods=["POST"])
    def put(self, request, thing):
        self.basket.append(thing)
        return self.show(request)

application = service.Application("shop")
strports.service("tcp:PORT0:interface=127.0.0.1", Site(Shop().app.resource())).setServiceParent(application)
""")  # fmt: skip
