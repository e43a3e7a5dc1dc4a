"""Which objects are live, and what comes back of those that only wait."""

from __future__ import annotations

import asyncio
import functools
import io
import mmap
import pickle
import select
import socket
import ssl
import subprocess
import sys
import threading
import weakref

import pytest
from live_saving import loaded, saved
from twisted.application.service import Service
from twisted.internet import defer, interfaces, protocol, reactor, task
from zope.interface import implementer

from tapdaemon.persist.rules import live, references


def steps():
    yield 1


async def coroutine():
    """Nothing."""


async def values():
    yield 1


class Holder:
    """An application's object."""

    def method(self):
        """A method."""


class Answering:
    """Answers to every name, and to what it is asked through zope.interface with an error."""

    def __getattr__(self, name):
        return getattr(self, name + name)

    @property
    def __providedBy__(self):
        raise RuntimeError("not for you")

    @property
    def __dict__(self):
        raise RuntimeError("not for you")


@implementer(interfaces.ITransport)
class OwnTransport:
    """A transport that no class of Twisted's is a base of."""


class Slotted(protocol.Protocol):
    __slots__ = ("transport",)


def started():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    return thread


def waiting():
    return defer.Deferred().addCallback(print)


def connected():
    it = protocol.Protocol()
    it.transport = OwnTransport()
    return it


LIVE = {
    "a generator": steps,
    "an asynchronous generator": values,
    "a memoryview": lambda: memoryview(b""),
    "a frame": sys._getframe,
    "a socket": socket.socket,
    "a thread that runs": started,
    "a process": lambda: subprocess.Popen(["/bin/true"]),
    "a context of TLS": ssl.create_default_context,
    "an epoll": select.epoll,
    "a mapped file": lambda: mmap.mmap(-1, 1),
    "an event loop": asyncio.new_event_loop,
    "a delayed call": lambda: reactor.callLater(1000, int),
    "a Deferred that something waits for": waiting,
    "a Deferred of a lock's": lambda: [lock := defer.DeferredLock(), lock.acquire(), lock.acquire()][-1],
    "a Deferred whose result is live": lambda: defer.succeed(steps()),
    "a Deferred that waits for another": lambda: defer.succeed(1).addCallback(lambda _: defer.Deferred()),
    "a connected protocol": connected,
    "a connected protocol's method": lambda: connected().dataReceived,
    "a partial of such a method": lambda: functools.partial(connected().dataReceived, b""),
    "a transport of no known class": OwnTransport,
    "a weak reference to one": lambda: weakref.ref(_KEPT),
    "a list that does not fire before others": lambda: defer.DeferredList([defer.Deferred()]),
}
NOT_LIVE = {
    "a number": lambda: 1,
    "an object": Holder,
    "its method": lambda: Holder().method,
    "a function": lambda: steps,
    "a class that makes live objects": lambda: OwnTransport,
    "a protocol without a transport": protocol.Protocol,
    "a protocol with slots": Slotted,
    "a service": Service,
    "a thread that was not started": threading.Thread,
    "a Deferred that nothing waits for": defer.Deferred,
    "a Deferred that has fired": lambda: defer.succeed(1),
    "a loop": lambda: task.LoopingCall(int),
    "an object that answers to everything": Answering,
    "a weak reference": lambda: weakref.ref(Holder),
    "the reactor": lambda: reactor,
}
_KEPT = OwnTransport()


@pytest.mark.parametrize("name", LIVE)
def test_what_cannot_outlive_its_process_is_live(name):
    """By its class, by its interface, or by what it is just now."""
    one = LIVE[name]()
    assert live.is_live(one)
    if isinstance(one, subprocess.Popen):
        one.wait()


@pytest.mark.parametrize("name", NOT_LIVE)
def test_what_has_a_value_is_not_live(name):
    """Whatever its class does when it is asked something."""
    assert not live.is_live(NOT_LIVE[name]())


def test_a_coroutine_is_live():
    """Also one that was never started."""
    one = coroutine()
    assert live.is_live(one)
    one.close()


def test_to_ask_leaves_no_mark_on_a_strangers_class():
    """zope.interface would write its declarations onto it."""
    kind = type("Unmarked", (), {})
    live.is_live(kind())
    assert not [name for name in vars(kind) if "provide" in name or "implement" in name]


def test_a_fired_deferred_keeps_its_result_and_an_unfired_one_waits_again():
    """The Deferred that an application holds for a start that comes later is one again."""
    fired, unfired, shared = loaded(saved([defer.succeed(7), one := defer.Deferred(), one])[0])
    heard = []
    for deferred in (fired, unfired):
        deferred.addCallback(heard.append)
    assert heard == [7]
    unfired.callback(8)
    assert heard == [7, 8]
    assert unfired is shared


def test_a_list_of_deferreds_that_has_fired_keeps_its_results():
    """The Deferreds that it waited for are not kept."""
    again = loaded(saved(defer.DeferredList([defer.succeed(1)]))[0])
    assert again.result == [(True, 1)]


def test_a_failure_comes_back_as_the_result():
    """And is still one that can be handled."""
    failed = defer.fail(ValueError("no"))
    again = loaded(saved(failed)[0])
    failed.addErrback(lambda _: None)
    heard = []
    again.addErrback(lambda failure: heard.append(failure.check(ValueError)))
    assert heard == [ValueError]


def test_what_asyncio_queues_is_kept_and_who_waits_is_not():
    """A queue with an item, an event and a lock, used in one loop and then in another."""

    async def used():
        queue, event, lock = asyncio.Queue(), asyncio.Event(), asyncio.Lock()
        task = asyncio.ensure_future(queue.get())
        waiter = asyncio.ensure_future(event.wait())
        await lock.acquire()
        other = asyncio.ensure_future(lock.acquire())
        await asyncio.sleep(0)
        for one in (task, waiter, other):
            assert live.is_live(one)
        task.cancel()
        queue.put_nowait("item")
        data = saved([queue, event, lock])[0]
        waiter.cancel()
        other.cancel()
        return data

    async def used_again(queue, event, lock):
        assert await queue.get() == "item"
        event.set()
        await event.wait()
        async with lock:
            assert lock.locked()

    asyncio.run(used_again(*loaded(asyncio.run(used()))))


def test_a_file_is_opened_again():
    """A file of the application's is opened again, as before; only what has no value is live."""
    assert not live.is_live(io.BytesIO())
    assert references.rule_for(io.BufferedReader) is not None
    assert pickle.loads(saved(io.BytesIO(b"x"))[0]).read() == b"x"
