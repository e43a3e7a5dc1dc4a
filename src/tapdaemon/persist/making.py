"""Makes taps: from makers, from Python files, onto a tap, in place of a tap.  It parses no command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.application.service import IProcess, IService

from tapdaemon.core import code as codes
from tapdaemon.core import makers
from tapdaemon.core.application import Application
from tapdaemon.errors import SchemaError, TapSealedError, UnloadableError, UsageError
from tapdaemon.persist import images, outside, recipes, redeclare, styles
from tapdaemon.persist.checking import Check, Verdict
from tapdaemon.persist.child import stopped_clock
from tapdaemon.persist.likeness import Alike, Likeness
from tapdaemon.tapfile import fields, folders
from tapdaemon.tapfile.container import TapFile, TapImage, encode
from tapdaemon.tapfile.manifest import Lineage, Recipe, Step
from tapdaemon.tapfile.whole import write_whole

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


@dataclass(frozen=True)
class Made:
    """What was made: where, how large in bytes, the tap itself, and what may surprise on another host."""

    path: str
    size: int
    image: TapImage
    warnings: tuple[str, ...] = ()
    is_sealed: bool = False


@dataclass
class _Parts:
    """An application on its way into a tap."""

    application: Any
    steps: list[Step] = field(default_factory=list)
    python: str | None = None
    code: dict[str, bytes] = field(default_factory=dict)
    folder: str = "/"


def make(request: Request, environ: Mapping[str, str], progress: Progress) -> Made:
    """Make a tap and write it whole.

    :param environ: for SOURCE_DATE_EPOCH.
    :param progress: told each step.
    :raises TapError: with the fact; nothing is written.
    """
    styles.codec(request.style)
    path = _output(request)
    with contextlib.ExitStack() as children:
        check = None if request.no_check else children.enter_context(Check())
        likeness = None
        if request.append is None:
            likeness = children.enter_context(Likeness(lambda: styles.dump(_application(request), "pickle")))
        return _make(request, environ, progress, path, check, likeness)


def _make(
    request: Request,
    environ: Mapping[str, str],
    progress: Progress,
    path: str,
    check: Check | None,
    likeness: Likeness | None,
) -> Made:
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    with stopped_clock(int(fixed)) if fixed.isdigit() else contextlib.nullcontext():
        parts = _gather(request, progress)
    parts.code |= images.collect_code(request.include)
    progress("saving the application")
    alike = likeness.told() if likeness is not None else Alike()
    lineage = Lineage(likeness=alike.digest, time=images.now(environ), writer=images.WRITER)
    recipe = Recipe(tuple(parts.steps), parts.python, parts.folder)
    writable = tuple(os.path.abspath(folder) for folder in request.writable)
    warnings: list[str] = []
    image = images.make(
        parts.application,
        style=request.style,
        recipe=recipe,
        code=parts.code,
        lineage=lineage,
        writable=writable,
        include=not request.no_include,
        warn=warnings.append,
    )
    if check is not None:
        progress("checking it in a fresh process")
        image = _checked(image, check.of(image, alike), request)
    if request.keep_state is not None:
        image = _keep_state(image, request.keep_state, request, progress)
    progress(f"writing {path}")
    try:
        data = encode(image if request.passphrase is None else _sealed(image, request.passphrase))
    except SchemaError as error:
        raise UsageError(error.subject, error.reason, "leave it out of the options") from error
    write_whole(path, data)
    return Made(path, len(data), image, tuple(warnings), request.passphrase is not None)


def _sealed(image: TapImage, passphrase: bytes) -> TapImage:
    from tapdaemon.persist.sealing import Lock, seal

    return seal(image, Lock(passphrase))


def _opened(path: str, request: Request) -> TapImage:
    """A tap that goes into the new one: its owner checked, its seal opened."""
    with TapFile(path, os.geteuid()) as tap:
        image = tap.image()
    if image.manifest.seal is None:
        return image
    if request.passphrase is None:
        raise TapSealedError(path, "it is sealed", "give its passphrase with -e, which seals the new one with the same")
    from tapdaemon.persist.sealing import Lock, unseal

    return unseal(image, Lock(request.passphrase), path)


def _checked(image: TapImage, verdict: Verdict, request: Request) -> TapImage:
    """The tap as it is where its graph is as good as its recipe; else one that keeps the recipe alone.

    :raises UnloadableError: the graph cannot be loaded, and there is no recipe to fall back on.
    """
    if verdict.is_good:
        return image
    if request.append is not None:
        return _only_loadable(image, verdict)
    forced = [f"the graph cannot be loaded: {verdict.failure}"] if verdict.failure else list(verdict.differences)
    return images.without_graph(image, [fields.CONTROL.sub("?", line)[:1000] for line in forced[:100]])


def _only_loadable(image: TapImage, verdict: Verdict) -> TapImage:
    """Of an application that was saved before there is but the graph: it has to load."""
    if verdict.failure:
        raise UnloadableError("the new tap", verdict.failure, "make it anew from its makers")
    return image


def _output(request: Request) -> str:
    path = request.output
    if path is None:
        stem = request.maker or os.path.basename(request.python or request.append or "").rpartition(".")[0]
        path = request.rebuild or stem + folders.SUFFIX
    if not path.endswith(folders.SUFFIX):
        raise UsageError(f"output {path}", f"a tap's file ends in {folders.SUFFIX}", f"name it {path}{folders.SUFFIX}")
    folders.stem(path)
    return path


def _application(request: Request) -> Any:
    return _gather(request, lambda _: None).application


def _gather(request: Request, progress: Progress) -> _Parts:
    from twisted.internet import reactor

    with outside.recorded(reactor) as calls:
        parts = _build(request, progress)
    outside.attach(parts.application, calls)
    return parts


def _build(request: Request, progress: Progress) -> _Parts:
    parts = _start(request, progress)
    if request.maker is not None:
        progress("looking for makers")
        maker = makers.choose(makers.find_makers(), request.maker)
        progress(f"running maker {maker.name}")
        service = makers.make_service(maker, makers.parse_options(maker, request.arguments))
        service.setServiceParent(parts.application)
        parts.steps.append(Step(maker.name, request.arguments))
        parts.folder = os.getcwd()
    _set_process(parts.application, request)
    return parts


def _start(request: Request, progress: Progress) -> _Parts:
    """What the maker's service is added to: a new application, a .tac's, or that of a tap."""
    if request.python is not None:
        progress(f"running {request.python}")
        application, module, source = codes.run_tac(request.python)
        return _Parts(application, python=module, code={f"{module}.py": source}, folder=os.getcwd())
    if request.rebuild is not None:
        return _rebuilt(request.rebuild, request, progress)
    if request.append is not None:
        progress(f"loading {request.append}")
        image = _opened(request.append, request)
        recipe = image.manifest.recipe or Recipe()
        return _Parts(
            images.load(image, request.append),
            steps=list(recipe.steps),
            python=recipe.python,
            code=image.code,
            folder=recipe.folder,
        )
    return _Parts(Application(request.appname or request.maker or "application"))


def _rebuilt(path: str, request: Request, progress: Progress) -> _Parts:
    """The application of a tap's recipe, with the modules that it carries."""
    progress(f"following the recipe of {path}")
    image = _opened(path, request)
    codes.CodeImporter(image.code).install()
    application = recipes.build(image.manifest, path)
    recipe = image.manifest.recipe or Recipe()
    return _Parts(application, list(recipe.steps), recipe.python, dict(image.code), recipe.folder)


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


