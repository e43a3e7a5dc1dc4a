"""Every stock maker in its variants: how each is made, and what a client asks of it; the tests run them."""

from __future__ import annotations

import contextlib
import ftplib
import http.client
import os
import pwd
import re
import smtplib
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
LIMIT = 10


@dataclass
class Here:
    """Where a variant runs.

    :param ports: as many as it asks for; the first is its own.
    :param rounds: how often it was started before.
    :param kept: what a conversation remembers for the next.
    """

    folder: Path
    ports: list[int]
    rounds: int = 0
    kept: dict[str, object] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def tcp(self) -> str:
        return f"tcp:{self.port}:interface={LOOPBACK}"


@dataclass(frozen=True)
class Variant:
    """One way of using a maker.

    :param arguments: of mktap, with the maker's name first; also lays out the files that they name.
    :param talk: fails where a client does not get its answer.
    :param since: the Twisted in which the maker itself does this.
    :param state: whether `talk` looks for what a client changed in an earlier round.
    """

    arguments: Callable[[Here], list[str]]
    talk: Callable[[Here], None]
    state: bool = False
    since: str = "22.4"


VARIANTS: dict[str, Variant] = {}


def comes_back(
    start: Callable[..., Any], talk: Callable[[Here], None], here: Here, *arguments: str, starts: int = 2, **more
) -> None:
    """From its tap, and from the snapshot of each start: a client gets its answer, and it stops as it should.

    :param start: the fixture `tapd`.
    :param arguments: of tapd, with the tap.
    """
    for here.rounds in range(starts):
        server = start(*arguments, **more)
        talk(here)
        assert server.stop() == 0, server.log
        assert "tapd#critical" not in server.log, server.log
        assert ("resumed" in server.log) == (here.rounds > 0), server.log


def variant(name: str, talk: Callable[[Here], None], *, state: bool = False, since: str = "22.4"):
    def register(arguments: Callable[[Here], list[str]]) -> Callable[[Here], list[str]]:
        VARIANTS[name] = Variant(arguments, talk, state, since)
        return arguments

    return register


# ---- clients


def fetch(port: int, path: str = "/", host: str = LOOPBACK) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, body)
    return body


def asks(path: str, expected: bytes) -> Callable[[Here], None]:
    def talk(here: Here) -> None:
        body = fetch(here.port, path)
        assert expected in body, body

    return talk


def says(*steps: tuple[str, str], index: int = 0) -> Callable[[Here], None]:
    """A conversation in lines: what is sent, and what must come within what is heard after it."""

    def talk(here: Here) -> None:
        with socket.create_connection((LOOPBACK, here.ports[index]), LIMIT) as client:
            for send, hear in steps:
                client.sendall(send.encode("latin-1"))
                heard = ""
                while hear not in heard:
                    part = client.recv(4096).decode("latin-1")
                    assert part, (send, hear, heard)
                    heard += part

    return talk


def asks_dns(name: str, expected: str) -> Callable[[Here], None]:
    def talk(here: Here) -> None:
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
        query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(LIMIT)
            client.sendto(query, (LOOPBACK, here.port))
            answer = client.recv(512)
        assert answer[:2] == query[:2]
        assert socket.inet_aton(expected) in answer, answer

    return talk


def both(*talks: Callable[[Here], None]) -> Callable[[Here], None]:
    def talk(here: Here) -> None:
        for one in talks:
            one(here)

    return talk


def host_key(index: int = 0) -> Callable[[Here], None]:
    """OpenSSH's own client exchanges keys with it; the host key is the same at each start."""

    def talk(here: Here) -> None:
        command = ["ssh-keyscan", "-T", str(LIMIT), "-p", str(here.ports[index]), LOOPBACK]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * LIMIT)
        keys = sorted(line.split(" ", 1)[1] for line in told.stdout.splitlines() if not line.startswith("#"))
        assert keys, told.stderr
        assert here.kept.setdefault("keys", keys) == keys

    return talk


# ---- conch, manhole


def keys_of(here: Here) -> Path:
    folder = here.folder / "keys"
    if not folder.exists():
        folder.mkdir()
        for kind, *form in (("rsa", "-m", "PEM"), ("ed25519",)):
            command = ["ssh-keygen", "-q", "-t", kind, *form, "-N", "", "-f", folder / f"ssh_host_{kind}_key"]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return folder


