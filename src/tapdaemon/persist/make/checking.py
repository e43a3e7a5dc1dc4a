"""The check that mktap makes of a new tap: its graph, loaded where its makers never ran, against its recipe.

The process is forked before the makers run and waits for the finished tap; it loads the graph, imports what the making
process has imported, and compares the two worlds (facts that lie outside the graph).  The path of the making process is
cut to what is installed, so that a module that did not travel is missed here and not on another host.
"""

from __future__ import annotations

import dis
import importlib
import json
import os
import pickle
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from tapdaemon.core.tree import walk
from tapdaemon.errors import FOREIGN, TapError, words
from tapdaemon.persist import images
from tapdaemon.persist.make import outside, provenance, worlds
from tapdaemon.persist.make.child import Child
from tapdaemon.persist.make.likeness import Alike
from tapdaemon.tapfile.container import TapImage


class Verdict(NamedTuple):
    """The outcome.

    :param failure: why the graph cannot be loaded at all; empty if it can.
    :param differences: in what the graph is not as good as the recipe, a line each.
    """

    failure: str = ""
    differences: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.failure and not self.differences


class Check(Child):
    """A process that waits for the tap that is to be checked."""

    def __init__(self) -> None:
        super().__init__(_checked)

    def of(self, image: TapImage, alike: Alike) -> Verdict:
        """Check a tap.

        :param alike: what its recipe leaves in the world.
        """
        told = self.ask(pickle.dumps((image, alike)))
        if not told:
            return Verdict("the process that loaded it ended without a word")
        failure, differences = json.loads(told)
        return Verdict(failure, tuple(differences))


def _checked(asked: bytes) -> bytes:
    try:
        verdict = _judge(*pickle.loads(asked))  # noqa: S301 - our own parent wrote it
    except Exception as error:  # noqa: BLE001 - told like any other
        verdict = _told(error), ()
    return json.dumps(verdict).encode()


def _judge(image: TapImage, alike: Alike) -> tuple[str, Sequence[str]]:
    manifest = image.manifest
    python = manifest.recipe.python if manifest.recipe is not None else None
    names = [name for name in alike.names if name != python]
    try:
        if not manifest.needs.orphans:
            sys.path[:] = [place for place in sys.path if provenance.is_installed(os.path.join(place, "x"))]
        application = images.load(image, "it")
        for name in names:
            importlib.import_module(name)
    except TapError as error:
        return f"{error.subject.removeprefix('it: ')}: {error.reason}", ()
    except FOREIGN as error:
        return _told(error), ()
    if python in sys.modules:
        names.append(str(python))  # else its top level ran for the making alone
    there = {way: digest for way, digest in alike.world.items() if _belongs(way, names) and way not in outside.BOUND}
    outside_it = [f"{way} is outside the graph" for way in worlds.differences(there, worlds.digests(names))]
    return "", [*outside_it, *_not_restartable(application)]


def _not_restartable(application: Any) -> Iterator[str]:
    """Services that put something in the place of their startService when they are stopped: foolscap's Tub, say.

    A snapshot is taken after the stop, so they would never start again.
    """
    for node in walk(application):
        kind = type(node.service)
        for base in kind.__mro__:
            codes = [one.__code__ for one in vars(base).values() if isinstance(one, FunctionType)]
            if any(
                step.opname == "STORE_ATTR" and step.argval == "startService"
                for code in codes
                for step in dis.Bytecode(code)
            ):
                yield f"{node.path}: {kind.__name__} cannot be started again once it was stopped"
                break


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{words(error)} ({os.path.basename(last.filename)}:{last.lineno})"


def _belongs(way: str, names: Sequence[str]) -> bool:
    return any(way.startswith(f"{name}.") for name in names)
