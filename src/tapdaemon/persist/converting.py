"""Converts taps between styles, seals and opens them, and takes them from and to what stock sob writes.

Between our own styles the graph is read as inert nodes: nothing of it is imported or run, whoever wrote it.  Stock
files have no manifest, so what comes from one or goes to one is loaded, and its owner checked as tapd does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tapdaemon.errors import ContradictionError, TapSealedError, UnknownNameError, UnsavableError, UsageError, within
from tapdaemon.persist import images, sealing, stock
from tapdaemon.tapfile import folders, kinds, trust
from tapdaemon.tapfile.container import TapFile, TapImage, encode, open_tap
from tapdaemon.tapfile.graph import graphs
from tapdaemon.tapfile.manifest import STYLES, Lineage
from tapdaemon.tapfile.whole import replace_whole, write_whole

GUESS = "guess"
KNOWN = (*STYLES, *stock.STYLES)


@dataclass(frozen=True)
class Request:
    """What tapconvert was asked for.

    :param kind: the style that `source` has to be in, or ``guess``.
    :param style: of the output; None for the same, or for a pickle where the input is stock.
    :param passphrase: finds the one that opens a sealed input.
    :param new_passphrase: finds the one that seals the output.
    """

    source: str
    output: str
    kind: str = GUESS
    style: str | None = None
    decrypt: bool = False
    encrypt: bool = False
    passphrase: Callable[[], bytes] = bytes
    new_passphrase: Callable[[], bytes] = bytes


@dataclass(frozen=True)
class Converted:
    """What was written: where, how large in bytes, in which style, and what may surprise on another host."""

    path: str
    size: int
    style: str
    is_sealed: bool = False
    warnings: tuple[str, ...] = ()


def convert(request: Request, environ: Mapping[str, str]) -> Converted:
    """Convert one file.

    :param environ: for SOURCE_DATE_EPOCH.
    :raises TapError: with the fact; nothing is written.
    """
    _check(request)
    kind = kinds.kind(request.source) if request.kind not in stock.STYLES else request.kind
    if request.style in stock.STYLES:
        return _to_stock(request, kind, request.style)
    return _to_tap(request, kind, environ)


def _check(request: Request) -> None:
    """What can be said before any file is opened."""
    if request.kind not in (GUESS, *KNOWN):
        raise UnknownNameError("style", request.kind, KNOWN)
    if request.style is not None and request.style not in KNOWN:
        raise UnknownNameError("style", request.style, KNOWN)
    if request.style in stock.STYLES:
        return
    if not request.output.endswith(folders.SUFFIX):
        raise UsageError(
            f"output {request.output}",
            f"a tap's file ends in {folders.SUFFIX}",
            f"name it {request.output}{folders.SUFFIX}",
        )
    folders.stem(request.output)


def _to_tap(request: Request, kind: str, environ: Mapping[str, str]) -> Converted:
    warnings: list[str] = []
    lineage = Lineage("converted", time=images.now(environ), writer=images.WRITER)
    if kind in stock.STYLES:
        _check_kind(request, kind)
        if request.decrypt:
            raise ContradictionError("-d", f"{request.source} is not sealed", "leave it out")
        payload, status = _trusted(request.source)
        application = stock.load(payload, kind, request.source)
        image = images.make(application, style=request.style or STYLES[0], lineage=lineage, warn=warnings.append)
    else:
        opened, status = _opened(request, None)
        image = _restyled(opened, request, lineage)
    if request.encrypt:
        image = sealing.seal(image, sealing.Lock(request.new_passphrase()))
    data = encode(image)
    _put(request, data, status)
    return Converted(request.output, len(data), image.manifest.style, request.encrypt, tuple(warnings))


def _put(request: Request, data: bytes, status: os.stat_result) -> None:
    """Write the output, its writer's own; in the place of its input, as a snapshot's, it keeps mode and owner.

    :param status: of the input, as it was read.
    """
    if os.path.exists(request.output) and os.path.samefile(request.source, request.output):
        replace_whole(request.output, data, status)
    else:
        write_whole(request.output, data)


def _opened(request: Request, uid: int | None) -> tuple[TapImage, os.stat_result]:
    """The tap that is converted, open, and its file's status.

    :param uid: who is going to obey it; None where nothing of it runs.
    """
    with TapFile(request.source, uid) as file:
        image, status = file.image(), file.status
    _check_kind(request, image.manifest.style)
    if image.manifest.seal is None:
        if request.decrypt:
            raise ContradictionError("-d", f"{request.source} is not sealed", "leave it out")
        return image, status
    if not request.decrypt:
        raise TapSealedError(request.source, "it is sealed", "-d opens it; -d -e seals it with another passphrase")
    return sealing.unseal(image, sealing.Lock(request.passphrase()), request.source), status


def _check_kind(request: Request, found: str) -> None:
    if request.kind not in (GUESS, found):
        raise ContradictionError(f"-f {request.kind}", f"{request.source} is in style {found}", "leave -f out")


def _restyled(image: TapImage, request: Request, lineage: Lineage) -> TapImage:
    """The same application in another style, which goes on from the snapshots that it had."""
    style = request.style or image.manifest.style
    if style == image.manifest.style:
        return image
    made = graphs.restyled(image, style, request.source)
    return made._replace(
        manifest=made.manifest._replace(
            lineage=image.manifest.lineage._replace(
                reason=lineage.reason if not image.manifest.lineage.base else image.manifest.lineage.reason,
                time=lineage.time,
                writer=lineage.writer,
            )
        )
    )


def _trusted(path: str) -> tuple[bytes, os.stat_result]:
    """The bytes of a file that is going to run, and its status."""
    fd = open_tap(path)
    with os.fdopen(fd, "rb") as file:
        status = trust.check(path, fd, os.geteuid())
        return file.read(), status


def _of_graph(image: TapImage, subject: str) -> Any:
    """The application that a tap's graph alone gives: stock Twisted knows no recipe.

    :raises UnsavableError: it has no graph.
    """
    if image.graph is None:
        raise UnsavableError(subject, [str(one) for one in image.manifest.left_out])
    return images.load(image._replace(manifest=image.manifest._replace(base="graph")), subject)


def _to_stock(request: Request, kind: str, style: str) -> Converted:
    if request.encrypt:
        raise ContradictionError("-e", f"stock sob seals nothing, so -t {style} cannot be", "seal a tap")
    if kind in stock.STYLES:
        _check_kind(request, kind)
        payload, status = _trusted(request.source)
        application = stock.load(payload, kind, request.source)
    else:
        image, status = _opened(request, os.geteuid())
        application = _of_graph(image, request.source)
    with within(request.source):
        data = stock.dump(application, style)
    _put(request, data, status)
    return Converted(request.output, len(data), style)
