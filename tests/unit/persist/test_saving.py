"""What cannot be saved is left out and named, and all else is saved, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time

import livelihood
import pytest
import unsavable
from twisted.application.service import IServiceCollection
from twisted.logger import capturedLogs

import tapdaemon
from tapdaemon.persist.state import apart, applying, saving
from tapdaemon.persist.state.baseline import Baseline


def base():
    made = tapdaemon.Application("app")
    one = livelihood.Keeper({"own": 1})
    one.setName("keeper")
    one.setServiceParent(made)
    return made


def keeper(application):
    return IServiceCollection(application).getServiceNamed("keeper")


def lived(life):
    """The change set of an application that lives so."""
    application = base()
    baseline = Baseline(application)
    baseline.take_ready()
    life(keeper(application))
    return saving.save(baseline, is_running=True)


def resumed(changes):
    application = base()
    applied = applying.apply(changes.payload, application, Baseline(application))
    assert applied.lost == []
    return keeper(application)


UNSAVABLE = [
    pytest.param(unsavable.Raises, "not this one", id="raises"),
    pytest.param(unsavable.Exits, "SystemExit", id="exits"),
    pytest.param(unsavable.Recurses, "recurses without end", id="recurses"),
    pytest.param(unsavable.Crashes, "SIGSEGV", id="crashes"),
    pytest.param(unsavable.Hangs, "not done within 1 s", id="hangs"),
    pytest.param(unsavable.Leaves, "status 3", id="leaves"),
    pytest.param(unsavable.Wrong, "reduce", id="returns no reduction"),
    pytest.param(unsavable.local, "defined inside a function", id="local class"),
    pytest.param(lambda: {unsavable.Raises(): 1}, "not this one", id="raises as a key"),
    pytest.param(lambda: {1: (2, unsavable.Raises())}, "not this one", id="raises in a tuple"),
]


@pytest.mark.parametrize(("make", "reason"), UNSAVABLE)
@pytest.mark.parametrize("where", ["attribute", "item", "element", "inside"])
def test_it_is_left_out_and_named_and_the_rest_is_kept(make, reason, where, monkeypatch):
    """Its place and the reason are told; what stood beside it, and what it stood in, comes back."""
    monkeypatch.setattr(apart.run, "__defaults__", (1.0,))

    def life(one):
        one.visits = 7
        bad = make()
        if where == "attribute":
            one.bad = bad
        elif where == "item":
            one.thing["bad"] = bad
        elif where == "element":
            one.group = [1, bad, 2]
        else:
            one.near = livelihood.Keeper([bad])
            one.near.also = "kept"

    changes = lived(life)
    (told,) = changes.left_out
    assert reason in told.reason
    assert told.place.startswith(
        {"attribute": "app/keeper.bad", "item": "app/keeper.thing['bad']", "element": "app/keeper.group[1]"}.get(
            where, "app/keeper.near.thing[0]"
        )
    )
    found = resumed(changes)
    assert (found.visits, found.thing["own"]) == (7, 1)
    if where == "element":
        assert (found.group[0], found.group[-1]) == (1, 2)
    if where == "inside":
        assert found.near.also == "kept"


def test_several_that_break_the_child_are_each_left_out():
    """A fork for each: one more ends it, the rest is saved."""

    def life(one):
        one.crashes, one.leaves, one.visits = unsavable.Crashes(), unsavable.Leaves(), 7

    changes = lived(life)
    assert {told.place for told in changes.left_out} == {"app/keeper.crashes", "app/keeper.leaves"}
    assert resumed(changes).visits == 7


def test_threads_that_change_state_meanwhile_do_no_harm():
    """Each save is of one moment: what is changed together is together in it."""
    application = base()
    baseline = Baseline(application)
    baseline.take_ready()
    one = keeper(application)
    is_over = threading.Event()
    one.table = {}

    def change():
        number = 0
        while not is_over.is_set():
            number += 1
            one.table[number % 1000] = [number]
            one.table.pop((number * 7) % 1000, None)

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            changes = saving.save(baseline, is_running=True)
            assert changes.left_out == ()
            assert isinstance(resumed(changes).table, dict)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_what_is_deep_is_saved():
    """A chain of 100,000 objects, 20,000 linked both ways, lists nested 100,000 deep: nothing of them is lost."""

    def life(one):
        one.chain, one.linked, one.visits = unsavable.chain(100_000), unsavable.linked(20_000), 7

    changes = lived(life)
    assert changes.left_out == ()
    found = resumed(changes)
    numbers, link = 0, found.chain
    while link is not None:
        assert link.number == numbers
        numbers, link = numbers + 1, link.after
    assert numbers == 100_000
    link = found.linked
    while link.after is not None:
        assert link.after.before is link
        link = link.after
    assert link.number == 19_999


def test_lists_that_are_nested_deep_are_saved():
    """100,000 of them, one in another."""

    def life(one):
        one.nested, one.visits = unsavable.nested(100_000), 7

    changes = lived(life)
    assert changes.left_out == ()
    found, depth = resumed(changes).nested, 0
    while found:
        (found,), depth = found, depth + 1
    assert depth == 100_000


def test_without_a_fork_it_is_saved_in_the_process_and_said(monkeypatch):
    """As the system refuses one: for memory, or for the unit's TasksMax."""

    def no_fork():
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", no_fork)
    with capturedLogs() as logged:
        changes = lived(lambda one: setattr(one, "visits", 7))
    assert resumed(changes).visits == 7
    assert [one["reason"] for one in logged if "there can be no fork" in one["log_format"]]


def test_a_connection_ends_when_the_parent_ends_it():
    """The child keeps no descriptor of the parent's open, so a peer waits for no save."""
    ours, theirs = socket.socketpair()

    def work(_):
        time.sleep(60)

    child = apart.Apart(work)
    try:
        ours.close()
        theirs.settimeout(10)
        assert theirs.recv(1) == b""
    finally:
        child.end("the test is over")
        theirs.close()
