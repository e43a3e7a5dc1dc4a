"""The register by which an application, or a distribution, says what is live in its own classes."""

from __future__ import annotations

import importlib.metadata
import types

import pytest
from live_saving import loaded, saved
from twisted.application.service import Service
from twisted.internet import interfaces, protocol
from zope.interface import implementer

import tapdaemon
from tapdaemon.persist.rules import live


@pytest.fixture(autouse=True)
def _register_as_before():
    """A test's registrations end with it."""
    before = dict(live._registered)
    yield
    live._registered.clear()
    live._registered.update(before)
    live._rules.clear()
    live._answers.clear()


class Holder:
    """An application's object."""


@implementer(interfaces.ITransport)
class OwnTransport:
    """A transport that no class of Twisted's is a base of."""


def connected():
    it = protocol.Protocol()
    it.transport = OwnTransport()
    return it


class Kept(Service):
    """A service with a connection of its own library."""

    connection = None
    count = 0


def test_a_registered_attribute_starts_afresh():
    """By a function for its value, or by name alone: then the class's default shows."""
    tapdaemon.register(Kept, volatile={"connection": lambda: "closed"})
    kept = Kept()
    kept.connection, kept.count = "open", 3
    again = loaded(saved(kept)[0])
    assert (again.connection, again.count) == ("closed", 3)
    tapdaemon.register(Kept, volatile=["connection"])
    again = loaded(saved(kept)[0])
    assert (again.connection, again.count) == (None, 3)
    assert kept.connection == "open"


def test_a_registered_class_is_live_with_its_subclasses():
    """And one that is registered as not live is not, whatever its interfaces say."""
    tapdaemon.register(Holder, live=True)
    tapdaemon.register(OwnTransport, live=False)
    assert live.is_live(type("Deeper", (Holder,), {})())
    assert not live.is_live(OwnTransport())


def test_what_says_nothing_of_being_live_changes_nothing():
    """A protocol with an attribute of its own stays bound to its connection."""
    tapdaemon.register(protocol.Protocol, volatile=["buffer"])
    assert live.is_live(connected())
    assert "transport" in live.rule_of(protocol.Protocol).volatile


def test_a_registered_object_is_resumed():
    """The function that was given is called with each, once."""
    called = []
    tapdaemon.register(Holder, resumed=called.append)
    again = loaded(saved([Holder()])[0])
    assert called == again


def test_only_a_class_is_registered():
    """What else is given is told at once, not at the first save."""
    with pytest.raises(TypeError, match="takes a class, and this is Holder"):
        tapdaemon.register(Holder())


def test_attributes_in_slots_start_afresh():
    """A class with slots, a dict and a rule."""
    tapdaemon.register(Half, volatile={"one": int})
    half = Half()
    half.one, half.two = 1, 2
    again = loaded(saved(half)[0])
    assert (again.one, again.two) == (0, 2)


class Half:
    __slots__ = ("__dict__", "one")


def test_a_state_of_the_classs_own_is_left_to_it():
    """What its __getstate__ returns in another form goes to its __setstate__ as it is."""
    tapdaemon.register(Own, volatile=["one"])
    assert loaded(saved(Own())[0]).got == [1, 2, 3]


class Own:
    one = 1

    def __getstate__(self):
        return [1, 2, 3]

    def __setstate__(self, state):
        self.got = state


def test_distributions_register_their_classes(monkeypatch, caplog):
    """Each is called with `register`; one that fails is told by name, and stops no other."""
    entries = [entry("good", offer), entry("bad", None)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries if group == live.GROUP else [])
    monkeypatch.setattr(live, "_loaded", [])
    told = []
    monkeypatch.setattr(live, "_tell", lambda one: told.append(one.name))
    live.load_entry_points()
    assert live.is_live(Holder())
    assert told == ["bad"]
    entries.clear()
    live.load_entry_points()


def offer(register):
    register(Holder, live=True)


def entry(name, offered):
    """As importlib.metadata gives it."""

    def load():
        if offered is None:
            raise ImportError("gone")
        return offered

    return types.SimpleNamespace(name=name, value=f"{name}:offer", load=load, dist=types.SimpleNamespace(name=name))


def test_a_rule_of_a_distribution_that_fails_is_logged_with_its_name():
    """And with its error."""
    from twisted.logger import globalLogPublisher

    events = []
    globalLogPublisher.addObserver(events.append)
    try:
        entry("carrots", None).load()
    except ImportError:
        live._tell(entry("carrots", None))
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert any(event.get("name") == "carrots" and "log_failure" in event for event in events)
