"""Graphs that another version saved: completed from a fresh build, and nothing is built where versions are equal."""

from __future__ import annotations

import types

import pytest
from twisted.application import service

import tapdaemon
from tapdaemon.core import distributions
from tapdaemon.persist import images
from tapdaemon.persist.make import recipe as recipes
from tapdaemon.persist.make import upgrade
from tapdaemon.tapfile.manifest import Recipe, Step


class Shop(service.Service):
    """A class that has more attributes in a newer version."""

    def __init__(self, newer: bool) -> None:
        self.sold = 0
        self.till = types.SimpleNamespace(name="till")
        if newer:
            self.shelf = {"till": self.till, "owner": self}
            self.sell = self.sell_one
            self.till.open = True

    def sell_one(self) -> None:
        self.sold += 1


def application(shop: Shop):
    made = tapdaemon.Application("app")
    shop.setServiceParent(made)
    return made


def test_what_is_missing_is_taken_and_nothing_else():
    """At every depth; ways into the fresh graph lead into the saved one."""
    saved, fresh = Shop(newer=False), Shop(newer=True)
    saved.sold = 7
    given = upgrade.complete(application(saved), application(fresh))
    assert sorted(given) == ["Shop.sell", "Shop.shelf", "SimpleNamespace.open"]
    assert saved.sold == 7
    assert saved.shelf == {"till": saved.till, "owner": saved}
    assert saved.till.open is True
    saved.sell()
    assert (saved.sold, fresh.sold) == (8, 0)


def test_services_that_only_one_has_are_left_alone():
    """What was added while it ran has no counterpart."""
    saved, fresh = application(Shop(newer=False)), application(Shop(newer=True))
    Shop(newer=False).setServiceParent(saved)
    assert upgrade.complete(saved, fresh) == []


@pytest.fixture
def image():
    """Of a maker's recipe, at the versions that are here."""
    made = tapdaemon.Application("web")
    return images.make(made, recipe=Recipe((Step("socks", ()),), folder="/"))


def test_equal_versions_build_nothing(image, monkeypatch):
    """The recipe is not even looked at."""
    monkeypatch.setattr(recipes, "build", lambda *_: pytest.fail("built"))
    images.load(image, "app.tap")


def test_other_versions_build_once_more(image, monkeypatch):
    """Each recorded distribution counts; one that is not installed by a folder's name does not."""
    built = []
    monkeypatch.setattr(
        recipes, "build", lambda manifest, subject: built.append(subject) or tapdaemon.Application("web")
    )
    needs = image.manifest.needs._replace(distributions=(("Twisted", "8.2"), ("nowhere", "1")))
    images.load(image._replace(manifest=image.manifest._replace(needs=needs)), "app.tap")
    assert built == ["app.tap"]


def test_versions_by_the_names_of_folders():
    """The same as importlib.metadata says."""
    import importlib.metadata

    names = ["Twisted", "zope.interface", "click", "nowhere"]
    found = distributions.versions(names)
    assert found == {name: importlib.metadata.version(name) for name in names[:3]}
