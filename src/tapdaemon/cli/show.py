"""A tap's manifest as a page for people; it opens no file and imports nothing of Twisted."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator, Sequence

from tapdaemon.cli.reporting import printable
from tapdaemon.errors import TapError
from tapdaemon.tapfile.container import TapImage
from tapdaemon.tapfile.graph import graphs, listing
from tapdaemon.tapfile.manifest import Manifest

_WIDTH = 14
SHOWN = 40
"""Lines of changes that a page has at the most."""
READ_MAX = 8 * 2**20
"""Bytes of a change set that is read for a page: to read as many takes some ten seconds."""
_BASES = {
    "recipe": "its recipe is followed at each start",
    "graph": "its graph is loaded at each start",
    "file": "the file that it is a snapshot of",
}


def page(path: str, size: int, manifest: Manifest, changed: Sequence[str] = ()) -> str:
    """Name, process, service tree with addresses, needs, recipe, lineage: a line or a few for each.

    :param changed: what changed, in words, of a snapshot.
    """
    return printable("\n".join([*_lines(path, size, manifest), *_rows("changed", changed)]))


def changes_of(image: TapImage, path: str) -> list[str]:
    """What changed in words, of a snapshot: the first lines of many, and of one that cannot be read the reason."""
    if image.changes is None:
        return []
    if len(image.changes) > READ_MAX:
        return [f"{len(image.changes)} bytes of changes, too many to list here: tapctl show --graph lists them"]
    try:
        found = graphs.changes_of(image, path)
    except TapError as error:
        return [f"what changed cannot be read: {error.reason}"]
    lines = [] if found is None else list(listing.lines(found))
    more = [] if len(lines) <= SHOWN else [f"and {len(lines) - SHOWN} lines more: tapctl show --graph has all"]
    return [*lines[:SHOWN], *more] or ["nothing"]


def _lines(path: str, size: int, manifest: Manifest) -> Iterator[str]:
    process, lineage = manifest.process, manifest.lineage
    yield _row("tap", f"{path} ({size} bytes)")
    yield _row("application", process.name)
    yield _row("runs as", _identity(process.uid, process.gid))
    sealed = "" if manifest.seal is None else f"; sealed with {manifest.seal.cipher}, so most of it does not show here"
    yield from _rows("with", (f"--{name}={value}" for name, value in process.options))
    graph = "; it has no graph beside that" if manifest.base == "recipe" and _is_open_without_graph(manifest) else ""
    yield _row("base", f"{_BASES[manifest.base]}{graph}; in style {manifest.style}{sealed}")
    yield from _rows("services", _services(manifest))
    yield from _rows("listens on", (listen.address for listen in manifest.needs.listen))
    yield from _rows("files", manifest.needs.files)
    yield from _rows("writes", manifest.needs.writable)
    yield from _rows("reads", (f"${name}" for name in manifest.needs.environment))
    yield from _rows("needs", (f"{name} {version}" for name, version in manifest.needs.distributions))
    yield from _rows("not in it", (f"module {name}" for name in manifest.needs.orphans))
    yield from _rows("code", (member.name for member in manifest.members if member.name.startswith("code/")))
    yield from _rows("recipe", _recipe(manifest))
    yield _row("lineage", _lineage(manifest))
    if lineage.base:
        yield _row("over base", lineage.base[:12])
    yield from _rows("forgets", manifest.forgets)
    yield from _rows("left out", map(str, manifest.left_out))
    yield _row("content", manifest.content[:12])


def _is_open_without_graph(manifest: Manifest) -> bool:
    return manifest.graph is None and manifest.seal is None


def _row(name: str, value: str) -> str:
    return f"{name:>{_WIDTH}}  {value}"


def _rows(name: str, values: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for value in values:
        yield _row(name, value)
        name = ""


def _identity(uid: int | str | None, gid: int | str | None) -> str:
    if uid is None and gid is None:
        return "whoever starts it"
    return f"user {uid if uid is not None else '(unchanged)'}, group {gid if gid is not None else '(its own)'}"


def _services(manifest: Manifest) -> Iterator[str]:
    addresses: dict[str, list[str]] = {}
    for listen in manifest.needs.listen:
        addresses.setdefault(listen.service, []).append(listen.address)
    for service in manifest.services:
        where = ", ".join(addresses.get(service.path, ()))
        yield f"{service.path}  {service.type.rpartition('.')[2]}" + (f"  {where}" if where else "")


def _recipe(manifest: Manifest) -> Iterator[str]:
    if manifest.recipe is None:
        return
    if manifest.recipe.python is not None:
        yield f"Python file {manifest.recipe.python}"
    for step in manifest.recipe.steps:
        yield shlex.join([step.maker, *step.arguments])
    yield f"in {manifest.recipe.folder}"


def _lineage(manifest: Manifest) -> str:
    lineage = manifest.lineage
    moment = dt.datetime.fromtimestamp(lineage.time, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    generation = f", generation {lineage.generation}" if lineage.generation else ""
    return f"{lineage.reason} {moment} by {lineage.writer or 'an unknown writer'}{generation}"
