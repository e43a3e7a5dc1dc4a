"""A base and its change set, by the commands: newer bases take older changes; graphs, makers gone, ports of a .tac."""

from __future__ import annotations

import socket

import pytest
from counters import ask, living_tac, one_round
from variants import fetch

from conftest import LIMIT, free_port, manifest, mktap, ok, rewrite, run

# ---- a newer base


def test_another_application_gives_back_what_it_set_aside(tmp_path, counter, port, tapd):
    """A tap of another maker under the same name takes no snapshot of the older one, which goes on when it is back."""
    one_round(tapd, port, answers=b"1 hello")
    mktap("-o", "counter.tap", "socks", "--port", "0", "--interface", "127.0.0.1", cwd=tmp_path)
    server = tapd("counter.tap")
    assert server.stop() == 0, server.log
    newest, aside = (tmp_path / f"counter-shutdown.{end}tap" for end in ("", "other-application-1."))
    assert f"passed over {newest}: it is of another application of this name; moved to {aside}" in server.log
    aside.rename(newest)
    counter()
    one_round(tapd, port, answers=b"2 hello")


def test_other_options_of_a_maker_take_the_older_change_set(tmp_path, tapd):
    """A maker's tap on another port and another folder resumes what was there, and serves the new folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    for name in ("one", "two"):
        port = free_port()
        mktap("web", "--path", name, "--listen", f"tcp:{port}:interface=127.0.0.1", cwd=tmp_path)
        server = tapd("web.tap")
        assert fetch(port, "/index.html") == name.encode()
        assert server.stop() == 0, server.log
        assert ("resumed" in server.log) == (name == "two")
        assert "not resumed" not in server.log
    assert sorted(path.name for path in tmp_path.glob("web-shutdown*")) == ["web-shutdown.1.tap", "web-shutdown.tap"]


SHOP = """
import shop

class Shop(service.Service):
    shelves = 0
    def live(self):
        self.shelves += 1
        self.shelf = SHELF
        return b"open %d" % self.shelves

add(Shop(), "shop")
"""


@pytest.fixture
def shop(tmp_path, port, tapd):
    """A shop that was opened and stopped, whose shelf is of a module of its own; with another .tac on request."""
    (tmp_path / "shop.py").write_text("class Shelf:\n    pass\n")

    def make(change=lambda text: text, shelf: str = "shop.Shelf()") -> None:
        (tmp_path / "shop.tac").write_text(change(living_tac("shop", port, SHOP.replace("SHELF", shelf))))
        mktap("-y", "shop.tac", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})

    def one_run(*options: str, answers: bytes) -> str:
        server = tapd(*options, "shop.tap")
        assert ask(port) == answers, server.log
        assert server.stop() == 0, server.log
        return server.log

    make()
    one_run(answers=b"open 1")
    return make, one_run


def test_a_class_that_is_gone_is_named_and_the_rest_goes_on(tmp_path, shop):
    """A newer base without it: the log names the class, the other state is there, the whole snapshot is kept."""
    make, one_run = shop
    (tmp_path / "shop.py").write_text("class Counter:\n    pass\n")
    make(shelf="shop.Counter()")
    log = one_run(answers=b"open 2")
    assert "not resumed: no shop.Shelf: " in log
    kept = tmp_path / "shop-shutdown.partly-resumed-1.tap"
    assert f"was not resumed as a whole; a copy is kept as {kept}" in log
    assert manifest(kept)["lineage"]["generation"] == 1
    assert "not resumed" not in one_run(answers=b"open 3")


def test_a_service_that_is_gone_is_named_and_the_snapshot_is_kept(tmp_path, shop):
    """What changed in it has no place: the log says so, and the older snapshot stays under a name that says so."""
    make, one_run = shop
    make(lambda text: text.replace('add(Shop(), "shop")', 'add(Shop(), "store")'))
    log = one_run(answers=b"open 1")
    assert "not resumed: shop/shop is no longer there, and had changed (" in log
    assert "shelves" in log.partition("had changed (")[2].partition(")")[0]
    assert (tmp_path / "shop-shutdown.partly-resumed-1.tap").exists()
    make()
    (tmp_path / "shop-shutdown.partly-resumed-1.tap").rename(tmp_path / "shop-shutdown.tap")
    one_run(answers=b"open 2")


def test_a_change_set_that_cannot_be_read_ends_the_start(tmp_path, shop, tapd):
    """It verifies, but is no change set: 65, the reason, --fresh as the way out, and the file stays where it is."""
    _, one_run = shop
    snapshot = tmp_path / "shop-shutdown.tap"
    rewrite(snapshot, lambda _, members: members.update({"changes.pickle": b"cos\nnothing\n"}), honest=True)
    server = tapd("shop.tap", ready=False)
    assert server.process.wait(LIMIT) == 65, server.log
    assert "its change set: loading it failed with " in server.log
    assert "--fresh" in server.log
    assert snapshot.exists()
    one_run("--fresh", answers=b"open 1")


# ---- what an application says itself


SAID = """
import tapdaemon