def passwd(here: Here) -> Path:
    path = here.folder / "passwd"
    path.write_text("ann:secret\n")
    return path


@variant("conch", host_key())
def _(here: Here) -> list[str]:
    keys = str(keys_of(here))
    return ["conch", "--port", here.tcp, "--data", keys, "--moduli", keys]


@variant("conch, password file", host_key())
def _(here: Here) -> list[str]:
    keys = str(keys_of(here))
    return ["conch", "--port", here.tcp, "--data", keys, "--moduli", keys, "--auth", f"file:{passwd(here)}"]


@variant("conch, keys of users", host_key())
def _(here: Here) -> list[str]:
    keys = str(keys_of(here))
    return ["conch", "--port", here.tcp, "--data", keys, "--moduli", keys, "--auth", "sshkey"]


# The options of telnet (RFC 857) that a client answers: it will not echo the password, and then again.
DO_ECHO, WONT_ECHO, DONT_ECHO = "\xff\xfd\x01", "\xff\xfc\x01", "\xff\xfe\x01"
AT_TELNET = (
    ("", "Username: "),
    ("ann\r\n", "Password: "),
    (f"{DO_ECHO}secret\r\n", WONT_ECHO),
    (DONT_ECHO, ">>> "),
    ("6 * 7\r\n", "42"),
)


@variant("manhole, telnet", says(*AT_TELNET))
def _(here: Here) -> list[str]:
    return ["manhole", "--telnetPort", here.tcp, "-p", str(passwd(here))]


@variant("manhole, SSH", host_key())
def _(here: Here) -> list[str]:
    return ["manhole", "--sshPort", here.tcp, "-p", str(passwd(here)), "--sshKeyDir", str(here.folder / "manhole")]


@variant("manhole, both", both(says(*AT_TELNET), host_key(1)))
def _(here: Here) -> list[str]:
    other = f"tcp:{here.ports[1]}:interface={LOOPBACK}"
    keys = ["--sshKeyDir", str(here.folder / "manhole"), "--sshKeyName", "mine", "--sshKeySize", "2048"]
    return ["manhole", "--telnetPort", here.tcp, "--sshPort", other, "-p", str(passwd(here)), *keys]


# ---- dns


@variant("dns, hosts file", asks_dns("tap.example", "192.0.2.7"))
def _(here: Here) -> list[str]:
    (here.folder / "hosts").write_text("192.0.2.7 tap.example\n")
    return ["dns", "--port", str(here.port), "--interface", LOOPBACK, f"--hosts-file={here.folder}/hosts"]


@variant("dns, Python zone", asks_dns("www.zone.example", "192.0.2.8"))
def _(here: Here) -> list[str]:
    (here.folder / "zone.py").write_text(
        "zone = [SOA('zone.example', mname='ns.zone.example', rname='root.zone.example', serial=1, refresh='1H',"
        " retry='1H', expire='1H', minimum='1H'), A('www.zone.example', '192.0.2.8')]\n"
    )
    return ["dns", "--port", str(here.port), "--interface", LOOPBACK, "--pyzone", f"{here.folder}/zone.py"]


@variant("dns, BIND zone", asks_dns("www.zone.example", "192.0.2.9"), since="26.10")
def _(here: Here) -> list[str]:
    (here.folder / "zone").write_text(
        "$ORIGIN zone.example.\n$TTL 1h\n"
        "zone.example. IN SOA ns.zone.example. root.zone.example. 1 3600 3600 3600 3600\n"
        "www IN A 192.0.2.9\n"
    )
    return ["dns", "--port", str(here.port), "--interface", LOOPBACK, "--bindzone", f"{here.folder}/zone"]


@variant("dns, recursive with a cache", asks_dns("tap.example", "192.0.2.7"))
def _(here: Here) -> list[str]:
    (here.folder / "hosts").write_text("192.0.2.7 tap.example\n")
    (here.folder / "resolv.conf").write_text(f"nameserver {LOOPBACK}\n")
    more = [f"--hosts-file={here.folder}/hosts", f"--resolv-conf={here.folder}/resolv.conf", "--cache", "--verbose"]
    return ["dns", "--port", str(here.port), "--interface", LOOPBACK, "--recursive", *more]


