"""The reactor while mktap runs a recipe: it binds nothing, connects nothing, and tells what it was asked."""

from __future__ import annotations

import socket

import pytest
from livelihood import EchoFactory
from saved import again
from twisted.internet import reactor

from tapdaemon.persist.make.quiet import quiet
from tapdaemon.tapfile.manifest import TOP


def test_what_the_making_listens_on_is_declared_and_not_bound():
    """mktap runs beside the process that holds the port."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        number = holder.getsockname()[1]
        with quiet(reactor) as asked:
            port = reactor.listenTCP(number, EchoFactory(), interface="127.0.0.1")
            port.stopListening()
    assert [(one.address, one.service) for one in asked.listens] == [(f"tcp4:127.0.0.1:{number}", TOP)]
    assert asked.others == ["listenTCP"]


def test_nothing_connects():
    """What connectTCP returns can be used as a connector."""
    factory = EchoFactory()
    with quiet(reactor) as asked:
        connector = reactor.connectTCP("127.0.0.1", 1, factory)
        connector.disconnect()
        connector.stopConnecting()
    assert (connector.factory, asked.others) == (factory, ["connectTCP"])
    assert not reactor.getReaders() or connector not in reactor.getReaders()


def test_one_call_is_told_once():
    """callWhenRunning asks addSystemEventTrigger, which nobody called."""
    with quiet(reactor) as asked:
        trigger = reactor.callWhenRunning(print)
    reactor.removeSystemEventTrigger(trigger)
    assert asked.others == ["callWhenRunning"]


@pytest.mark.parametrize("name", ["listenTCP", "connectTCP", "callLater"])
def test_the_reactor_is_itself_again(name):
    """Its methods are the class's, and whoever kept one while it was quiet has the reactor's own when it is loaded."""
    with quiet(reactor):
        kept = reactor.callLater
    assert name not in vars(reactor)
    assert again(kept) == reactor.callLater