class Words(service.Service):
    def __init__(self):
        self.saved = self.peers = self.dropped = self.plain = 0
        tapdaemon.keeps(self, "saved")
        tapdaemon.forgets(self, "peers")
    def live(self):
        self.peers += 1
        self.dropped += 1
        self.plain += 1
        return b"%d %d %d %d" % (self.saved, self.peers, self.dropped, self.plain)
    def stopService(self):
        self.saved += 1
        return super().stopService()

add(Words(), "words")
"""


def test_what_an_application_keeps_and_forgets(tmp_path, port, tapd):
    """tapdaemon.keeps holds what stopService did, tapdaemon.forgets and mktap --forget leave out what life did."""
    (tmp_path / "said.tac").write_text(living_tac("said", port, SAID))
    mktap("--forget", "said/words.dropped", "-y", "said.tac", cwd=tmp_path)
    assert "forgets  said/words.dropped\n" in ok("tapctl", "show", "said.tap", cwd=tmp_path)
    for saved in range(3):
        server = tapd("said.tap")
        assert ask(port) == b"%d 1 1 %d" % (saved, saved + 1)
        assert server.stop() == 0, server.log


# ---- what cannot be saved


def test_an_object_that_refuses_to_be_saved_is_named(tmp_path, counter, port, tapd):
    """It is left out and named, by place and type, in the log and in the snapshot; the rest is kept."""
    one_round(tapd, port, answers=b"1 hello")
    server = tapd("counter.tap")
    assert ask(port, b"refuse") == b"2 hello"
    assert server.stop() == 0, server.log
    place = "counter/StreamServerEndpointService[0].factory.spoilt"
    assert f"not kept: {place} (tac_counter.Refusing, " in server.log
    assert server.log.count("not kept: ") == 1
    assert "Traceback" not in server.log
    (left,) = manifest(tmp_path / "counter-shutdown.tap")["left_out"]
    assert (left["place"], left["type"]) == (place, "tac_counter.Refusing")
    assert "I stay here" in left["reason"]
    assert f"left out  {place} (tac_counter.Refusing, " in ok("tapctl", "show", "counter-shutdown.tap", cwd=tmp_path)
    one_round(tapd, port, answers=b"3 hello")


# ---- how the base is made


def test_a_maker_that_is_gone_is_said_loudly_and_the_graph_is_the_base(tmp_path, port, tapd):
    """Its plugin was uninstalled: an error in the log says so, and the application serves and keeps its state."""
    plugins = tmp_path / "path" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "visits_plugin.py").write_text(
        "from twisted.application.service import ServiceMaker\n"
        "visits = ServiceMaker('visits', 'visits', 'A service that counts', 'visits')\n"
    )
    (tmp_path / "path" / "visits.py").write_text(VISITS)
    env = {"PYTHONPATH": str(tmp_path / "path")}
    mktap("--no-include", "visits", "--port", str(port), cwd=tmp_path, env=env)
    said = "the base is made from the graph that was saved with it, and its makers do not run"
    for count in (1, 2, 3):
        server = tapd("visits.tap", env=env)
        assert ask(port) == b"visit %d" % count
        assert server.stop() == 0, server.log
        loud = [line for line in server.log.splitlines() if said in line]
        assert len(loud) == (count > 1)
        assert all("#critical] visits.tap: maker 'visits': unknown" in line for line in loud), loud
        (plugins / "visits_plugin.py").unlink(missing_ok=True)


VISITS = """
from twisted.application import internet
from twisted.internet import protocol
from twisted.python import usage

