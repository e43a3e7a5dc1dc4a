"""What a tap's manifest says once somebody has changed its graph: addresses, files and services follow the nodes.

Only what the nodes of the old graph had shown is taken back, so what no node shows (a service of somebody's own that
listens) stays as the manifest has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapdaemon.tapfile import fields
from tapdaemon.tapfile.container import TapImage
from tapdaemon.tapfile.graph import comparison, graphs, outline
from tapdaemon.tapfile.manifest import Listen


def revised(image: TapImage, before: Sequence[Any], after: Sequence[Any], *, time: int, writer: str) -> TapImage:
    """The tap with its new graph, in the style that it had.

    :param before: the roots of its graph as it was.
    :param after: the roots that somebody has made of them.
    :param time: seconds since the epoch.
    """
    new = graphs.with_roots(image, after, image.manifest.style)
    manifest, needs = new.manifest, new.manifest.needs
    found = outline.services(after[0])
    return new._replace(
        manifest=manifest._replace(
            services=found if outline.services(before[0]) == manifest.services else manifest.services,
            needs=needs._replace(
                listen=_listens(needs.listen, outline.listens(before[0]), outline.listens(after[0])),
                files=_files(needs.files, before, after),
            ),
            # What its recipe alone gives it no longer is.
            base="graph",
            lineage=manifest.lineage._replace(time=time, writer=writer),
        )
    )


def _listens(declared: tuple[Listen, ...], before: Sequence[Listen], after: Sequence[Listen]) -> tuple[Listen, ...]:
    """The declared addresses, with those that were shown before replaced, in their places, by those shown now."""
    gone = [one for one in before if one not in after]
    come = [one for one in after if one not in before]
    found: list[Listen] = []
    for one in declared:
        if one not in gone:
            found.append(one)
        elif come:
            found.append(come.pop(0))
    return (*found, *come)


def _files(declared: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]) -> tuple[str, ...]:
    """The declared files, where a node that had named one names another now."""
    found = list(declared)
    for one in comparison.differences(before, after):
        if isinstance(one.before, str) and isinstance(one.after, str) and one.before in found and _is_path(one.after):
            found[found.index(one.before)] = one.after
    return tuple(dict.fromkeys(found))


def _is_path(text: str) -> bool:
    return text.startswith("/") and ".." not in text.split("/") and not fields.CONTROL.search(text)
