"""tapd --check: what a tap declares and this host, or this user, does not have."""

from __future__ import annotations

import os

import pytest

import tapdaemon
from tapdaemon.persist import images
from tapdaemon.persist.make import recipe
from tapdaemon.run import check
from tapdaemon.run.options import Options
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Needs, Recipe, Step

SYSTEMD_TAC = """
import tapdaemon
from twisted.application import strports
from twisted.internet import protocol
application = tapdaemon.Application("app")
strports.service("systemd:domain=INET:index=0", protocol.Factory()).setServiceParent(application)
"""


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """What a check of a tap says."""

    def say(image=None, **more) -> list[str]:
        path = tmp_path / "app.tap"
        if image is not None:
            path.write_bytes(encode(image))
            path.chmod(0o600)
            more["tap"] = str(path)
        options = Options(check=True, state_dir=str(tmp_path), rundir=str(tmp_path), **more)
        return list(check.check(options, Surroundings()))

    monkeypatch.chdir(os.getcwd())
    return say


def test_what_this_user_may_not_have_is_said(lines, tmp_path, monkeypatch):
    """A file that is there but not for him, and a folder likewise, are as good as none."""
    secret, closed = tmp_path / "secret", tmp_path / "closed"
    secret.write_text("")
    closed.mkdir()
    access = os.access
    barred = {str(secret): os.R_OK, str(closed): os.W_OK}  # root may read all, so the kernel's answer is set here
    monkeypatch.setattr(
        os, "access", lambda path, mode, **more: not barred.get(path, 0) & mode and access(path, mode, **more)
    )
    declared = Needs(files=(str(secret), str(tmp_path)), writable=(str(closed), str(tmp_path), "/nowhere/spool"))
    assert lines(images.make(tapdaemon.Application("app"), declared=declared))[:-1] == [
        f"{secret}: uid {os.geteuid()} may not read it, and its making did",
        f"{closed}: uid {os.geteuid()} may not write there",
        "/nowhere/spool: no such folder, and it is to write there",
    ]


def test_a_distribution_that_is_not_installed_is_said(lines):
    """With the version that the tap was made with."""
    image = images.make(tapdaemon.Application("app"))
    needs = image.manifest.needs
    manifest = image.manifest._replace(needs=needs._replace(distributions=(*needs.distributions, ("nowhere-1", "2.0"))))
    assert lines(image._replace(manifest=manifest))[0] == "nowhere-1 2.0 is not installed"


def test_a_maker_that_is_gone_is_said_where_the_graph_is_the_base(lines, monkeypatch):
    """A start says it as an error and goes on, so a check does not keep it to itself."""

    def gone(name, plugin):
        raise recipe.MakerGoneError(f"maker {name!r}", "unknown")

    monkeypatch.setattr(recipe, "_maker", gone)
    (line, end) = lines(images.make(tapdaemon.Application("app"), recipe=Recipe((Step("shop"),))))
    assert "maker 'shop': unknown" in line
    assert "graph" in line
    assert end.endswith("it can be started")


def test_an_endpoint_of_systemds_needs_no_socket_here(lines, tmp_path):
    """Its descriptor is looked up when it listens, and a check does not listen."""
    # A name of its own: the module stays imported in this process, from which other tests fork.
    (tmp_path / "listens_by_systemd.tac").write_text(SYSTEMD_TAC)
    assert lines(python=str(tmp_path / "listens_by_systemd.tac"))[-1].endswith(".tac: it can be started")
