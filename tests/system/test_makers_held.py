"""Every stock maker that listens is adopted from its generated socket unit, on the port that its protocol has."""

from __future__ import annotations

import json

import pytest

LOOPBACK = "127.0.0.1"
GET = "GET /x HTTP/1.0\r\n\r\n"
# Name, maker and arguments; then port, what a client sends and what it has to hear.
MAKERS = {
    "conch": ("conch --port tcp:22 --data /srv/keys --moduli /srv/keys", 22, "", "SSH-2.0-"),
    "dns": ("dns --hosts-file=/srv/hosts", 53, "dns", "192.0.2.7"),
    "ftp": ("ftp --port 21 --root /srv", 21, "", "220 "),
    "inetd": ("inetd -f /srv/inetd.conf", 7, "hello\r\n", "hello"),
    "mail": ("mail --smtp tcp:25 --pop3 tcp:110 -d example.org=/srv/mail", 25, "", "220 "),
    "manhole": ("manhole --telnetPort tcp:23 -p /srv/passwd", 23, "", "Username: "),
    "portforward": (f"portforward --port tcp:81 --host {LOOPBACK} --dest_port 80", 81, GET, "served"),
    "socks": ("socks --port 1080", 1080, "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", "\x00Z"),
    "web": ("web --path /srv --listen tcp:80", 80, GET, "served"),
    "words": ("words --irc-port tcp:194 --auth file:/srv/passwd", 194, "NICK ann\r\n", " 375 ann "),
    "xmpp-router": (
        "xmpp-router --port tcp:5347 --secret s", 5347,
        "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='a'>",
        "<stream:stream",
    ),
}  # fmt: skip
CLIENT = """
import json, socket, struct, sys
port, says, hears = json.loads(sys.argv[1])
if says == "dns":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)
    question = b"\\3tap\\7example\\0" + struct.pack("!2H", 1, 1)
    s.sendto(struct.pack("!6H", 7, 256, 1, 0, 0, 0) + question, ("127.0.0.1", port))
    heard = ".".join(map(str, s.recv(512)[-4:]))
else:
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(says.encode("latin-1"))
    heard = ""
    while hears not in heard:
        part = s.recv(4096).decode("latin-1")
        assert part, heard
        heard += part
assert hears in heard, heard
"""
KEY = """
import os
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(65537, 2048)
os.makedirs("/srv/keys")
private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.NoEncryption())
open("/srv/keys/ssh_host_rsa_key", "wb").write(private)
public = key.public_key().public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH)
open("/srv/keys/ssh_host_rsa_key.pub", "wb").write(public)
"""


@pytest.fixture(scope="module")
def made(debian):
    """All of them installed and started."""
    debian.run("mkdir -p /srv/mail && echo served >/srv/x && echo ann:secret >/srv/passwd")
    debian.write("/srv/hosts", "192.0.2.7 tap.example\n")
    debian.write("/srv/inetd.conf", "echo stream tcp nowait nobody internal\n")
    debian.write("/etc/services", "echo\t7/tcp\n")
    debian.write("/root/client.py", CLIENT)
    debian.write("/root/key.py", KEY)
    debian.run("python3 /root/key.py")
    for name, (command, *_) in MAKERS.items():
        debian.run(f"mktap -o /etc/tap/{name}.tap {command}")
    debian.run("systemctl daemon-reload")
    debian.run("systemctl start " + " ".join(f"tap@{name}" for name in MAKERS))
    return debian


@pytest.mark.parametrize("name", list(MAKERS))
def test_it_serves_from_its_socket_unit(made, name):
    """A client is answered, before and after a restart and a reload, over sockets that never changed."""
    _, *conversation = MAKERS[name]
    inodes = f"ss -Hlntue | grep -E ':{conversation[0]} ' | grep -o 'ino:[0-9]*' | sort"
    made.write("/root/ask.json", json.dumps(conversation))
    ask = 'python3 /root/client.py "$(cat /root/ask.json)"'
    before = made.run(inodes).stdout
    assert before
    for verb in ("start", "restart", "reload"):
        made.run(f"systemctl {verb} tap@{name}")
        made.run(ask)
        assert made.run(inodes).stdout == before
    assert made.run(f"systemctl is-active tap@{name}.socket").stdout == "active\n"
    assert "closed" not in made.run(f"journalctl -u tap@{name} -o cat | grep 'no service listens' || true").stdout
