"""Small applications of a kind that public reports tell of, each run as a tap, stopped and resumed."""

from __future__ import annotations

import os
import socket
import urllib.request
from pathlib import Path

import pytest

from conftest import free_port, mktap, ok, until

SITE = """
import parts
from twisted.application import service, strports
from twisted.web.server import Site

application = service.Application("case")
strports.service("tcp:{port}:interface=127.0.0.1", Site(parts.Page())).setServiceParent(application)
"""

POOL = """
from twisted.enterprise import adbapi
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET


def prepare(connection):
    connection.execute("PRAGMA foreign_keys = ON")


class Page(Resource):
    isLeaf = True

    def __init__(self):
        super().__init__()
        self.pool = adbapi.ConnectionPool(
            "sqlite3", ":memory:", check_same_thread=False, cp_min=1, cp_max=1, cp_openfun=prepare
        )

    def render_GET(self, request):
        def answer(rows):
            request.write(b"%d" % rows[0][0])
            request.finish()

        self.pool.runQuery("PRAGMA foreign_keys").addCallback(answer)
        return NOT_DONE_YET
"""

THREADS = """
from twisted.web.resource import Resource


class Page(Resource):
    isLeaf = True

    def render_GET(self, request):
        from twisted.internet import reactor

        return b"%d" % reactor.getThreadPool().max
"""

THREADS_TOP = """
from twisted.internet import reactor
reactor.suggestThreadPoolSize(23)
"""

REPORTS = """
import time

from twisted.logger import Logger
from twisted.web.resource import Resource


def report(event):
    if event.get("log_failure") is not None:
        with open("reports.txt", "a") as file:
            file.write("a report\\n")


class Page(Resource):
    isLeaf = True

    def render_GET(self, request):
        try:
            {}["nothing"]
        except KeyError:
            Logger().failure("it is not there")
        return time.strftime("%z").encode()
"""

REPORTS_TOP = """
import os, time
import parts
from twisted.logger import globalLogPublisher
os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()
globalLogPublisher.addObserver(parts.report)
"""

BELL = """
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger


class Door(Protocol):
    def connectionMade(self):
        self.transport.write(b"who is there")
        self.transport.loseConnection()


door = Factory.forProtocol(Door)


def ring():
    Logger().info("the bell rings")
"""

BELL_TOP = """
import parts
from twisted.application import service
from twisted.internet import reactor, task

application = service.Application("bell")
reactor.listenTCP({port}, parts.door, interface="127.0.0.1")
task.LoopingCall(parts.ring).start(0.05)
"""


@pytest.fixture
def case(tmp_path, tapd):
    """Write a module and a .tac; functions that make the tap and that start it."""

    class Case:
        def __init__(self, parts: str, tac: str) -> None:
            self.env = {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))}
            (tmp_path / "parts.py").write_text(parts)
            (tmp_path / "case.tac").write_text(tac)

        def make(self) -> str:
            return mktap("-y", "case.tac", cwd=tmp_path, env=self.env)

        def start(self):
            return tapd("case.tap", env=self.env)

        def plain(self):
            return tapd("-y", "case.tac", env=self.env)

    return Case


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return answer.read().decode()


def knock(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        return one.recv(100)


@pytest.mark.parametrize(
    ("parts", "top", "wanted"),
    [
        pytest.param(POOL, "", "1", id="cp_openfun"),
        pytest.param(THREADS, THREADS_TOP, "23", id="suggestThreadPoolSize"),
        pytest.param(REPORTS, REPORTS_TOP, "+0545", id="observer-and-zone"),
    ],
)
def test_a_site_answers_as_under_twistd(case, port, tmp_path, parts, top, wanted):
    """What prepares a connection, sizes the thread pool or is set for the process holds in a tap, and after a stop."""
    one = case(parts, top + SITE.format(port=port))
    one.make()
    reports = Path(tmp_path, "reports.txt")
    for number, start in enumerate((one.plain, one.start, one.start), 1):
        server = start()
        assert page(port) == wanted
        if parts is REPORTS:
            assert reports.read_text().splitlines() == ["a report"] * number
        assert server.stop() == 0


def test_a_port_and_a_loop_without_a_service(case, tmp_path):
    """They work after a load and after a stop; mktap needs the port neither free nor bound, and show names it."""
    port = free_port()
    one = case(BELL, BELL_TOP.format(port=port))
    one.make()
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0
    for start in (one.plain, one.start, one.start):
        server = start()
        assert knock(port) == b"who is there"
        rung = server.log.count("the bell rings")
        until(lambda server=server, rung=rung: server.log.count("the bell rings") > rung + 1, "two rings")
        assert server.stop() == 0
    server = one.start()
    one.make()
    assert knock(port) == b"who is there"
    assert str(port) in ok("tapctl", "show", "case.tap", cwd=tmp_path)
    assert server.stop() == 0
