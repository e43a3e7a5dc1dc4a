"""Applications as objects and as files: tapdaemon.save and load, IPersistable, and what cannot be saved."""

from __future__ import annotations

import os

import livelihood
import pytest
from saved import again
from twisted.application import service
from twisted.internet import defer, reactor
from twisted.persisted.sob import IPersistable

import tapdaemon
from tapdaemon import errors
from tapdaemon.persist import images


def application(*services, name="app"):
    made = tapdaemon.Application(name)
    for one in services:
        one.setServiceParent(made)
    return made


def test_an_application_is_an_object_like_any_other():
    """Adaptable to the four interfaces, changed through them, and back after a load."""
    made = tapdaemon.Application("app", uid="www-data", gid=33)
    assert (made.name, made.uid, made.gid) == ("app", "www-data", 33)
    for interface in (service.IService, service.IServiceCollection, service.IProcess, IPersistable):
        assert interface(made) is interface(made)
    service.IProcess(made).uid = 1
    livelihood.Keeper("x").setServiceParent(made)
    loaded = again(made)
    assert (loaded.uid, [one.thing for one in service.IServiceCollection(loaded)]) == (1, ["x"])


@pytest.mark.parametrize("make", [tapdaemon.Application, service.Application])
def test_save_and_load(tmp_path, make):
    """tapdaemon.save and load, and IPersistable's save, for both kinds of application; mode 0600."""
    made = make("app")
    livelihood.Keeper("x").setServiceParent(service.IServiceCollection(made))
    tapdaemon.save(made, tmp_path / "app.tap")
    loaded = tapdaemon.load(tmp_path / "app.tap")
    assert type(loaded) is type(made)
    assert [one.thing for one in service.IServiceCollection(loaded)] == ["x"]
    assert (tmp_path / "app.tap").stat().st_mode & 0o777 == 0o600


def test_persistables_save_writes_a_tap(tmp_path, monkeypatch):
    """NAME.tap, NAME-TAG.tap or a file's name, in the style that setStyle chose."""
    monkeypatch.chdir(tmp_path)
    persistable = IPersistable(tapdaemon.Application("app"))
    persistable.setStyle("pickle")
    persistable.save()
    persistable.save(tag="shutdown")
    persistable.save(filename="other.tap")
    assert sorted(os.listdir(tmp_path)) == ["app-shutdown.tap", "app.tap", "other.tap"]
    assert tapdaemon.load("other.tap").name == "app"
    with pytest.raises(errors.UnknownNameError, match="known are: pickle"):
        persistable.setStyle("xml")


def test_own_modules_travel_in_the_tap():
    """A module that nothing installed provides is in code/; what is installed is named with its version."""
    made = application(livelihood.Keeper())
    image = images.make(made)
    assert dict(image.manifest.needs.distributions)["Twisted"]
    assert "livelihood" in image.manifest.needs.modules
    assert "livelihood.py" in image.code


def unsavable(*services) -> list[str]:
    """What of an application's graph cannot be saved, a line each."""
    return [str(one) for one in images.graph(application(*services), "pickle")[2]]


def test_each_object_that_cannot_be_saved_is_told_with_its_way(tmp_path):
    """All of them at once, with place, type, where it is defined and reason; what can be saved is not among them."""
    deep = livelihood.Keeper({"list": [1, {"handle": livelihood.Stuck()}]})
    deep.setName("deep")
    namespace: dict[str, object] = {"__name__": "nowhere_to_be_found"}
    exec("homeless = lambda: 0", namespace)
    homeless = livelihood.Keeper(namespace["homeless"])
    fine = livelihood.Keeper([livelihood.double, reactor, defer.Deferred()])
    first, second = sorted(unsavable(deep, homeless, fine), reverse=True)
    assert first.startswith("app/deep.thing['list'][1]['handle'] (livelihood.Stuck, ")
    assert "livelihood.py:" in first
    assert first.endswith("not while the moon is up")
    assert second.startswith("app/Keeper[1].thing (")
    assert "a lambda (<string>:1) has no name to be saved by; define it with def" in second
    with pytest.raises(errors.UnsavableError, match="2 objects cannot be saved"):
        tapdaemon.save(application(deep, homeless, fine), tmp_path / "app.tap")
    assert not (tmp_path / "app.tap").exists()


def test_a_class_of_the_started_program_is_told(monkeypatch):
    """What lives in __main__ could not be found by the process that loads it."""
    monkeypatch.setattr(livelihood.Keeper, "__module__", "__main__")
    assert "lives in the program that was started" in unsavable(livelihood.Keeper())[0]


def test_a_file_without_a_path_is_told():
    """The object is named, not only 'cannot pickle'."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as file, os.fdopen(writing, "w"):
        assert "without a path" in unsavable(livelihood.Keeper(file))[0]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"\x80\x05cno_such_module\nThing\n.", "no module no_such_module"),
        (b"\x80\x05clivelihood\nNoSuchThing\n.", "it is gone from livelihood"),
        (b"\x80\x05clivelihood", "loading its graph failed with"),
        (b"", "loading its graph failed with ValueError"),
    ],
)
def test_a_graph_that_cannot_be_loaded_is_one_error(data, part):
    """Status 65, with what is missing."""
    with pytest.raises(errors.UnloadableError, match=part) as caught:
        images.loaded(data, "app.tap")
    assert caught.value.status == 65
