"""Applications of others, from PyPI, that know nothing of tapdaemon: what an entry is, what its clients are made of.

The entries stand in third_party_*.py beside this.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib.metadata
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from variants import LOOPBACK, Here

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 30.0
"""Seconds in which a client's question is answered; starts included."""


@dataclass
class Place(Here):
    """Where an application of others runs, with what it needs around it.

    :param rounds: how often its client talked before, with the same state.
    :param python: of the environment that has the application.
    :param env: of the application, beside what everything has.
    :param before: what stands before the command's name, for instance to run it as another user.
    :param around: ends with the test: processes and servers that the application needs.
    """

    python: str = sys.executable
    env: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    around: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def write(self, name: str, text: str) -> Path:
        """A file in this place; `FOLDER`, `PORT0`, `PORT1`… are replaced in it."""
        for index, port in enumerate(self.ports):
            text = text.replace(f"PORT{index}", str(port))
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.replace("FOLDER", str(self.folder)))
        return path

    def tac(self, source: str) -> list[str]:
        return ["-y", self.write("app.tac", source).name]

    def script(self, name: str) -> str:
        """A command that a distribution brought into the application's environment."""
        return str(Path(self.python).with_name(name))

    def run(self, *command: str | Path) -> str:
        """A program to its end; what it printed."""
        env = {**os.environ, **self.env}
        done = subprocess.run(
            [*map(str, command)], cwd=self.folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def client(self, source: str, *arguments: str) -> str:
        """A client that needs an interpreter of its own: a reactor runs once in a process."""
        return self.run(self.python, "-c", source, *arguments)

    def move_up(self, name: str) -> None:
        """Bring what lies in a folder of this place into the place itself: it is looked for in the current folder."""
        for path in (self.folder / name).iterdir():
            path.rename(self.folder / path.name)

    def beside(self, *command: str | Path) -> None:
        """A program that runs until the test ends."""
        log = self.around.enter_context((self.folder / f"beside-{Path(command[0]).name}.log").open("wb"))
        process = subprocess.Popen(
            [*map(str, command)], cwd=self.folder, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.around.callback(process.wait, LIMIT)
        self.around.callback(process.terminate)

    def listener(self, port: int) -> list[bytes]:
        """A server that gathers the lines sent to it until the test ends."""
        heard: list[bytes] = []

        class Lines(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionResetError):
                    heard.extend(self.rfile)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            block_on_close = False

        server = self.around.enter_context(Server((LOOPBACK, port), Lines))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.around.callback(server.shutdown)
        return heard

    def connect(self, index: int = 0) -> socket.socket:
        """A connection to one of its ports, as soon as it listens."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                return socket.create_connection((LOOPBACK, self.ports[index]), LIMIT)
            except ConnectionRefusedError:
                assert time.monotonic() < end, f"nothing listens on port {index}"
                time.sleep(0.05)

    def ask(
        self, path: str, data: bytes | dict | None = None, *, method: str | None = None, index: int = 0, **headers: str
    ) -> bytes:
        """An HTTP request, once its port listens; a dictionary goes as JSON."""
        self.connect(index).close()
        if isinstance(data, dict):
            data, headers = json.dumps(data).encode(), {"Content-Type": "application/json", **headers}
        address = path if path.startswith("http") else f"http://{LOOPBACK}:{self.ports[index]}{path}"
        request = urllib.request.Request(address, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=LIMIT) as answer:
            return answer.read()

    @property
    def names(self) -> list[str]:
        """One name for each round so far, this one included."""
        return [f"round{number}" for number in range(self.rounds + 1)]


@dataclass(frozen=True)
class Other:
    """An application of others.

    :param distribution: that it comes from.
    :param arguments: of mktap and of twistd; also lays out the files that they name.
    :param talk: a client's conversation: looks for what it changed in earlier rounds, and changes more.
    :param keeps: what comes back from the snapshot; empty where the application keeps all in its own files.
    """

    distribution: str
    arguments: Callable[[Place], list[str]]
    talk: Callable[[Place], None]
    keeps: str


REGISTRY: dict[str, Other] = {}


def of(name: str, talk: Callable[[Place], None], *, keeps: str = ""):
    """Register one; its name begins with that of its distribution."""

    def register(arguments: Callable[[Place], list[str]]) -> Callable[[Place], list[str]]:
        REGISTRY[name] = Other(name.partition(",")[0], arguments, talk, keeps)
        return arguments

    return register


@functools.cache
def found(distribution: str) -> tuple[str, str] | None:
    """The Python that has a distribution, with the version: ours, or that of an environment that `make soak` made.

    Some pin versions of what others need in a newer one; each of these has an environment of its own.
    """
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return sys.executable, importlib.metadata.version(distribution)
    ask = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    for python in sorted(PROJECT.glob(".venv-others-*/bin/python")):
        done = subprocess.run([python, "-c", ask, distribution], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return str(python), done.stdout.strip()
    return None


def eventually(happened: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end, f"{what}: not in {LIMIT} s"
        time.sleep(0.1)


class Lines:
    """A conversation in text over one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.heard = connection, ""

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode())

    def until(self, end: str) -> str:
        """What is heard, up to and with `end`; the rest is for later."""
        while end not in self.heard:
            part = self.connection.recv(65536)
            assert part, f"{end!r} did not come: {self.heard!r}"
            self.heard += part.decode("latin-1")
        text, _, self.heard = self.heard.partition(end)
        return text + end


class WebSocket:
    """A client of a websocket (RFC 6455), for short messages."""

    def __init__(self, place: Place, path: str = "/", index: int = 0) -> None:
        self.connection = place.connect(index)
        self.answer = self.connection.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{place.ports[index]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in self.answer.readline()
        while self.answer.readline() != b"\r\n":
            pass

    def say(self, data: bytes, kind: int = 1) -> None:
        """Send a message: text (1), or bytes (2)."""
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + len(data).to_bytes(2)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.connection.sendall(bytes([0x80 | kind]) + size + mask + masked)

    def hear(self) -> bytes:
        """The next message; what only keeps the connection alive is passed over."""
        while True:
            kind, size = self.answer.read(2)
            if size == 126:
                size = int.from_bytes(self.answer.read(2))
            data = self.answer.read(size)
            if kind & 15 in (1, 2):
                return data

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@contextlib.contextmanager
def websocket(place: Place, path: str = "/", index: int = 0) -> Iterator[WebSocket]:
    with contextlib.closing(WebSocket(place, path, index)) as one:
        yield one