def _keep_state(image: TapImage, path: str, request: Request, progress: Progress) -> TapImage:
    """Let a base go on from the snapshots of another that differs only in what it declares."""
    progress(f"comparing with {path}")
    older = _opened(path, request)
    fresh = images.load(image, image.manifest.process.name)
    moved = redeclare.differences(images.load(older, path), fresh)
    before = older.manifest.lineage
    # The snapshots of the tap that the older one itself goes on from lack what that one moved, too.
    keeps = tuple(dict.fromkeys((older.manifest.content, *before.keeps)))
    lineage = image.manifest.lineage._replace(keeps=keeps, moved=tuple(dict.fromkeys((*before.moved, *moved))))
    return TapImage(image.manifest._replace(lineage=lineage), image.members)


def describe(made: Made) -> str:
    """The closing line: file, size, addresses, what it keeps."""
    manifest = made.image.manifest
    addresses = ", ".join(listen.address for listen in manifest.needs.listen) or "no declared address"
    keeps = "its graph, with all state"
    if manifest.keeps == "recipe":
        more = f" and {len(manifest.forced) - 1} more" if len(manifest.forced) > 1 else ""
        keeps = f"its recipe, for {manifest.forced[0]}{more} (tapctl show)"
    if manifest.lineage.keeps:
        keeps += ", and goes on from its predecessor's snapshots"
    if made.is_sealed:
        keeps += "; sealed"
    return f"{made.path}: {_size(made.size)}, {addresses}; keeps {keeps}"


def _size(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1024:.0f} KiB"  # noqa: PLR2004 - what reads well
