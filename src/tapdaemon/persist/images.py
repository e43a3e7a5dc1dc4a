"""Taps from applications and applications from taps: the base, its graph, and its snapshots; it writes no file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.logger import Logger

import tapdaemon
from tapdaemon.core.application import is_application
from tapdaemon.errors import FOREIGN, NoApplicationError, TapError, UnloadableError, UnsavableError, within, words
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.manifest import (
    LeftOut,
    Lineage,
    Listen,
    Manifest,
    Needs,
    Process,
    Recipe,
    changes_name,
    graph_name,
)

log = Logger("tapd")
_NOTHING = Needs()
WRITER = f"tapdaemon {tapdaemon.__version__}"


def now(environ: Mapping[str, str]) -> int:
    """Seconds since the epoch, or what SOURCE_DATE_EPOCH says (reproducible-builds.org)."""
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    return int(fixed) if fixed.isdigit() else int(time.time())


# ---- a base


def make(
    application: Any,
    *,
    style: str = "pickle",
    recipe: Recipe | None = None,
    keep: str = "recipe",
    code: Mapping[str, bytes] | None = None,
    lineage: Lineage | None = None,
    declared: Needs = _NOTHING,
    settings: Mapping[str, str] = MappingProxyType({}),
    modules: Iterable[str] = (),
    forgets: tuple[str, ...] = (),
    include: bool = True,
    warn: Callable[[str], None] = lambda _: None,
) -> TapImage:
    """A base tap of an application, with the modules of its own that it needs.

    :param recipe: how it was made; without one its graph is the base.
    :param keep: ``graph`` makes the graph the base, whatever the recipe is.
    :param code: more modules, by their path below code/; what is here is not looked for.
    :param declared: what it needs beside what its services show.
    :param settings: tapd's options that its makers have set.
    :param modules: that its recipe imports.
    :param include: whether its own modules travel.
    :param warn: told, in a line, what may surprise on another host.
    :raises UnsavableError: the graph is the base, and cannot be saved: with every object that stands in the way.
    """
    from twisted.application.service import IProcess, IService

    from tapdaemon.core import needs, tree
    from tapdaemon.persist.make import provenance, reads, travel

    has_recipe = recipe is not None and bool(recipe.steps or recipe.python)
    base = "recipe" if has_recipe and keep == "recipe" else "graph"
    payload, named, left = graph(application, style)
    if base == "graph" and left:
        raise UnsavableError(f"application {next(tree.walk(application)).path}", list(map(str, left)))
    needed = named | reads.modules(application) | frozenset(modules)
    process = IProcess(application)
    travelling = travel.gather(needed, code or {}, include=include)
    for warning in travelling.warnings:
        warn(warning)
    manifest = Manifest(
        process=Process(
            getattr(process, "processName", None) or IService(application).name or "tap",
            getattr(process, "uid", None),  # a .tas leaves out what was None
            getattr(process, "gid", None),
            tuple(sorted(settings.items())),
        ),
        style=style,
        services=tree.outline(application),
        needs=declared._replace(
            listen=_once((*needs.listens(application), *declared.listen)),
            files=tuple(sorted({*reads.files(application), *declared.files})),
            distributions=travelling.distributions,
            modules=provenance.top_level(needed),
            orphans=travelling.orphans,
        ),
        recipe=recipe if has_recipe else None,
        base=base,
        left_out=left,
        forgets=forgets,
        lineage=lineage or Lineage(time=now(os.environ), writer=WRITER),
    )
    members = {f"code/{path}": data for path, data in travelling.sources.items()}
    if not left:
        members[graph_name(style)] = payload
    return seal_members(manifest, members)


def _once(listens: Iterable[Listen]) -> tuple[Listen, ...]:
    return tuple({one.address: one for one in reversed(list(listens))}.values())[::-1]


def graph(application: Any, style: str) -> tuple[bytes, frozenset[str], tuple[LeftOut, ...]]:
    """An application's objects in a style, the modules that they name, and what of them cannot be saved."""
    from tapdaemon.core import tree
    from tapdaemon.persist.codec import pickling, styles
    from tapdaemon.persist.state import kinds, saving

    codec = styles.codec(style)
    dumped = pickling.dump([application])
    name = next(tree.walk(application)).path
    wanted = {id(one.value): one for one in dumped.left if not one.is_live or kinds.is_closed(one.value)}
    found = [saving.line(place, one.value, one.reason) for place, one in saving.search_application(application, wanted)]
    found += [saving.line(name, one.value, one.reason) for one in wanted.values()]
    found += [LeftOut(name, "", "", reason) for reason in dumped.failed.values()]
    return (b"" if found else codec.encode(dumped.payload)), dumped.modules, tuple(found)


def base(image: TapImage, subject: str) -> Any:
    """The base of a tap, made, and no change set applied.  Runs code: the caller has checked who wrote it.

    :param subject: the tap's path, for messages.
    :raises TapError: with the reason.
    """
    manifest = image.manifest
    if image.code:
        from tapdaemon.core.code import CodeImporter

        path = manifest.recipe.path if manifest.recipe is not None else ""
        origins = {f"{manifest.recipe.python}.py": path} if manifest.recipe is not None and path else {}
        CodeImporter(image.code, origins).install()
    if manifest.base == "recipe":
        from tapdaemon.persist.make import recipe as recipes

        try:
            return recipes.follow(manifest, subject)
        except recipes.MakerGoneError as error:
            if image.graph is None:
                raise
            log.critical(
                "{error}; the base is made from the graph that was saved with it, and its makers do not run",
                error=str(error),
            )
    if image.graph is None:
        raise UnloadableError(subject, "it has no base of its own", "run the file that it is a snapshot of")
    from tapdaemon.persist.codec import styles

    return loaded(styles.codec(manifest.style).decode(image.graph), subject)


