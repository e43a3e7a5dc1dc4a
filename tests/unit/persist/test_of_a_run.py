"""What belongs to a run comes back as new: locks, timers, started factories."""

from __future__ import annotations

import threading
import types
import weakref

import livelihood
from saved import again, payload
from twisted.application import internet, service
from twisted.internet import defer, endpoints, reactor, task
from twisted.web.server import Site
from twisted.web.static import File

import tapdaemon


def application(*services, name="app"):
    made = tapdaemon.Application(name)
    for one in services:
        one.setServiceParent(made)
    return made


def test_what_belongs_to_this_run_is_dropped():
    """Delayed calls and ports are None again; a Deferred waits for none, or has its result."""
    call = reactor.callLater(1000, int)
    port = reactor.listenTCP(0, livelihood.EchoFactory(), interface="127.0.0.1")
    try:
        waiting, fired, *rest = again([defer.Deferred(), defer.succeed(1), call, port])
        assert rest == [None, None]
        assert (waiting.called, fired.result) == (False, 1)
    finally:
        call.cancel()
        port.stopListening()


def test_locks_and_weak_references_are_made_anew():
    """A lock is free, a reference leads to the loaded object."""
    keeper = livelihood.Keeper()
    mapping = weakref.WeakValueDictionary({"a": keeper})
    lock, rlock, loaded, reference, weak = again(
        [threading.Lock(), threading.RLock(), keeper, weakref.ref(keeper), mapping]
    )
    assert lock.acquire(blocking=False)
    assert rlock.acquire(blocking=False)
    assert reference() is loaded
    assert dict(weak) == {"a": loaded}
    assert again(types.MappingProxyType({"x": 1}))["x"] == 1


def test_a_factory_is_saved_unstarted():
    """numPorts would keep startFactory from being called again; a site's clock and log belong to the run."""
    site = Site(File("/"))
    site.numPorts = 3
    site._logDateTime = "now"
    loaded = again(site)
    assert (loaded.numPorts, loaded._logDateTime, site.numPorts) == (0, None, 3)


def test_a_client_service_is_made_from_its_arguments():
    """Its state machine has no value; name and parent stay."""
    made = internet.ClientService(
        endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", 9), livelihood.EchoFactory(), retryPolicy=livelihood.double
    )
    made.setName("uplink")
    loaded = again(application(made))
    (uplink,) = service.IServiceCollection(loaded)
    assert uplink.name == "uplink"
    assert uplink.parent is service.IService(loaded)
    assert payload(uplink)


def test_a_stopped_timer_can_be_started():
    """A timer whose loop ran is saved without it."""
    clock = task.Clock()
    timer = internet.TimerService(1, livelihood.Keeper().method)
    timer.clock = clock
    timer.startService()
    timer.stopService()
    again(timer)