@variant("dns, secondary", asks_dns("tap.example", "192.0.2.7"))
def _(here: Here) -> list[str]:
    (here.folder / "hosts").write_text("192.0.2.7 tap.example\n")
    more = [f"--hosts-file={here.folder}/hosts", f"--secondary={LOOPBACK}/far.example"]
    return ["dns", "--port", str(here.port), "--interface", LOOPBACK, *more]


# ---- ftp


def reads_ftp(user: str = "", password: str = "") -> Callable[[Here], None]:
    def talk(here: Here) -> None:
        with ftplib.FTP() as client:
            client.connect(LOOPBACK, here.port, LIMIT)
            client.login(user, password)
            parts: list[bytes] = []
            client.retrbinary("RETR readme", parts.append)
            assert parts == [b"by ftp"]

    return talk


def ftp_root(here: Here) -> str:
    (here.folder / "readme").write_text("by ftp")
    return str(here.folder)


@variant("ftp, anonymous", reads_ftp())
def _(here: Here) -> list[str]:
    return ["ftp", "--root", ftp_root(here), "--port", str(here.port)]


@variant("ftp, password file", reads_ftp())
def _(here: Here) -> list[str]:
    return ["ftp", "--root", ftp_root(here), "--port", str(here.port), "--password-file", str(passwd(here))]


@variant("ftp, --auth", reads_ftp())
def _(here: Here) -> list[str]:
    return ["ftp", "--root", ftp_root(here), "--port", str(here.port), "--auth", f"file:{passwd(here)}"]


@variant("ftp, another anonymous", reads_ftp("guest", "x"))
def _(here: Here) -> list[str]:
    return ["ftp", "--root", ftp_root(here), "--port", str(here.port), "--userAnonymous", "guest"]


# ---- inetd, portforward, procmon, socks


def inetd(here: Here, line: str) -> list[str]:
    path = here.folder / "inetd.conf"
    path.write_text(line + "\n")
    return ["inetd", "-f", str(path)]


def service_port(name: str) -> int:
    return socket.getservbyname(name)


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


# inetd knows its ports by name (services(5)), and those are below 1024: the internal services and a program.
@variant("inetd, internal", lambda here: says(("hello\r\n", "hello"))(Here(here.folder, [service_port("echo")])))
def _(here: Here) -> list[str]:
    return inetd(here, f"echo stream tcp nowait {me()} internal")


@variant("inetd, a program", lambda here: says(("hello\r\n", "hello"))(Here(here.folder, [service_port("qotd")])))
def _(here: Here) -> list[str]:
    return inetd(here, f"qotd stream tcp nowait {me()} /bin/cat cat")


@contextlib.contextmanager
def echo_server(port: int):
    with socket.create_server((LOOPBACK, port)) as server:
        server.settimeout(LIMIT)
        yield server


def through(server: socket.socket, client: socket.socket) -> None:
    client.sendall(b"ping")
    there, _ = server.accept()
    with there:
        assert there.recv(100) == b"ping"
        there.sendall(b"pong")
        assert client.recv(100) == b"pong"


def forwards(here: Here) -> None:
    with echo_server(here.ports[1]) as server, socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        through(server, client)


def forwards_unix(here: Here) -> None:
    with echo_server(here.ports[1]) as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(here.folder / "in"))
        through(server, client)


@variant("portforward", forwards)
def _(here: Here) -> list[str]:
    return ["portforward", "--port", here.tcp, "--host", LOOPBACK, "--dest_port", str(here.ports[1])]


@variant("portforward, from a UNIX socket", forwards_unix)
def _(here: Here) -> list[str]:
    return ["portforward", "--port", f"unix:{here.folder}/in", "--host", LOOPBACK, "--dest_port", str(here.ports[1])]


def watches(here: Here) -> None:
    """Its child writes lines, and a child that is killed comes back."""
    path = here.folder / "beats"
    begun = path.read_text() if path.exists() else ""
    end = time.monotonic() + LIMIT
    while not path.exists() or path.read_text() == begun:
        assert time.monotonic() < end, "procmon's child wrote nothing"
        time.sleep(0.05)


def beat(here: Here) -> list[str]:
    return ["/bin/sh", "-c", f"while :; do echo beat >>{here.folder}/beats; sleep 0.1; done"]


