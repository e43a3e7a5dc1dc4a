"""tapd --check within one process: the order of its steps, and how a failure of any kind is told."""

from __future__ import annotations

import os

import pytest
from twisted.application.service import IProcess
from twisted.internet import reactor

import tapdaemon
from tapdaemon.errors import StartError, TapMissingError
from tapdaemon.persist import images
from tapdaemon.run import check, loading
from tapdaemon.run.options import Options
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Needs


@pytest.fixture
def options(tmp_path):
    """A tap that names its user, a file and a variable; its state lies beside it."""
    application = tapdaemon.Application("app")
    IProcess(application).uid = os.geteuid()
    declared = Needs(files=("/nowhere/settings.ini", str(tmp_path)), environment=("SHOP_UNSET",))
    tap = tmp_path / "app.tap"
    tap.write_bytes(encode(images.make(application, declared=declared)))
    tap.chmod(0o600)
    return Options(tap=str(tap), check=True, state_dir=str(tmp_path), rundir=str(tmp_path))


@pytest.fixture
def steps(monkeypatch):
    """What a check does, in order; nobody is become."""
    found = []
    load = loading.load

    def loaded(*arguments):
        found.append("made")
        assert "listenTCP" in vars(reactor), "the reactor is not quiet"
        return load(*arguments)

    monkeypatch.setattr(check, "become", lambda identity: found.append(identity.uid))
    monkeypatch.setattr(loading, "load", loaded)
    monkeypatch.chdir(os.getcwd())
    return found


def test_the_tap_is_made_by_its_user_before_a_quiet_reactor(options, steps, monkeypatch):
    """Its code does not run as root because somebody checks it, and binds nothing."""
    monkeypatch.delenv("SHOP_UNSET", raising=False)
    lines = list(check.check(options, Surroundings()))
    assert steps == [os.geteuid(), "made"]
    assert lines == [
        "/nowhere/settings.ini: no such file, and its making read it",
        "its making looked at variables that are not set here: $SHOP_UNSET",
        f"{options.tap}: it can be started",
    ]


def test_under_systemd_a_check_is_the_same(options, steps):
    """A drop-in's ExecStartPre= can run it; a unit's user was chosen by the unit."""
    assert list(check.check(options, Surroundings(systemd=True)))[-1].endswith("it can be started")


def test_a_failure_that_nobody_foresaw_is_an_error_with_a_status(options, steps, monkeypatch):
    """As that of a start is."""

    def fail(*arguments):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(loading, "load", fail)
    with pytest.raises(StartError, match="making it failed with ZeroDivisionError: by nought"):
        list(check.check(options, Surroundings()))
    assert "listenTCP" not in vars(reactor)


def test_a_tap_that_is_not_there_is_the_starts_error(options, steps):
    """Nothing is made."""
    with pytest.raises(TapMissingError):
        list(check.check(options._replace(tap="/nowhere/app.tap"), Surroundings()))
    assert steps == []
