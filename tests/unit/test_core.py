"""The service tree: paths, readiness, bounded stops, needs, makers, and code from memory."""

from __future__ import annotations

import importlib
import sys

import pytest
from twisted.application import internet, service
from twisted.internet import defer, endpoints, error, reactor, task
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.testing import MemoryReactorClock

import tapdaemon
from tapdaemon.core import makers, needs, tree
from tapdaemon.core.code import CodeImporter, tac_module
from tapdaemon.core.starting import ServiceStartError, Starter
from tapdaemon.core.stopping import Stopper


def application(*services, name="app"):
    made = tapdaemon.Application(name)
    for one in services:
        one.setServiceParent(made)
    return made


def named(one, name):
    one.setName(name)
    return one


class Scripted(service.Service):
    """Returns, or raises, what it is told to."""

    def __init__(self, start=None, stop=None):
        self.start, self.stop = start, stop

    def startService(self):
        super().startService()
        if isinstance(self.start, Exception):
            raise self.start
        return self.start

    def stopService(self):
        super().stopService()
        return self.stop


class Swallowing(service.MultiService):
    """Drops what its children return, as MultiService does."""

    def startService(self):
        service.MultiService.startService(self)


# ---- paths


def test_a_path_is_names_from_the_root():
    """A nameless service is shown by class and index."""
    inner = named(service.MultiService(), "inner")
    Scripted().setServiceParent(inner)
    named(Scripted(), "last").setServiceParent(inner)
    paths = [node.path for node in tree.walk(application(Scripted(), inner))]
    assert paths == ["app", "app/Scripted[0]", "app/inner", "app/inner/Scripted[0]", "app/inner/last"]


def test_a_tree_with_a_cycle_has_an_end():
    """A service that is its own descendant is visited once."""
    root = service.MultiService()
    root.services.append(root)
    assert len(list(tree.walk(root))) == 1


# ---- starting


def test_ready_when_all_deferreds_have_fired():
    """Those of startService, at any depth, and only then."""
    first, second = defer.Deferred(), defer.Deferred()
    parent = Swallowing()
    named(Scripted(second), "deep").setServiceParent(parent)
    starter = Starter(application(named(Scripted(first), "flat"), parent))
    ready = starter.start()
    assert starter.waiting_for() == ["app/Swallowing[1]/deep", "app/flat"]
    first.callback("anything")
    assert starter.waiting_for() == ["app/Swallowing[1]/deep"]
    assert not ready.called
    second.callback(None)
    assert ready.called


@pytest.mark.parametrize("how", ["raise", "fail at once", "fail later"])
def test_a_failure_names_the_service(how):
    """Whether it raises, returns a failed Deferred, or one that fails."""
    later = defer.Deferred()
    start = {"raise": KeyError("x"), "fail at once": defer.fail(KeyError("x")), "fail later": later}[how]
    parent = named(Swallowing(), "parent")
    named(Scripted(start), "bad").setServiceParent(parent)
    ready = Starter(application(parent)).start()
    if how == "fail later":
        later.errback(KeyError("x"))
    failures = []
    ready.addErrback(failures.append)
    assert failures[0].check(ServiceStartError)
    assert failures[0].value.path == "app/parent/bad"
    assert failures[0].value.failure.check(KeyError)


def test_a_failed_listen_of_an_endpoint_service_is_a_failure():
    """StreamServerEndpointService would log it and carry on."""

    class Refusing:
        def listen(self, factory):
            return defer.fail(error.CannotListenError("", 80, OSError(98, "Address already in use")))

    listening = internet.StreamServerEndpointService(Refusing(), Factory())
    failures = []
    Starter(application(listening)).start().addErrback(failures.append)
    assert failures[0].value.path == "app/StreamServerEndpointService[0]"
    assert failures[0].value.failure.check(error.CannotListenError)
    assert isinstance(listening.endpoint, Refusing)


def test_nothing_is_left_on_the_services():
    """The observation ends with the start: what is saved later is the services' own."""
    one = Scripted()
    made = application(one)
    Starter(made).start()
    assert "startService" not in vars(one)
    assert "privilegedStartService" not in vars(service.IService(made))
    own = one.startService = lambda: None
    Starter(made).start()
    assert one.startService is own


# ---- stopping


def test_each_service_has_its_own_bound():
    """One that never stops does not keep the others waiting, and is reported."""
    clock = MemoryReactorClock()
    order = []

    class Ordered(service.Service):
        def stopService(self):
            order.append(self.name)

    told = []
    made = application(
        named(Ordered(), "first"),
        named(Scripted(stop=defer.Deferred()), "stuck"),
        named(Scripted(stop=defer.fail(ValueError("no"))), "failing"),
        named(Ordered(), "last"),
    )
    done = Stopper(made, clock, 5.0, lambda path, what: told.append((path, what))).stop()
    assert order == ["last", "first"]
    assert not done.called
    clock.advance(5.0)
    assert done.called
    assert [path for path, _ in told] == ["app/failing", "app/stuck"]
    assert told[1][1] == "did not stop within 5 s"


