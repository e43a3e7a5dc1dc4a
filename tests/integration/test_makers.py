"""The stock makers that listen: made, run, spoken to by a real client, stopped, resumed in a fresh process."""

from __future__ import annotations

import ftplib
import http.client
import socket
import struct
from pathlib import Path

import pytest

from conftest import free_port, mktap


def fetch(port: int, path: str = "/") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


def web(tmp_path: Path, port: int):
    (tmp_path / "index.html").write_text("hello from a tap")
    yield ["web", "--path", tmp_path, "--listen", f"tcp:{port}:interface=127.0.0.1"]
    while True:
        assert fetch(port) == b"hello from a tap"
        yield


def portforward(tmp_path: Path, port: int):
    echo = socket.create_server(("127.0.0.1", 0))
    target = echo.getsockname()[1]
    yield [
        "portforward",
        "--port",
        f"tcp:{port}:interface=127.0.0.1",
        "--host",
        "127.0.0.1",
        "--dest_port",
        str(target),
    ]
    while True:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"ping")
            there, _ = echo.accept()
            with there:
                assert there.recv(100) == b"ping"
                there.sendall(b"pong")
                assert client.recv(100) == b"pong"
        yield


def socks(tmp_path: Path, port: int):
    echo = socket.create_server(("127.0.0.1", 0))
    target = echo.getsockname()[1]
    yield ["socks", "--interface", "127.0.0.1", "--port", str(port)]
    while True:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            request = struct.pack("!BBH4s", 4, 1, target, socket.inet_aton("127.0.0.1")) + b"somebody\0"
            client.sendall(request)
            assert client.recv(8)[1] == 90  # request granted (SOCKS 4)
            there, _ = echo.accept()
            with there:
                client.sendall(b"through")
                assert there.recv(100) == b"through"
        yield


def ftp(tmp_path: Path, port: int):
    (tmp_path / "readme").write_text("by ftp")
    yield ["ftp", "--root", tmp_path, "--port", str(port)]
    while True:
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", port, 10)
            client.login()
            parts: list[bytes] = []
            client.retrbinary("RETR readme", parts.append)
            assert parts == [b"by ftp"]
        yield


def dns(tmp_path: Path, port: int):
    zone = tmp_path / "hosts"
    zone.write_text("192.0.2.7 tap.example\n")
    yield ["dns", "--port", str(port), "--interface", "127.0.0.1", f"--hosts-file={zone}"]
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\3tap\7example\0" + struct.pack("!2H", 1, 1)
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(query, ("127.0.0.1", port))
            answer = client.recv(512)
            assert answer[:2] == query[:2]
            assert answer.endswith(socket.inet_aton("192.0.2.7"))
        yield


class Irc:
    def __init__(self, port: int, user: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.file = self.socket.makefile("rb")
        self.say(f"PASS secret\r\nNICK {user}\r\nUSER {user} 0 * :{user}")
        self.until(b" 376 ")

    def say(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def until(self, token: bytes) -> bytes:
        for line in self.file:
            if token in line:
                return line
        raise AssertionError(f"no {token!r} came")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def words(tmp_path: Path, port: int):
    yield ["words", "--irc-port", f"tcp:{port}:interface=127.0.0.1", "--auth", "memory:ann:secret:bob:secret"]
    rounds = 0
    while True:
        ann = Irc(port, "ann")
        ann.say("WHOIS bob")
        # That bob was ever here is state that a client makes: it must be there again after the restart.
        assert ann.until(b" 311 " if rounds else b" 401 ")
        Irc(port, "bob").close()
        rounds += 1
        # ann stays: a connection that is cut by the stop must not be half alive in the snapshot.
        yield


@pytest.mark.parametrize("maker", [web, portforward, socks, ftp, dns, words], ids=lambda maker: maker.__name__)
def test_a_maker_runs_and_comes_back(maker, tmp_path, tapd, rounds, table):
    """Each of the six makers serves a real client from its tap, from its first snapshot and from its second."""
    port = free_port()
    client = maker(tmp_path, port)
    name = maker.__name__
    mktap(*next(client), cwd=tmp_path)
    count = rounds(30)
    for generation in range(count):
        server = tapd(f"{name}.tap")
        next(client)
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log, server.log
        assert ("resumed" in server.log) == (generation > 0), server.log
        assert (tmp_path / f"{name}-shutdown.tap").exists()
    size = (tmp_path / f"{name}.tap").stat().st_size
    header = ["maker", "keeps", "tap, bytes", "starts", "answered from the snapshot"]
    table("makers", "Makers: run, asked, stopped, resumed", header, [name, "graph", size, count, count - 1])
