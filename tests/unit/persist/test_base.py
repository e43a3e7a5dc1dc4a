"""The base of a tap: its recipe is followed, its graph is loaded, and which of the two when one is gone."""

from __future__ import annotations

import os
import sys

import livelihood
import pytest
from twisted.application import service

import tapdaemon
from tapdaemon import errors
from tapdaemon.core.makers import find_maker
from tapdaemon.persist import checking, images
from tapdaemon.persist.make import recipe as recipes
from tapdaemon.tapfile.manifest import Recipe, Step

SOCKS = Recipe((Step("socks", ("--interface", "127.0.0.1", "--port", "1080")),), folder="/")


def made(recipe: Recipe = SOCKS, **more):
    """A tap of a maker, as mktap makes it."""
    application = tapdaemon.Application("app")
    for step in recipe.steps:
        recipes.add(application, find_maker(step.maker), step.arguments)
    return images.make(application, recipe=recipe, **more)


def classes(application) -> list[str]:
    return [type(one).__name__ for one in service.IServiceCollection(application)]


def test_a_recipe_is_followed_at_each_start():
    """The makers run again; the manifest has the name, the user and the group."""
    image = made()
    process = image.manifest.process._replace(name="other", uid=7, gid=8)
    application = images.base(image._replace(manifest=image.manifest._replace(process=process)), "app.tap")
    assert (image.manifest.base, classes(application)) == ("recipe", ["TCPServer"])
    assert service.IService(application).name == "other"
    assert (service.IProcess(application).uid, service.IProcess(application).gid) == (7, 8)


def gone(image):
    """The same tap where its maker is not installed."""
    recipe = image.manifest.recipe._replace(steps=(Step("no-such-maker"),))
    return image._replace(manifest=image.manifest._replace(recipe=recipe))


def test_the_graph_stands_in_for_a_maker_that_is_gone():
    """A tap whose distribution was removed still runs."""
    assert classes(images.base(gone(made()), "app.tap")) == ["TCPServer"]


def test_a_maker_that_is_gone_ends_the_start_where_there_is_no_graph():
    """The message names the maker and what to do."""
    image = gone(made())
    with pytest.raises(errors.TapError, match="install the distribution that has it") as caught:
        images.base(image._replace(manifest=image.manifest._replace(members=()), members={}), "app.tap")
    assert "no-such-maker" in str(caught.value)


def test_a_tac_fails_in_its_own_words(tmp_path, monkeypatch):
    """An exception at its top level, and one that sets no application."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tac_fails.py").write_text("raise LookupError('no shelf')\n")
    (tmp_path / "tac_empty.py").write_text("")
    for name, part in (("tac_fails", "failed at line 1 with LookupError: no shelf"), ("tac_empty", "'application'")):
        with pytest.raises(errors.NoApplicationError, match=part):
            recipes.begin(Recipe(python=name, path=str(tmp_path / f"{name}.py")), "app")
    sys.modules.pop("tac_empty", None)


def test_relative_options_mean_files_below_the_recipes_folder(tmp_path):
    """A start stands elsewhere, and comes back; a folder that is not here is no obstacle."""
    before = os.getcwd()
    with recipes.in_folder(str(tmp_path)):
        assert os.getcwd() == str(tmp_path)
    assert os.getcwd() == before
    with recipes.in_folder("/no/such/folder"):
        assert os.getcwd() == before


def test_a_graph_that_is_kept_is_the_application():
    """The check in a fresh process finds nothing to tell."""
    image = made(keep="graph")
    assert image.manifest.base == "graph"
    assert checking.of(image, [], checking.facts()) == []


def test_what_a_graph_lacks_is_told():
    """What the making asked of the reactor, and what it changed in its process."""
    image = made(keep="graph")
    before = checking.facts() | {"the umask": "0o1"}
    differences = checking.of(image, ["callWhenRunning"], before)
    now = checking.facts()["the umask"]
    assert differences == [
        "its making called reactor.callWhenRunning, and a graph does not",
        f"the umask was '{now}' when it was made; where its graph is loaded it is '0o1'",
    ]


def test_a_graph_that_is_loaded_to_something_else_is_told():
    """Attribute by attribute: here the fresh process builds another object."""
    application = tapdaemon.Application("app")
    livelihood.Keeper(livelihood.Aging()).setServiceParent(application)
    image = images.make(application)
    (difference,) = checking.of(image, [], checking.facts())
    assert "thing.age: 1" in difference


def test_a_graph_that_cannot_be_saved_is_not_kept():
    """Each object that stands in the way is told, with its place."""
    application = tapdaemon.Application("app")
    livelihood.Keeper(livelihood.Stuck()).setServiceParent(application)
    with pytest.raises(errors.UnsavableError, match=r"app/Keeper\[0\]\.thing \(livelihood\.Stuck"):
        images.make(application)
    image = images.make(application, recipe=SOCKS)
    assert (image.manifest.base, image.graph) == ("recipe", None)
    assert image.manifest.left_out[0].place == "app/Keeper[0].thing"