@variant("procmon", watches)
def _(here: Here) -> list[str]:
    return ["procmon", "--", *beat(here)]


@variant("procmon, all options", watches)
def _(here: Here) -> list[str]:
    return ["procmon", "-t", "2", "-k", "3", "-m", "1", "-M", "5", "--", *beat(here)]


def connects_socks(here: Here) -> None:
    with echo_server(here.ports[1]) as server, socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        client.sendall(struct.pack("!BBH4s", 4, 1, here.ports[1], socket.inet_aton(LOOPBACK)) + b"somebody\0")
        assert client.recv(8)[1] == 90  # request granted (SOCKS 4)
        there, _ = server.accept()
        with there:
            client.sendall(b"through")
            assert there.recv(100) == b"through"


def grants_socks(here: Here) -> None:
    """The log is opened by what goes through, with a function that Python 3 does not have (string.join)."""
    with echo_server(here.ports[1]) as server, socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        client.sendall(struct.pack("!BBH4s", 4, 1, here.ports[1], socket.inet_aton(LOOPBACK)) + b"somebody\0")
        assert client.recv(8)[1] == 90
        server.accept()[0].close()


@variant("socks", connects_socks)
def _(here: Here) -> list[str]:
    return ["socks", "--interface", LOOPBACK, "--port", str(here.port)]


@variant("socks, with a log", grants_socks)
def _(here: Here) -> list[str]:
    return ["socks", "--interface", LOOPBACK, "--port", str(here.port), "--log", str(here.folder / "socks.log")]


# ---- mail


def refuses(code: int = 550) -> Callable[[Here], None]:
    """As twistd's: under Python 3 Twisted's mail answers SMTP, and then finds no mailbox for anybody."""

    def talk(here: Here) -> None:
        with smtplib.SMTP(LOOPBACK, here.port, timeout=LIMIT) as client:
            assert client.helo()[0] == 250
            assert client.mail("bob@example.net")[0] == 250
            assert client.rcpt("ann@tap.example")[0] == code

    return talk


AT_POP3 = says(("", "+OK <"), ("USER ann@tap.example\r\n", "+OK USER accepted"), index=1)


def mail(here: Here, *more: str) -> list[str]:
    other = f"tcp:{here.ports[1]}:interface={LOOPBACK}"
    return ["mail", "--smtp", here.tcp, "--pop3", other, "-d", f"tap.example={here.folder}/mail", *more]


@variant("mail", both(refuses(), AT_POP3))
def _(here: Here) -> list[str]:
    return mail(here)


@variant("mail, SMTP alone", refuses())
def _(here: Here) -> list[str]:
    return ["mail", "--smtp", here.tcp, "--no-pop3", "-d", f"tap.example={here.folder}/mail"]


@variant("mail, ESMTP", both(refuses(), AT_POP3))
def _(here: Here) -> list[str]:
    return mail(here, "--esmtp", "-H", "tap.example")


@variant("mail, aliases and postmaster", both(refuses(), AT_POP3))
def _(here: Here) -> list[str]:
    (here.folder / "aliases").write_text("postmaster: ann\n")
    return mail(here, "-A", str(here.folder / "aliases"), "-b", "-D")


@variant("mail, relay", both(refuses(451), AT_POP3))
def _(here: Here) -> list[str]:
    other = f"tcp:{here.ports[1]}:interface={LOOPBACK}"
    return ["mail", "--smtp", here.tcp, "--pop3", other, "-R", f"{here.folder}/queue"]


# ---- web


def web(here: Here, *more: str) -> list[str]:
    return ["web", "--listen", here.tcp, *more]


def page(here: Here) -> str:
    (here.folder / "index.html").write_text("hello from a tap")
    return str(here.folder)


@variant("web --path", asks("/", b"hello from a tap"))
def _(here: Here) -> list[str]:
    return web(here, "--path", page(here))


def logs_web(here: Here) -> None:
    asks("/", b"hello from a tap")(here)
    end = time.monotonic() + LIMIT
    while (here.folder / "access.log").read_text().count("GET / ") < here.rounds + 1:
        assert time.monotonic() < end, "no line in the log"
        time.sleep(0.05)


@variant("web --path --logfile", logs_web)
def _(here: Here) -> list[str]:
    return web(here, "--logfile", str(here.folder / "access.log"), "--path", page(here))


