"""The application that a tap is made of, with what goes with it: from makers, from a Python file, onto a tap.

A maker or a .tac runs once here, before a reactor that binds nothing.
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
from tapdaemon.errors import TapSealedError, UsageError
from tapdaemon.persist import images
from tapdaemon.persist.make import provenance, quiet, recipe
from tapdaemon.persist.make.recorded import Recorded, recorded
from tapdaemon.tapfile.container import TapFile, TapImage
from tapdaemon.tapfile.manifest import Listen, Recipe, Step

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What mktap was asked for.

    :param maker: a maker's name, with its arguments; or None.
    :param python: a .tac instead of a maker.
    :param append: a tap to which the maker's service is added.
    :param no_include: leave the application's own modules out, but for those in `include`.
    :param passphrase: seals the tap, and opens those that it is made from; None leaves it open.
    :param rebuild: a tap that is made anew from its recipe.
    :param keep: how the base is made: ``recipe`` or ``graph``.
    :param forget: places whose changes no snapshot keeps.
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
    no_include: bool = False
    passphrase: bytes | None = field(default=None, repr=False)
    rebuild: str | None = None
    keep: str = "recipe"
    forget: tuple[str, ...] = ()


@dataclass
class Parts:
    """An application on its way into a tap.

    :param recipe: how it was made; None where a graph was loaded.
    :param changes: a change set that comes along, with the style that it is in.
    :param asked: what the making asked of the reactor.
    :param reads: what it read and wrote.
    """

    application: Any
    recipe: Recipe | None
    code: dict[str, bytes] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    forgets: tuple[str, ...] = ()
    listens: tuple[Listen, ...] = ()
    asked: tuple[str, ...] = ()
    reads: Recorded = field(default_factory=Recorded)


def gather(request: Request, progress: Progress) -> Parts:
    from twisted.internet import reactor

    with quiet.quiet(reactor) as asked, recorded(() if request.python is None else (request.python,)) as reads:
        parts = _build(request, progress)
    parts.reads = reads
    parts.listens, parts.asked = tuple(asked.listens), tuple(asked.others)
    parts.forgets = tuple(dict.fromkeys((*parts.forgets, *request.forget)))
    return parts


def _build(request: Request, progress: Progress) -> Parts:
    parts = _start(request, progress)
    if request.maker is not None:
        progress("looking for makers")
        maker = makers.find_maker(request.maker)
        progress(f"running maker {maker.name}")
        options = recipe.add(parts.application, maker, request.arguments)
        _take(parts, maker, options, request)
    _set_process(parts.application, request)
    return parts


def _take(parts: Parts, maker: makers.Maker, options: Any, request: Request) -> None:
    """What goes with a maker: its settings, its user, its plugin, its step."""
    parts.settings |= makers.settings(options)
    parts.modules |= makers.modules(maker)
    process = IProcess(parts.application)
    for name in ("uid", "gid"):
        if options.parent[name] is not None and getattr(process, name) is None:
            setattr(process, name, options.parent[name])
    place = makers.plugin_place(maker)
    path = makers.plugin_file(maker)
    if path is not None and not provenance.is_installed(path) and not request.no_include:
        parts.code |= {f"{codes.PLUGINS}/{name}": source for name, source in provenance.files(path)}
        place = f"{codes.PLUGINS}.{place.rpartition('.')[2]}"
    if parts.recipe is not None:
        step = Step(maker.name, request.arguments, place)
        folder = os.getcwd() if not (parts.recipe.steps or parts.recipe.python) else parts.recipe.folder
        parts.recipe = parts.recipe._replace(steps=(*parts.recipe.steps, step), folder=folder)


def _start(request: Request, progress: Progress) -> Parts:
    """What the maker's service is added to: a new application, a .tac's, or that of a tap."""
    if request.python is not None:
        progress(f"running {request.python}")
        module, source = codes.install_tac(request.python)
        made = Recipe(python=module, path=os.path.abspath(request.python), folder=os.getcwd())
        return Parts(codes.run_tac(request.python, module), made, code={f"{module}.py": source})
    older = request.rebuild or request.append
    if older is not None:
        progress(f"making the base of {older}")
        return _of_tap(older, request)
    return Parts(Application(request.appname or request.maker or "application"), Recipe())


def _of_tap(path: str, request: Request) -> Parts:
    """The base of a tap, made again.

    A tap that keeps its graph is loaded, and is no recipe's any more once a service was added to it.
    """
    image = opened(path, request)
    manifest = image.manifest
    if request.rebuild is not None and (
        manifest.recipe is None or not (manifest.recipe.steps or manifest.recipe.python)
    ):
        raise UsageError(f"--rebuild {path}", "it has no recipe to be made from", "make it with mktap from its maker")
    if request.rebuild is not None:
        image = image._replace(manifest=manifest._replace(base="recipe"))
    return Parts(
        images.base(image, path),
        None if image.manifest.base == "graph" else manifest.recipe,
        code=image.code,
        settings=dict(manifest.process.options),
        modules={
            name.partition(":")[0] for name in (step.plugin for step in (manifest.recipe or Recipe()).steps) if name
        },
        forgets=manifest.forgets,
    )


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
