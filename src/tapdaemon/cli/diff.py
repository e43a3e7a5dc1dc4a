"""What differs between two taps, as text: manifest, code and graph, in the manner of a unified diff."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tapdaemon.tapfile import changesets, comparison, graphs
from tapdaemon.tapfile.changesets import ChangeSet
from tapdaemon.tapfile.comparison import NOTHING, brief
from tapdaemon.tapfile.container import TapImage
from tapdaemon.tapfile.manifest import Manifest, Recipe


class Change(NamedTuple):
    """One difference, in words.

    :param where: the way through the tree, a key of the manifest, a file of code/.
    :param before: lines that the first has there.
    :param after: lines that the second has there.
    """

    where: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def changes(first: TapImage, second: TapImage, names: tuple[str, str]) -> list[Change]:
    """Everything in which two taps differ, but for their times and lineage.

    :param names: their paths, for messages.
    """
    found = [*_of_manifests(first.manifest, second.manifest), *_of_code(first.code, second.code)]
    roots = [
        graphs.roots(image, name) if image.graph is not None else []
        for image, name in zip((first, second), names, strict=True)
    ]
    if all(roots):
        found += [
            Change(one.way, _words(one.before, one.after), _words(one.after, one.before))
            for one in comparison.differences(*roots)
        ]
    sets = changesets.of(first, names[0]), changesets.of(second, names[1])
    return found + list(_of_changes(sets, [root[0] if root else NOTHING for root in roots]))


def _of_changes(sets: tuple[ChangeSet | None, ChangeSet | None], roots: list[Any]) -> Iterator[Change]:
    """What one change set has and the other has not; what a base has in its place is read off its graph."""
    told = [{} if one is None else {change.way: (one, change) for change in changesets.listed(one)} for one in sets]
    for way in dict.fromkeys([*told[0], *told[1]]):
        sides = [_side(told[side].get(way), told[1 - side].get(way), roots[side]) for side in (0, 1)]
        if sides[0] != sides[1]:
            yield Change(way, sides[0], sides[1])


def _side(own: _Told | None, others: _Told | None, root: Any) -> tuple[str, ...]:
    """What one side has at a place: what changed there, or what its base has."""
    if own is not None:
        return () if own[1].after is NOTHING else (changesets.words(own[1].after),)
    assert others is not None
    held = changesets.in_base(root, *others)
    return () if held is NOTHING else (changesets.words(held),)


_Told = tuple[ChangeSet, changesets.Change]


def _of_manifests(first: Manifest, second: Manifest) -> Iterator[Change]:
    """What the two declare; their files (members, style, seal) and their lineage are no part of the application."""
    one, other = _declared(first), _declared(second)
    for key, before in one.items():
        if before != other[key]:
            yield Change(f"manifest: {key}", before, other[key])


def _declared(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    process, needs, recipe = manifest.process, manifest.needs, manifest.recipe or Recipe(folder="")
    return {
        "name": (process.name,),
        "user": () if process.uid is None else (str(process.uid),),
        "group": () if process.gid is None else (str(process.gid),),
        "with": tuple(f"--{name}={value}" for name, value in process.options),
        "listens on": tuple(f"{one.address} {one.service}".rstrip() for one in needs.listen),
        "files": needs.files,
        "writes": needs.writable,
        "needs": tuple(f"{name} {version}" for name, version in needs.distributions),
        "modules": needs.modules,
        "not in it": needs.orphans,
        "base": (manifest.base,),
        "forgets": manifest.forgets,
        "recipe": tuple(shlex.join([step.maker, *step.arguments]) for step in recipe.steps),
        "Python file": () if recipe.python is None else (recipe.python,),
        "made in": (recipe.folder,),
    }


def _of_code(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> Iterator[Change]:
    for name in sorted({*first, *second}):
        before, after = first.get(name, b""), second.get(name, b"")
        if before == after and (name in first) == (name in second):
            continue
        if name not in first or name not in second:
            sides = [(f"{len(side[name])} bytes",) if name in side else () for side in (first, second)]
            yield Change(f"code/{name}", sides[0], sides[1])
            continue
        lines = (before.decode("utf-8", "replace").splitlines(), after.decode("utf-8", "replace").splitlines())
        for tag, start, end, start_there, end_there in difflib.SequenceMatcher(None, *lines).get_opcodes():
            if tag != "equal":
                at = f"code/{name}:{start + 1}"
                yield Change(at, tuple(lines[0][start:end]), tuple(lines[1][start_there:end_there]))


def _words(node: Any, against: Any) -> tuple[str, ...]:
    if node is NOTHING:
        return ()
    text = brief(node)
    if against is not NOTHING and text == brief(against):
        text += " (shared otherwise)"
    return (text,)


def page(found: list[Change], names: tuple[str, str]) -> str:
    """The changes as a person reads them; empty where there are none."""
    if not found:
        return ""
    lines = [f"--- {names[0]}", f"+++ {names[1]}"]
    for one in found:
        lines += [f"@@ {one.where} @@", *(f"-{text}" for text in one.before), *(f"+{text}" for text in one.after)]
    return "\n".join(lines)
