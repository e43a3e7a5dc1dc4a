"""What differs between two taps, as text: manifest, code and graph, in the manner of a unified diff."""

from __future__ import annotations

import difflib
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tapdaemon.tapfile.container import TapImage
from tapdaemon.tapfile.graph import comparison, graphs, listing
from tapdaemon.tapfile.graph.changesets import ChangeSet
from tapdaemon.tapfile.graph.comparison import NOTHING, Way, words
from tapdaemon.tapfile.graph.listing import BaseGraph
from tapdaemon.tapfile.graph.nodes import Group
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
    sets = graphs.changes_of(first, names[0]), graphs.changes_of(second, names[1])
    return found + list(_of_changes(sets, [root[0] if root else NOTHING for root in roots]))


def _of_changes(sets: tuple[ChangeSet | None, ChangeSet | None], roots: list[Any]) -> Iterator[Change]:
    """What one change set has and the other has not; what a base has in its place is read off its graph."""
    told = [{} if one is None else _by_way(listing.listed(one)) for one in sets]
    entries = [[] if one is None else one.entries for one in sets]
    # What a side that has no change has there is told by its own graph, at the places of the other side.
    bases = [BaseGraph(root, entries[1 - side]) for side, root in enumerate(roots)]
    both: list[tuple[Any, Any, Way]] = []
    for at in dict.fromkeys([*told[0], *told[1]]):
        (way, _), first, second = at, told[0].get(at), told[1].get(at)
        if first is not None and second is not None:
            if first.after is not NOTHING or second.after is not NOTHING:
                both.append((first.after, second.after, Way(way)))
        elif first is not None:
            yield Change(way, *_sides(bases[1].at(first), first.after)[::-1])
        elif second is not None:
            yield Change(way, *_sides(bases[0].at(second), second.after))
    for one in comparison.between(both):
        yield Change(one.way, _words(one.before, one.after), _words(one.after, one.before))


def _by_way(changes: Iterable[listing.Change]) -> dict[tuple[str, int], listing.Change]:
    """By way, and a number: ways that look alike are told apart by their order."""
    counts: Counter[str] = Counter()
    found = {}
    for one in changes:
        counts[one.way] += 1
        found[one.way, counts[one.way]] = one
    return found


def _sides(before: Any, after: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of a base and of what changed in it; of two lists, those of the elements that only one has."""
    if isinstance(before, Group) and isinstance(after, Group) and before.kind == after.kind == "list":
        lines = _only(before.items, after.items), _only(after.items, before.items)
        return lines if any(lines) else (("its elements",), ("the same in another order",))
    if after is NOTHING:
        return ("something that the graph does not show" if before is NOTHING else words(before),), ()
    first, second = () if before is NOTHING else (words(before),), (words(after),)
    return first, second if first != second else (f"{second[0]} (another)",)


def _only(items: list[Any], others: list[Any]) -> tuple[str, ...]:
    """The items that the others are not, by what can be seen of each; the first few of many."""
    rest = Counter(map(words, others))
    found = []
    for text in map(words, items):
        if rest[text]:
            rest[text] -= 1
        else:
            found.append(text)
    return tuple(found) if len(found) <= _MANY else (*found[:_MANY], f"... and {len(found) - _MANY} more")


_MANY = 20
"""Elements of a list that are told one by one."""


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
        "left out": tuple(map(str, manifest.left_out)),
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
    text = words(node)
    if against is not NOTHING and text == words(against):
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
