"""Makes taps: from makers, from Python files, onto a tap, in place of a tap.  It parses no command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from tapdaemon.errors import SchemaError, UnloadableError, UsageError
from tapdaemon.persist import images
from tapdaemon.persist.codec import styles
from tapdaemon.persist.make import redeclare
from tapdaemon.persist.make.checking import Check, Verdict
from tapdaemon.persist.make.child import stopped_clock
from tapdaemon.persist.make.gathering import Progress, Request, application, gather, opened
from tapdaemon.persist.make.likeness import Alike, Likeness
from tapdaemon.tapfile import fields, folders
from tapdaemon.tapfile.container import TapImage, encode
from tapdaemon.tapfile.manifest import Lineage, Recipe
from tapdaemon.tapfile.whole import write_whole


@dataclass(frozen=True)
class Made:
    """What was made: where, how large in bytes, the tap itself, and what may surprise on another host."""

    path: str
    size: int
    image: TapImage
    warnings: tuple[str, ...] = ()
    is_sealed: bool = False


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
            likeness = children.enter_context(Likeness(lambda: styles.dump(application(request), "pickle")))
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
        parts = gather(request, progress)
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
        settings=parts.settings,
        modules=parts.modules,
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


def _keep_state(image: TapImage, path: str, request: Request, progress: Progress) -> TapImage:
    """Let a base go on from the snapshots of another that differs only in what it declares."""
    progress(f"comparing with {path}")
    older = opened(path, request)
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
