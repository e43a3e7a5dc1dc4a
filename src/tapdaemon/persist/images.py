"""Taps from applications and applications from taps: the payload beside its manifest; it writes no file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.logger import Logger

import tapdaemon
from tapdaemon.core import distributions, needs, tree
from tapdaemon.core.application import is_application
from tapdaemon.errors import NoApplicationError, TapError, UnloadableError, within
from tapdaemon.persist.codec import styles
from tapdaemon.persist.make import outside, provenance
from tapdaemon.persist.rules import gate
from tapdaemon.tapfile.container import TapImage, seal_members
from tapdaemon.tapfile.manifest import Lineage, Manifest, Needs, Process, Recipe, payload_name

log = Logger("tapd")
WRITER = f"tapdaemon {tapdaemon.__version__}"


def now(environ: Mapping[str, str]) -> int:
    """Seconds since the epoch, or what SOURCE_DATE_EPOCH says (reproducible-builds.org)."""
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    return int(fixed) if fixed.isdigit() else int(time.time())


def make(
    application: Any,
    *,
    style: str = "pickle",
    recipe: Recipe | None = None,
    code: Mapping[str, bytes] | None = None,
    lineage: Lineage | None = None,
    writable: tuple[str, ...] = (),
    settings: Mapping[str, str] = MappingProxyType({}),
    modules: Iterable[str] = (),
    include: bool = True,
    warn: Callable[[str], None] = lambda _: None,
) -> TapImage:
    """A base tap of an application, with the modules of its own that it needs.

    :param code: more of them, by their path below code/; what is here is not looked for.
    :param writable: folders outside its state folder that the application writes, absolute.
    :param settings: tapd's options that its makers have set.
    :param modules: that its recipe imports.
    :param include: whether its own modules travel.
    :param warn: told, in a line, what may surprise on another host.
    :raises UnsavableError: with every object that stands in the way.
    """
    from twisted.application.service import IProcess, IService

    from tapdaemon.persist.make import reads, travel

    payload, named = styles.dump(application, style)
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
        needs=Needs(
            listen=needs.listens(application),
            files=reads.files(application),
            writable=writable,
            distributions=travelling.distributions,
            modules=provenance.top_level(needed),
            orphans=travelling.orphans,
        ),
        recipe=recipe,
        lineage=lineage or Lineage(time=now(os.environ), writer=WRITER),
    )
    members = {payload_name(style): payload} | {f"code/{path}": data for path, data in travelling.sources.items()}
    return seal_members(manifest, members)


def snapshot(application: Any, base: TapImage | None, content: str, generation: int) -> TapImage:
    """The shutdown snapshot of an application that was loaded from `base`.

    Process, needs and recipe are the base's, for they are what the administrator declared; the tree is what it has
    become.

    :param content: of the base, see `Manifest.content`.
    :raises UnsavableError: with every object that stands in the way.
    """
    lineage = Lineage("shutdown", base=content, generation=generation, time=int(time.time()), writer=WRITER)
    if base is None:
        return make(application, lineage=lineage)
    if base.manifest.keeps == "graph":
        payload, modules = styles.dump(application, base.manifest.style)
    else:
        from tapdaemon.core import state

        payload, modules = styles.dump_states(state.save_states(application), base.manifest.style), frozenset()
    # Services that were added may be of modules that the base did not know.
    listed = tuple(sorted({*base.manifest.needs.modules, *provenance.top_level(modules)}))
    recorded = dict(base.manifest.needs.distributions)
    here = recorded | distributions.versions(recorded)
    declared = base.manifest.needs._replace(modules=listed, distributions=tuple(sorted(here.items())))
    manifest = base.manifest._replace(needs=declared, services=tree.outline(application), lineage=lineage)
    members = {name: data for name, data in base.members.items() if name.startswith("code/")}
    return seal_members(manifest, members | {payload_name(manifest.style): payload})


def load(image: TapImage, subject: str) -> Any:
    """Make the application of a tap live.  Runs code: the caller has checked who wrote it.

    :param subject: the tap's path, for messages.
    :raises UnloadableError, NoApplicationError: with the reason.
    """
    if image.code:
        from tapdaemon.core.code import CodeImporter

        CodeImporter(image.code).install()
    # Before the graph, for what it leaves in modules is the graph's to overwrite.
    fresh = _fresh(image, subject) if _is_of_other_versions(image) else None
    with within(subject), outside.held_back():
        kept = styles.load(image.payload, image.manifest.style, gate.needed_by(image))
    if image.manifest.keeps == "recipe":
        return _built(image.manifest, kept, subject)
    application = whole(kept, subject)
    if fresh is not None:
        from tapdaemon.persist.make import upgrade

        given = upgrade.complete(application, fresh)
        log.info(
            "{subject} is of other versions; given were {given}", subject=subject, given=", ".join(given) or "nothing"
        )
    return application


def _is_of_other_versions(image: TapImage) -> bool:
    """Whether a graph was saved under other versions than those that are installed here, and can be built anew."""
    manifest = image.manifest
    recipe = manifest.recipe
    if manifest.keeps != "graph" or recipe is None or not (recipe.steps or recipe.python):
        return False
    recorded = dict(manifest.needs.distributions)
    return any(recorded[name] != version for name, version in distributions.versions(recorded).items())


def _fresh(image: TapImage, subject: str) -> Any:
    """The application of the tap's recipe, whose calls to the reactor are thrown away; None where it cannot be built.

    Then the graph has to do, as it is: most graphs do.
    """
    from tapdaemon.persist.make import recipe as recipes
    from tapdaemon.persist.rules import descriptions

    descriptions.watch()
    try:
        with outside.thrown_away():
            return recipes.build(image.manifest, subject)
    except TapError as error:
        log.warn("{subject} is of other versions, and cannot be built anew: {error}", subject=subject, error=str(error))
        return None


def _built(manifest: Manifest, states: Any, subject: str) -> Any:
    """An application that is built from its recipe at each start; its services get back what they keep."""
    from tapdaemon.core import state
    from tapdaemon.persist.make import recipe as recipes

    application = recipes.build(manifest, subject)
    lost = state.restore_states(application, states)
    if lost:
        raise UnloadableError(
            subject,
            f"it keeps the state of services that its recipe no longer makes: {', '.join(lost)}",
            "make the base again as it was",
        )
    return application


def without_graph(image: TapImage, forced: Iterable[str]) -> TapImage:
    """The same tap, to be built from its recipe at each start.

    :param forced: what makes the graph not enough, a line each.
    """
    style = image.manifest.style
    manifest = image.manifest._replace(keeps="recipe", forced=tuple(forced))
    return seal_members(manifest, dict(image.members) | {payload_name(style): styles.dump_states({}, style)})


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


def collect_code(paths: Iterable[str]) -> dict[str, bytes]:
    """The files below the given modules and packages, by their place in code/."""
    return {place: data for path in paths for place, data in provenance.files(path)}
