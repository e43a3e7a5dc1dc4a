"""Builds an application from its recipe, as mktap did: makers with their arguments, or the module that a .tac became.

The only place besides `making` that runs makers; a tap that keeps its graph comes here only when it is checked.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from twisted.application.service import IProcess, IService

from tapdaemon.core import makers
from tapdaemon.core.application import Application, is_application
from tapdaemon.errors import FOREIGN, NoApplicationError, UnloadableError, within, words
from tapdaemon.tapfile.manifest import Manifest, Recipe


def build(manifest: Manifest, subject: str) -> Any:
    """The application, made anew.  Runs code: the caller has checked who wrote it.

    :param manifest: whose recipe it is; the tap's code/ is importable already.
    :param subject: the tap's path, for messages.
    :raises UnloadableError: the recipe cannot be followed here.
    """
    recipe = manifest.recipe
    if recipe is None:
        raise UnloadableError(subject, "it has no recipe to be built from", "make it again with mktap")
    with within(subject), _in_folder(recipe.folder):
        application = _begin(recipe, manifest, subject)
        for step in recipe.steps:
            maker = makers.find_maker(step.maker)
            service = makers.make_service(maker, makers.parse_options(maker, step.arguments))
            service.setServiceParent(application)
    process = IProcess(application)
    process.uid, process.gid = manifest.process.uid, manifest.process.gid
    IService(application).name = manifest.process.name
    return application


def _begin(recipe: Recipe, manifest: Manifest, subject: str) -> Any:
    if recipe.python is None:
        return Application(manifest.process.name)
    try:
        application = getattr(importlib.import_module(recipe.python), "application", None)
    except FOREIGN as error:
        raise UnloadableError(
            subject, f"its Python file failed with {words(error)}", "mend it, and make the tap again"
        ) from error
    if not is_application(application):
        raise NoApplicationError(subject, "its Python file sets no 'application'", "make the tap again with mktap -y")
    return application


@contextlib.contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    """In the recipe's working folder, for relative options mean files below it; where it is not here, stay."""
    before = os.getcwd()
    path = list(sys.path)
    with contextlib.suppress(OSError):
        os.chdir(folder)
    try:
        yield
    finally:
        sys.path[:] = path
        os.chdir(before)