@variant("web --path, options", asks("/plain", b"no extension"))
def _(here: Here) -> list[str]:
    page(here)
    (here.folder / "plain.txt").write_text("no extension")
    (here.folder / "home.html").write_text("home")
    more = ["--mime-type", "text/plain", "--ignore-ext", ".txt", "--index", "home.html", "--add-header", "X-Tap: 1"]
    return web(here, "--path", str(here.folder), *more)


def second_address(here: Here) -> None:
    assert fetch(here.ports[1]) == b"hello from a tap"


@variant("web --path, two addresses", both(asks("/", b"hello from a tap"), second_address))
def _(here: Here) -> list[str]:
    return web(here, "--listen", f"tcp:{here.ports[1]}:interface={LOOPBACK}", "--path", page(here))


@variant("web --path, .rpy scripts", asks("/made.rpy", b"by a script"))
def _(here: Here) -> list[str]:
    (here.folder / "made.rpy").write_text(
        "from twisted.web import static\nresource = static.Data(b'by a script', 'text/plain')\n"
    )
    return web(here, "--path", str(here.folder))


@variant("web --processor", asks("/page.shout", b"A PAGE"))
def _(here: Here) -> list[str]:
    (here.folder / "shout.py").write_text(
        "from twisted.web import static\n"
        "def Shout(path, registry=None):\n"
        "    return static.Data(open(path, 'rb').read().upper(), 'text/plain')\n"
    )
    (here.folder / "page.shout").write_text("a page")
    return web(here, "--path", str(here.folder), "--processor", ".shout=shout.Shout")


def asks_in_vain(path: str) -> Callable[[Here], None]:
    """As twistd's: --resource-script finds no child of its root, --user no such user; both say so."""

    def talk(here: Here) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, here.port, timeout=LIMIT)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, b"No Such" in answer.read()) == (404, True)
        connection.close()

    return talk


@variant("web --resource-script", asks_in_vain("/"))
def _(here: Here) -> list[str]:
    path = here.folder / "root.rpy"
    path.write_text(
        "from twisted.web import static\nresource = static.Data(b'by a script', 'text/plain')\nresource.isLeaf = True\n"
    )
    return web(here, "--resource-script", str(path))


WSGI = """
import threading
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"by WSGI in " + threading.current_thread().name.encode()]
"""


@variant("web --wsgi", asks("/", b"by WSGI in "))
def _(here: Here) -> list[str]:
    (here.folder / "app_wsgi.py").write_text(WSGI)
    return web(here, "--wsgi", "app_wsgi.application")


def logs_wsgi(here: Here) -> None:
    asks("/", b"by WSGI in ")(here)
    end = time.monotonic() + LIMIT
    while (here.folder / "access.log").read_text().count("GET / ") < here.rounds + 1:
        assert time.monotonic() < end, "no line in the log"
        time.sleep(0.05)


@variant("web --wsgi --logfile", logs_wsgi)
def _(here: Here) -> list[str]:
    (here.folder / "app_wsgi.py").write_text(WSGI)
    return web(here, "--logfile", str(here.folder / "access.log"), "--wsgi", "app_wsgi.application")


COUNTING = """
from twisted.web.resource import Resource
class Counter(Resource):
    isLeaf = True
    count = 0
    def render_GET(self, request):
        self.count += 1
        return b"%d" % self.count
"""


def counts(here: Here) -> None:
    """What the clients of all earlier rounds changed is there."""
    assert fetch(here.port) == b"%d" % (here.rounds + 1)


@variant("web --class", counts, state=True)
def _(here: Here) -> list[str]:
    (here.folder / "counting.py").write_text(COUNTING)
    return web(here, "--class", "counting.Counter")


@variant("web --class --display-tracebacks", counts, state=True)
def _(here: Here) -> list[str]:
    (here.folder / "counting.py").write_text(COUNTING)
    return web(here, "--display-tracebacks", "--class", "counting.Counter")


@variant("web --user", asks_in_vain("/nobody-of-that-name"), since="24.11")
def _(here: Here) -> list[str]:
    return web(here, "--user")