def test_a_hurry_waits_for_none():
    """Services that are still at it are reported and left at their work."""
    told = []
    never = defer.Deferred()
    stopper = Stopper(application(named(Scripted(stop=never), "slow")), task.Clock(), 60.0, lambda *a: told.append(a))
    done = stopper.stop()
    stopper.hurry()
    assert done.called
    assert told == [("app/slow", "did not stop before the hurry")]
    never.callback("late")  # and nobody minds


# ---- needs


def test_addresses_are_read_off_stock_services():
    """Ports, interfaces, families, UNIX paths; by position and by keyword."""
    made = application(
        internet.TCPServer(80, Factory()),
        internet.TCPServer(81, Factory(), 10, "::"),
        internet.TCPServer(82, Factory(), interface="127.0.0.1"),
        internet.SSLServer(443, Factory(), None, interface="localhost"),
        internet.UNIXServer("/run/x", Factory(), mode=0o600),
        internet.UDPServer(53, DatagramProtocol(), "127.0.0.1"),
        internet.TCPClient("localhost", 1, Factory()),
        internet.StreamServerEndpointService(endpoints.serverFromString(reactor, "tcp:90:backlog=7"), Factory()),
        internet.StreamServerEndpointService(endpoints.serverFromString(reactor, "tcp6:91"), Factory()),
        internet.StreamServerEndpointService(endpoints.serverFromString(reactor, "unix:/run/y:mode=660"), Factory()),
        internet.StreamServerEndpointService(endpoints.serverFromString(reactor, "haproxy:tcp:92"), Factory()),
    )
    found = needs.listens(made)
    assert [listen.address for listen in found] == [
        "tcp4:0.0.0.0:80",
        "tcp6:[::]:81",
        "tcp4:127.0.0.1:82",
        "tcp4:127.0.0.1:443",
        "unix:/run/x",
        "udp4:127.0.0.1:53",
        "tcp4:0.0.0.0:90",
        "tcp6:[::]:91",
        "unix:/run/y",
        "tcp4:0.0.0.0:92",
    ]
    assert [listen.backlog for listen in found[:2]] == [50, 10]
    assert (found[4].mode, found[8].mode, found[6].backlog) == (0o600, 0o660, 7)
    assert found[0].service == "app/TCPServer[0]"


# ---- makers


def test_stock_makers_are_found():
    """All twelve, each with its description."""
    names = {maker.name: maker for maker in makers.find_makers()}
    stock = {"conch", "dns", "ftp", "inetd", "mail", "manhole", "portforward", "procmon", "socks", "web", "words"}
    assert stock | {"xmpp-router"} <= names.keys()
    assert names["web"].description
    assert "Usage: mktap [options] web [maker options]" in makers.maker_help(names["web"])


def test_a_maker_finds_twistds_options_as_its_parent():
    """pidfile, uid and the rest are there, with twistd's defaults."""
    maker = makers.choose(makers.find_makers(), "socks")
    options = makers.parse_options(maker, ["--port", "1"])
    assert options.parent["pidfile"] == "twistd.pid"
    assert options.parent["uid"] is None


# ---- code from memory


def test_modules_come_from_memory():
    """A package with a submodule, its source, and a traceback's place."""
    importer = CodeImporter({"boxed/__init__.py": b"top = 1\n", "boxed/inner.py": b"def fail():\n    1 / 0\n"})
    importer.install()
    try:
        inner = importlib.import_module("boxed.inner")
        assert sys.modules["boxed"].top == 1
        assert inner.__file__ == "<tap>/code/boxed/inner.py"
        assert importer.get_source("boxed.inner").startswith("def fail")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("boxed.missing")
        with pytest.raises(ZeroDivisionError) as caught:
            inner.fail()
        assert caught.traceback[-1].path is not None
    finally:
        sys.meta_path.remove(importer)
        for name in ("boxed", "boxed.inner"):
            sys.modules.pop(name, None)


def test_a_tac_has_a_modules_name():
    """Whatever its file is called."""
    assert tac_module("/x/my-site.2.tac") == "tac_my_site_2"


def test_time_passes_on_the_clock_given():
    """No hidden reactor: a stop of an empty tree is done at once."""
    assert Stopper(application(), task.Clock(), 1.0, lambda *_: None).stop().called
