"""What of the application's own code travels in its tap: found from the payload's names and the code's own imports.

Sources are parsed here, never run.  An import inside a `try:` that finds nothing is somebody's option, and is left.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tapdaemon.core.code import carried
from tapdaemon.persist.make import provenance


@dataclass
class Travelling:
    """The outcome.

    :param sources: by their path below code/.
    :param distributions: name and version of what the host has to provide, sorted.
    :param orphans: top-level modules that neither travel nor come with a distribution.
    :param warnings: a line each.
    """

    sources: dict[str, bytes]
    distributions: tuple[tuple[str, str], ...] = ()
    orphans: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


def gather(modules: Iterable[str], given: Mapping[str, bytes], *, include: bool = True) -> Travelling:
    """Everything that the named modules need.

    :param modules: dotted names that the payload imports.
    :param given: sources that travel in any case; what they hold is not looked for.
    :param include: whether the application's other own modules travel as well.
    :raises UnreadableError: one of them cannot be read.
    """
    names = set(modules)
    found = Travelling(dict(given))
    provided = provenance.providers()
    distributions = set(provenance.of_extras(names))
    orphans: dict[str, str] = {}
    queue = sorted({name.partition(".")[0] for name in names} | _roots(found.sources))
    queue += sorted(set(_imports(found.sources, found.warnings)) - set(queue))
    seen: set[str] = set()
    while queue:
        root = queue.pop(0)
        if root in seen or root in _roots(found.sources):
            continue
        seen.add(root)
        if include and (sources := carried(root)):
            found.sources |= sources
            queue += _imports(sources, found.warnings)
            continue
        origin = provenance.origin(root, provided)
        if origin.kind == "installed":
            distributions |= set(origin.distributions)
        elif origin.kind == "orphan":
            orphans[root] = origin.reason
        elif origin.kind == "own" and include:
            own = dict(provenance.files(origin.path))
            found.sources |= own
            queue += _imports(own, found.warnings)
        elif origin.kind == "own":
            orphans[root] = "--no-include leaves it out"
    found.distributions = _versions(distributions)
    found.orphans = tuple(sorted(orphans))
    found.warnings += [_orphan(root, reason) for root, reason in sorted(orphans.items())]
    return found


def _roots(sources: Mapping[str, bytes]) -> set[str]:
    return {place.partition("/")[0].removesuffix(".py") for place in sources}


def _versions(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    from importlib.metadata import version

    return tuple(sorted((name, version(name)) for name in names))


def _orphan(root: str, reason: str) -> str:
    return (
        f"module {root} does not travel: {reason}; "
        "the tap runs only where it can be imported: make a distribution of it and install that there"
    )


def _imports(sources: Mapping[str, bytes], warnings: list[str]) -> Iterator[str]:
    """The top-level modules that sources import, in any of their lines; and a warning for what cannot work in a tap."""
    for place, source in sources.items():
        if not place.endswith(".py"):
            continue
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            warnings.append(f"code/{place} is no Python that this version reads: {error}")
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]
            elif isinstance(node, ast.Name) and node.id == "__file__":
                warnings.append(
                    f"{place}:{node.lineno} uses __file__, which names no file once it is in a tap: "
                    "read data with importlib.resources"
                )
