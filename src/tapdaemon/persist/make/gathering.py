"""The application that a tap is made of, with what goes with it: from makers, from a Python file, onto a tap.

The only place besides `recipes` that runs makers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.application.service import IProcess, IService

from tapdaemon.core import code as codes
from tapdaemon.core import makers
from tapdaemon.core.application import Application
from tapdaemon.errors import TapSealedError
from tapdaemon.persist import images
from tapdaemon.persist.make import outside, provenance
from tapdaemon.persist.make import recipe as recipes
from tapdaemon.tapfile.container import TapFile, TapImage
from tapdaemon.tapfile.manifest import Recipe, Step

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What mktap was asked for.

    :param maker: a maker's name, with its arguments; or None.
    :param python: a .tac instead of a maker.
    :param append: a tap to which the maker's service is added.
    :param no_include: leave the application's own modules out, but for those in `include`.
    :param no_check: do not load it in a fresh process to see whether its graph is as good as its recipe.
    :param passphrase: seals the tap, and opens those that it is made from; None leaves it open.
    :param rebuild: a tap that is made anew from its recipe, whatever became of the classes in its graph.
    :param keep_state: a tap whose snapshots the new one goes on from.
    :param include: modules and package folders that travel in code/.
    :param writable: folders that the application writes, beside its state folder.
    """

    maker: str | None = None
    arguments: tuple[str, ...] = ()
    python: str | None = None
    output: str | None = None
    appname: str | None = None
    uid: str | None = None
    gid: str | None = None
    append: str | None = None
    style: str = "pickle"
    include: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    keep_state: str | None = None
    no_include: bool = False
    no_check: bool = False
    passphrase: bytes | None = field(default=None, repr=False)
    rebuild: str | None = None


@dataclass
class Parts:
    """An application on its way into a tap."""

    application: Any
    steps: list[Step] = field(default_factory=list)
    python: str | None = None
    code: dict[str, bytes] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    folder: str = "/"


def application(request: Request) -> Any:
    return gather(request, lambda _: None).application


def gather(request: Request, progress: Progress) -> Parts:
    from twisted.internet import reactor

    with outside.recorded(reactor) as calls:
        parts = _build(request, progress)
    outside.attach(parts.application, calls)
    return parts


def _build(request: Request, progress: Progress) -> Parts:
    parts = _start(request, progress)
    if request.maker is not None:
        progress("looking for makers")
        maker = makers.find_maker(request.maker)
        progress(f"running maker {maker.name}")
        options = makers.parse_options(maker, request.arguments)
        makers.make_service(maker, options).setServiceParent(parts.application)
        parts.settings |= makers.settings(options)
        parts.modules |= makers.modules(maker)
        _take_user(parts.application, options.parent)
        if not request.no_include:
            parts.code |= _plugin(maker)
        parts.steps.append(Step(maker.name, request.arguments))
        parts.folder = os.getcwd()
    _set_process(parts.application, request)
    return parts


def _take_user(application: Any, parent: Any) -> None:
    """The user and group that a maker set among twistd's options, where the application names none."""
    process = IProcess(application)
    for name in ("uid", "gid"):
        if parent[name] is not None and getattr(process, name) is None:
            setattr(process, name, parent[name])


def _plugin(maker: makers.Maker) -> dict[str, bytes]:
    """The plugin file of a maker that no distribution has: its recipe needs it."""
    path = makers.plugin_file(maker)
    if path is None or provenance.is_installed(path):
        return {}
    return {f"{codes.PLUGINS}/{place}": source for place, source in provenance.files(path)}


def _start(request: Request, progress: Progress) -> Parts:
    """What the maker's service is added to: a new application, a .tac's, or that of a tap."""
    if request.python is not None:
        progress(f"running {request.python}")
        application, module, source = codes.run_tac(request.python)
        return Parts(application, python=module, code={f"{module}.py": source}, folder=os.getcwd())
    if request.rebuild is not None:
        return _rebuilt(request.rebuild, request, progress)
    if request.append is not None:
        progress(f"loading {request.append}")
        image = opened(request.append, request)
        recipe = image.manifest.recipe or Recipe()
        return Parts(
            images.load(image, request.append),
            steps=list(recipe.steps),
            python=recipe.python,
            code=image.code,
            settings=dict(image.manifest.process.options),
            folder=recipe.folder,
        )
    return Parts(Application(request.appname or request.maker or "application"))


def _rebuilt(path: str, request: Request, progress: Progress) -> Parts:
    """The application of a tap's recipe, with the modules that it carries."""
    progress(f"following the recipe of {path}")
    image = opened(path, request)
    codes.CodeImporter(image.code).install()
    application = recipes.build(image.manifest, path)
    recipe = image.manifest.recipe or Recipe()
    settings = dict(image.manifest.process.options)
    return Parts(application, list(recipe.steps), recipe.python, dict(image.code), settings, folder=recipe.folder)


def _set_process(application: Any, request: Request) -> None:
    """-n, -u and -g over what the application says itself."""
    process = IProcess(application)
    if request.uid is not None:
        process.uid = _identity(request.uid)
    if request.gid is not None:
        process.gid = _identity(request.gid)
    if request.appname is not None:
        IService(application).name = request.appname


def _identity(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def opened(path: str, request: Request) -> TapImage:
    """A tap that goes into the new one: its owner checked, its seal opened."""
    with TapFile(path, os.geteuid()) as tap:
        image = tap.image()
    if image.manifest.seal is None:
        return image
    if request.passphrase is None:
        raise TapSealedError(path, "it is sealed", "give its passphrase with -e, which seals the new one with the same")
    from tapdaemon.persist.sealing import Lock, unseal

    return unseal(image, Lock(request.passphrase), path)
