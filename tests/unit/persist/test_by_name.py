"""What is saved by its name, or by what it was made from, and found again in the process that loads it."""

from __future__ import annotations

import os
import sys
import threading
import types
import weakref
from pathlib import Path

import livelihood
import pytest
from saved import again, payload
from twisted.application import internet
from twisted.internet import defer, endpoints, reactor
from twisted.logger import Logger, globalLogPublisher
from twisted.python.logfile import LogFile

from tapdaemon.persist.rules import descriptions, references, strings


def test_the_reactor_is_saved_by_name():
    """Wherever it is reached, and its resolver with it."""
    assert again([reactor, {"deep": reactor}])[1]["deep"] is reactor
    assert again(reactor.nameResolver) is reactor.nameResolver
    assert again(reactor.callLater).__self__ is reactor


def test_loggers_modules_streams_and_environment_are_saved_by_name():
    """They are the loading process's own."""
    logger = again(Logger("here"))
    assert (logger.namespace, logger.observer) == ("here", globalLogPublisher)
    assert again(globalLogPublisher) is globalLogPublisher
    assert again(os) is os
    assert again(sys.__stdout__) is sys.stdout
    assert again(os.environ) is os.environ


def test_files_are_opened_again_and_never_emptied(tmp_path):
    """By path and mode; what was written stays."""
    path = tmp_path / "log"
    with path.open("w") as file:
        file.write("kept\n")
        file.flush()
        with again(file) as reopened:
            assert reopened.mode == "a"
            reopened.write("more\n")
    assert path.read_text() == "kept\nmore\n"


def test_a_log_file_survives_being_saved(tmp_path):
    """LogFile by its arguments, and the live one still writes: its own __getstate__ would destroy it."""
    live = LogFile("x.log", str(tmp_path), rotateLength=1000, maxRotatedFiles=3)
    loaded = again(live)
    assert (loaded.path, loaded.rotateLength, loaded.maxRotatedFiles) == (live.path, 1000, 3)
    live.write("still here\n")
    live.flush()
    assert Path(live.path).read_text() == "still here\n"
    live.close()
    loaded.close()


def test_endpoints_remember_their_strings():
    """One that holds more than an address is saved by its description; systemd: is parsed when it listens."""
    described = descriptions.server_from_string(reactor, "haproxy:tcp:0:interface=127.0.0.1")
    assert b"haproxy:tcp:0" in payload(described)
    assert type(again(described)) is type(described)
    late = descriptions.server_from_string(reactor, "systemd:domain=INET:index=0")
    assert type(again(late)) is descriptions.LateServerEndpoint
    with pytest.raises((ValueError, IndexError, KeyError)):  # no descriptor was passed: asked for now, not before
        late.listen(livelihood.EchoFactory())


def test_plain_endpoints_are_saved_by_value():
    """A host and a port need no parser, and so no plugin scan at start."""
    endpoint = again(descriptions.server_from_string(reactor, "tcp:1:interface=127.0.0.1"))
    assert (endpoint._port, endpoint._interface, endpoint._reactor) == (1, "127.0.0.1", reactor)
    hand_made = again(endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", 2))
    assert hand_made._port == 2


def test_every_rule_keeps_the_law(tmp_path):
    """What a payload of ours calls while loading is a reconstructor, a class, or getattr for a method."""
    keeper = livelihood.Keeper()
    log = LogFile("x.log", str(tmp_path))
    with (tmp_path / "file").open("w") as file:
        samples = [
            reactor, reactor.nameResolver, Logger("x"), globalLogPublisher, defer.Deferred(), os, file, os.environ, log,
            threading.Lock(), threading.RLock(), weakref.ref(keeper), weakref.WeakValueDictionary(), weakref.WeakSet(),
            types.MappingProxyType({}), keeper.method, livelihood.make_adder(1), sys.__stderr__,
            descriptions.server_from_string(reactor, "haproxy:tcp:0"),
            internet.ClientService(endpoints.TCP4ClientEndpoint(reactor, "h", 1), livelihood.EchoFactory()),
        ]  # fmt: skip
        for sample in samples:
            rule = references.rule_for(type(sample))
            assert rule is not None, sample
            made = rule(sample)
            called = [made[0], *(one for one in made[5:6] if one is not None)]
            assert set(called) <= {*references.RECONSTRUCTORS, getattr}, sample
    log.close()


def test_files_in_an_endpoints_description_are_named_from_the_root(tmp_path, monkeypatch):
    """The tap runs in another folder; what is quoted stays quoted, and other descriptions stay as they are."""
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    for before, after in (
        ("ssl:443:privateKey=key.pem:certKey=/x/c\\:1.pem", f"ssl:443:privateKey={here}/key.pem:certKey=/x/c\\:1.pem"),
        ("ssl:443:privateKey=a\\:b\\\\c", f"ssl:443:privateKey={here}/a\\:b\\\\c"),
        ("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.1"),
        ("unix:/run/privateKey=x", "unix:/run/privateKey=x"),
    ):
        assert strings.absolute(before) == after