class Options(usage.Options):
    optParameters = [["port", "p", 0, "Where.", int]]

class Visit(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.visits += 1
        self.transport.write(b"visit %d" % self.factory.visits)

class Visits(protocol.Factory):
    protocol = Visit
    visits = 0

def makeService(options):
    return internet.TCPServer(options["port"], Visits(), interface="127.0.0.1")
"""


def test_a_graph_that_is_the_whole_application_can_be_the_base(tmp_path, tapd):
    """mktap --keep graph web: each start loads the graph, runs no maker, and resumes what changed."""
    (tmp_path / "index.html").write_text("here")
    port = free_port()
    listen = f"tcp:{port}:interface=127.0.0.1"
    told = mktap("--keep", "graph", "web", "--path", ".", "--listen", listen, cwd=tmp_path)
    assert "each start loads its graph, and resumes what changed in it" in told
    assert manifest(tmp_path / "web.tap")["base"] == "graph"
    assert "base  its graph is loaded at each start; in style pickle\n" in ok("tapctl", "show", "web.tap", cwd=tmp_path)
    (tmp_path / "twisted" / "plugins").mkdir(parents=True)
    for count in (1, 2):
        server = tapd("web.tap")
        assert fetch(port, "/index.html") == b"here"
        assert server.stop() == 0, server.log
        assert ("resumed" in server.log) == (count > 1)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("globalLogPublisher.addObserver(observe)", "the log's observers was "),
        ("reactor.callLater(1, observe, {})", "its making called reactor.callLater, and a graph does not"),
        ("os.environ['SHOP'] = 'open'", "$SHOP was 'open' when it was made; where its graph is loaded it is 'not set'"),
        ("del os.environ['GONE']", "$GONE was taken away when it was made"),
        ("os.chdir('/')", "the working folder was '/' when it was made; "),
        ("os.umask(0o007)", "the umask was '0o7' when it was made; "),
        ("sys.path.append('/srv')", "the path of modules was "),
        ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "the handler of SIGUSR1 was 'SIG_IGN' when"),
    ],
)
def test_a_graph_that_is_not_the_whole_application_is_refused_by_name(tmp_path, line, named):
    """mktap --keep graph names what the .tac did beside its objects, and writes nothing; by its recipe it is made."""
    (tmp_path / "app.tac").write_text(
        "import os, signal, sys\nfrom twisted.application import service\nfrom twisted.internet import reactor\n"
        "from twisted.logger import globalLogPublisher\n"
        f"def observe(event): pass\n{line}\napplication = service.Application('app')\n"
    )
    done = run("mktap", "--keep", "graph", "-y", "app.tac", cwd=tmp_path, env={"GONE": "soon"})
    assert done.returncode == 70
    first, *rest = done.stderr.splitlines()
    assert first.startswith("mktap: app.tap: its graph alone is not the application: ")
    assert [line for line in rest if named in line] == rest
    assert not (tmp_path / "app.tap").exists()
    assert "its .tac runs at each start" in mktap("-y", "app.tac", cwd=tmp_path, env={"GONE": "soon"})


TOP_LEVEL = """
from twisted.application import service
from twisted.internet import protocol, reactor

class Ask(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.asked += 1
        self.transport.write(b"asked %d" % self.factory.asked)

application = service.Application("top")
asks = protocol.Factory.forProtocol(Ask)
asks.asked = application.asked = 0
reactor.listenTCP({port}, asks, interface="127.0.0.1")
"""


def test_a_port_that_a_tac_opens_itself(tmp_path, port, tapd):
    """reactor.listenTCP at the top level is declared and served, with its state; mktap does not need the port."""
    (tmp_path / "top.tac").write_text(TOP_LEVEL.format(port=port))
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        assert f"tcp4:127.0.0.1:{port}; its .tac runs" in mktap("-y", "top.tac", cwd=tmp_path)
    for count in (1, 2):
        server = tapd("top.tap")
        assert ask(port) == b"asked %d" % count
        assert server.stop() == 0, server.log