def asks_personal(here: Here) -> None:
    """A personal site speaks PB over a UNIX socket in the home folder."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT)
        client.connect(str(here.folder / "pb"))
        assert b"pb" in client.recv(100)


@variant("web --personal", asks_personal)
def _(here: Here) -> list[str]:
    return ["web", "--listen", f"unix:{here.folder}/pb", "--personal", "--path", page(here)]


def asks_unix(here: Here) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT)
        client.connect(str(here.folder / "web.sock"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with client.makefile("rb") as answer:
            assert b"hello from a tap" in answer.read()


@variant("web, UNIX socket", asks_unix)
def _(here: Here) -> list[str]:
    return ["web", "--listen", f"unix:{here.folder}/web.sock", "--path", page(here)]


@variant("web, haproxy", says(("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.0\r\n\r\n", "hello from a tap")))
def _(here: Here) -> list[str]:
    return ["web", "--listen", f"haproxy:{here.tcp}", "--path", page(here)]


def certificate(here: Here) -> tuple[Path, Path]:
    key, cert = here.folder / "key.pem", here.folder / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=tap",
        "-keyout",
        key,
        "-out",
        cert,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


def asks_tls(index: int = 0) -> Callable[[Here], None]:
    def talk(here: Here) -> None:
        context = ssl.create_default_context(cafile=str(here.folder / "cert.pem"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection(LOOPBACK, here.ports[index], timeout=LIMIT, context=context)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello from a tap"
        connection.close()

    return talk


@variant("web, TLS", asks_tls())
def _(here: Here) -> list[str]:
    key, cert = certificate(here)
    address = f"ssl:{here.port}:interface={LOOPBACK}:privateKey={key}:certKey={cert}"
    return ["web", "--listen", address, "--path", page(here)]


@variant("web --https", both(asks("/", b"hello from a tap"), asks_tls(1)))
def _(here: Here) -> list[str]:
    key, cert = certificate(here)
    more = ["--https", str(here.ports[1]), "-k", str(key), "-c", str(cert), "--path", page(here)]
    return ["web", "--port", here.tcp, *more]


# ---- words, xmpp-router


class Irc:
    def __init__(self, port: int, user: str) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), LIMIT)
        self.file = self.socket.makefile("rb")
        self.say(f"PASS secret\r\nNICK {user}\r\nUSER {user} 0 * :{user}")
        self.until(b" 376 ")

    def say(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def until(self, *tokens: bytes) -> bytes:
        for line in self.file:
            if any(token in line for token in tokens):
                return line
        raise AssertionError(f"no {tokens!r} came")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def chats(here: Here) -> None:
    """That bob was ever here is state that a client makes: it must be there again after the restart."""
    ann = Irc(here.port, "ann")
    ann.say("WHOIS bob")
    assert ann.until(b" 311 ", b" 401 ").split()[1] == (b"311" if here.rounds else b"401")
    Irc(here.port, "bob").close()
    here.kept["ann"] = ann  # stays: a connection that is cut by the stop must not be half alive in the snapshot


@variant("words, IRC", chats, state=True)
def _(here: Here) -> list[str]:
    return ["words", "--irc-port", here.tcp, "--auth", "memory:ann:secret:bob:secret"]


@variant("words, IRC and PB", both(chats, says(("", "pb"), index=1)), state=True)
def _(here: Here) -> list[str]:
    other = f"tcp:{here.ports[1]}:interface={LOOPBACK}"
    return ["words", "--irc-port", here.tcp, "--pb-port", other, "--auth", "memory:ann:secret:bob:secret"]


@variant("words, hostname", chats, state=True)
def _(here: Here) -> list[str]:
    more = ["--hostname", "chat.example", "--auth", "memory:ann:secret:bob:secret"]
    return ["words", "--irc-port", here.tcp, *more]


STREAM = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='a'>"


def routes(here: Here) -> None:
    """A component's stream is opened and answered with an id."""
    with socket.create_connection((LOOPBACK, here.port), LIMIT) as client:
        client.sendall(STREAM.encode())
        heard = ""
        while not re.search(r"id=['\"]\w+['\"]", heard):
            part = client.recv(4096).decode()
            assert part, heard
            heard += part


@variant("xmpp-router", routes)
def _(here: Here) -> list[str]:
    return ["xmpp-router", "--port", here.tcp, "--secret", "s"]


@variant("xmpp-router, verbose", routes)
def _(here: Here) -> list[str]:
    return ["xmpp-router", "--port", here.tcp, "--secret", "s", "--verbose"]
