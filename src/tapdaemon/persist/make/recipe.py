"""The recipe, followed: a .tac is run and makers are called as twistd does it, in this very process.

The law: a recipe is followed once in a process, in the folder where mktap followed it, and what it does to the process
stays done.  The only place that runs makers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from twisted.application.service import IProcess, IService

from tapdaemon.core import makers
from tapdaemon.core.application import Application
from tapdaemon.core.makers import Maker
from tapdaemon.errors import TapError, UnloadableError, within
from tapdaemon.tapfile.manifest import Manifest, Recipe


def follow(manifest: Manifest, subject: str) -> Any:
    """The base of a tap, made.  Runs code: the caller has checked who wrote it.

    :param manifest: whose recipe it is; the tap's code/ is importable already.
    :param subject: the tap's path, for messages.
    :raises MakerGoneError: a maker is not installed here.
    :raises TapError: the recipe cannot be followed for another reason.
    """
    recipe = manifest.recipe or Recipe()
    with within(subject), in_folder(recipe.folder):
        application = begin(recipe, manifest.process.name)
        found = [_maker(step.maker, step.plugin) for step in recipe.steps]
        for maker, step in zip(found, recipe.steps, strict=True):
            add(application, maker, step.arguments)
    process = IProcess(application)
    process.uid, process.gid = manifest.process.uid, manifest.process.gid
    IService(application).name = manifest.process.name
    return application


class MakerGoneError(TapError):
    """A maker of the recipe cannot be had here."""

    status = UnloadableError.status


def _maker(name: str, plugin: str) -> Maker:
    try:
        return makers.placed(name, plugin)
    except TapError as error:
        raise MakerGoneError(error.subject, error.reason, "install the distribution that has it") from error


def begin(recipe: Recipe, name: str) -> Any:
    """What the makers' services are added to: a new application, or the .tac's.

    :raises NoApplicationError: the .tac fails, or sets no application.
    """
    if recipe.python is None:
        return Application(name)
    from tapdaemon.core.code import run_tac

    return run_tac(recipe.path, recipe.python)


def add(application: Any, maker: Maker, arguments: Sequence[str]) -> Any:
    """Add a maker's service to an application.

    :returns: the maker's parsed options.
    :raises TapError: it refuses its options, or fails.
    """
    options = makers.parse_options(maker, arguments)
    makers.make_service(maker, options).setServiceParent(application)
    return options


@contextlib.contextmanager
def in_folder(folder: str) -> Iterator[None]:
    """In the recipe's working folder, for relative options mean files below it; where it is not here, stay.

    A .tac that goes to a folder of its own stays there, as under twistd.
    """
    before = os.getcwd()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    inside = os.getcwd()
    try:
        yield
    finally:
        if os.getcwd() == inside:
            os.chdir(before)