def loaded(payload: bytes, subject: str) -> Any:
    """The application in a graph's pickle.  Runs code: the caller has checked who wrote it.

    :raises UnloadableError, NoApplicationError: with the reason.
    """
    from tapdaemon.persist.codec import unpickling

    try:
        (application,) = unpickling.load(payload, _missing)
    except TapError as error:
        error.within(subject)
        raise
    except FOREIGN as error:
        raise UnloadableError(
            subject,
            f"loading its graph failed with {words(error)}",
            "install the versions that wrote it (tapctl show names them), or make the tap again with mktap",
        ) from error
    return whole(application, subject)


def _missing(module: str, name: str, error: BaseException) -> Any:
    """A name of a graph that leads nowhere ends the loading."""
    if isinstance(error, ModuleNotFoundError):
        raise UnloadableError(
            f"{module}.{name}",
            f"no module {error.name}",
            "install the distribution that has it, or put the module in the tap with mktap --include",
        ) from error
    if isinstance(error, AttributeError):
        raise UnloadableError(
            f"{module}.{name}",
            f"it is gone from {module}",
            "install a version that has it, or make the tap anew: mktap --rebuild TAP",
        ) from error
    raise UnloadableError(
        f"{module}.{name}",
        f"importing {module} failed with {words(error)}",
        "the top level of a module, a .tac's too, runs at each start: move what fails into startService",
    ) from error


def whole(application: Any, subject: str) -> Any:
    """Finish loading: run the upgrades of `twisted.persisted.styles.Versioned`, and see that it is an application."""
    persisted = sys.modules.get("twisted.persisted.styles")
    if persisted is not None:  # else no class of the tap can be Versioned
        persisted.doUpgrade()
    if not is_application(application):
        raise NoApplicationError(
            subject,
            f"it holds {type(application).__name__}, which offers no IService, IServiceCollection and IProcess",
            "save what service.Application() or tapdaemon.Application() returned",
        )
    return application


def load(image: TapImage, subject: str) -> Any:
    """The application of a tap: its base, and its change set where it is a snapshot.

    Runs code: the caller has checked who wrote it.

    :raises TapError: with the reason.
    """
    from tapdaemon.persist.codec import styles
    from tapdaemon.persist.state import applying
    from tapdaemon.persist.state.baseline import Baseline

    application = base(image, subject)
    if image.changes is not None:
        payload = styles.codec(image.manifest.style).decode_changes(image.changes)
        with within(subject):
            applying.apply(payload, application, Baseline(application, own_modules(image)))
    return application


def own_modules(image: TapImage) -> tuple[str, ...]:
    """The application's own modules, those that travel in its tap, as far as they are imported."""
    names = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in image.code
        if path.endswith(".py")
    }
    return tuple(sorted(name for name in names if name in sys.modules))


# ---- a snapshot


def prepare() -> None:
    """Import what `snapshot` needs: later the files on disk may be those of a newer version."""
    from tapdaemon.core import distributions
    from tapdaemon.persist.codec import styles
    from tapdaemon.persist.make import provenance
    from tapdaemon.persist.state import saving

    del distributions, styles, provenance, saving


def snapshot(
    application: Any,
    base: TapImage | None,
    content: str,
    changes: Any,
    *,
    generation: int,
    reason: str = "shutdown",
) -> TapImage:
    """The snapshot of an application that was made from `base`: that base, with a change set.

    Process, needs and recipe are the base's, for they are what the administrator declared; the tree is what it has
    become.

    :param base: None for a file that Twisted itself wrote.
    :param content: of the base, see `Manifest.content`.
    :param changes: a `tapdaemon.persist.state.saving.ChangeSet`.
    """
    from tapdaemon.core import distributions, tree
    from tapdaemon.persist.codec import styles
    from tapdaemon.persist.make import provenance

    lineage = Lineage(reason, base=content, generation=generation, time=int(time.time()), writer=WRITER)
    services = tree.outline(application)
    if base is None:
        manifest = Manifest(Process(services[0].path), base="file")
        members: dict[str, bytes] = {}
    else:
        manifest, members = base.manifest, dict(base.members)
        members.pop(changes_name(manifest.style), None)
    # What was added may be of modules that the base did not know.
    listed = tuple(sorted({*manifest.needs.modules, *provenance.top_level(changes.modules)}))
    recorded = dict(manifest.needs.distributions)
    here = recorded | distributions.versions(recorded)
    declared = manifest.needs._replace(modules=listed, distributions=tuple(sorted(here.items())))
    members[changes_name(manifest.style)] = styles.codec(manifest.style).encode_changes(changes.payload)
    return seal_members(
        manifest._replace(needs=declared, services=services, lineage=lineage, left_out=changes.left_out), members
    )


def collect_code(paths: Iterable[str]) -> dict[str, bytes]:
    """The files below the given modules and packages, by their place in code/."""
    from tapdaemon.persist.make import provenance

    return {place: data for path in paths for place, data in provenance.files(path)}
