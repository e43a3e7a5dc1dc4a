"""Makes taps: from makers, from Python files, onto a tap, in place of a tap.  It parses no command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tapdaemon.errors import IncompleteGraphError, SchemaError, UsageError
from tapdaemon.persist import images
from tapdaemon.persist.codec import styles
from tapdaemon.persist.gathering import Parts, Progress, Request, gather
from tapdaemon.persist.state import saving
from tapdaemon.tapfile import folders
from tapdaemon.tapfile.container import TapImage, encode
from tapdaemon.tapfile.manifest import Lineage, Manifest, Needs
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

    :param environ: for SOURCE_DATE_EPOCH, which is the time that the tap names, and no clock of the application's.
    :param progress: told each step.
    :raises TapError: with the fact; nothing is written.
    """
    styles.codec(request.style)
    path = _output(request)
    if request.keep == "graph":
        from tapdaemon.persist import checking

        before = checking.facts()
    parts = gather(request, progress)
    progress("saving the application")
    warnings = parts.reads.warnings(folders.stem(path), request.writable)
    warnings += [str(one) for one in saving.closed(parts.application)]
    image = _image(parts, request, environ, warnings)
    if request.keep == "graph":
        progress("checking the graph in a fresh process")
        _check(checking.of(image, parts.asked, before), path)
    progress(f"writing {path}")
    try:
        data = encode(image if request.passphrase is None else _sealed(image, request.passphrase))
    except SchemaError as error:
        raise UsageError(error.subject, error.reason, "leave it out of the options") from error
    write_whole(path, data)
    return Made(path, len(data), image, tuple(warnings), request.passphrase is not None)


def _image(parts: Parts, request: Request, environ: Mapping[str, str], warnings: list[str]) -> TapImage:
    return images.make(
        parts.application,
        style=request.style,
        recipe=parts.recipe,
        keep=request.keep,
        code=parts.code | images.collect_code(request.include),
        lineage=Lineage(time=images.now(environ), writer=images.WRITER),
        declared=Needs(
            listen=parts.listens,
            files=parts.reads.files,
            writable=tuple(os.path.abspath(folder) for folder in request.writable),
            environment=parts.reads.environment,
        ),
        settings=parts.settings,
        modules=parts.modules,
        forgets=parts.forgets,
        include=not request.no_include,
        warn=warnings.append,
    )


def _check(differences: list[str], path: str) -> None:
    """:raises IncompleteGraphError: the graph alone is not the application."""
    if differences:
        raise IncompleteGraphError(path, differences)


def _sealed(image: TapImage, passphrase: bytes) -> TapImage:
    from tapdaemon.persist.sealing import Lock, seal

    return seal(image, Lock(passphrase))


def _output(request: Request) -> str:
    path = request.output
    if path is None:
        stem = request.maker or os.path.basename(request.python or request.append or "").rpartition(".")[0]
        path = request.rebuild or stem + folders.SUFFIX
    if not path.endswith(folders.SUFFIX):
        raise UsageError(f"output {path}", f"a tap's file ends in {folders.SUFFIX}", f"name it {path}{folders.SUFFIX}")
    folders.stem(path)
    return path


def describe(made: Made) -> str:
    """The closing line: file, size, addresses, how the base is made, what is not kept."""
    manifest = made.image.manifest
    addresses = ", ".join(listen.address for listen in manifest.needs.listen) or "no declared address"
    sealed = "; sealed" if made.is_sealed else ""
    return f"{made.path}: {_size(made.size)}, {addresses}; {how(manifest)}{sealed}"


def how(manifest: Manifest) -> str:
    """How the base is made at each start."""
    if manifest.base == "graph":
        return "each start loads its graph, and resumes what changed in it"
    recipe = manifest.recipe
    what = "its .tac runs" if recipe is not None and recipe.python else "its maker runs"
    without = "; its graph could not be saved (tapctl show)" if manifest.graph is None else ""
    return f"{what} at each start, which resumes what changed{without}"


def _size(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1024:.0f} KiB"  # noqa: PLR2004 - what reads well
