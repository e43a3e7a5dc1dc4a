"""The service tree: its paths and its outline.  It starts and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from twisted.application.service import IService, IServiceCollection

from tapdaemon.tapfile.fields import TEXT_MAX
from tapdaemon.tapfile.manifest import Service as OutlineLine


class Node(NamedTuple):
    """A service with its path: names from the root, a nameless one shown by class and index."""

    path: str
    service: Any


def walk(application: Any) -> Iterator[Node]:
    """Every service of the tree, parents before children, in the order in which they start."""
    root = IService(application)
    yield from _walk(root, _label(root, 0), set())


def _walk(service: Any, path: str, seen: set[int]) -> Iterator[Node]:
    if id(service) in seen:
        return
    seen.add(id(service))
    yield Node(path, service)
    collection = IServiceCollection(service, None)
    if collection is not None:
        for index, child in enumerate(list(collection)):
            yield from _walk(child, f"{path}/{_label(child, index)}", seen)


def _label(service: Any, index: int) -> str:
    name = getattr(service, "name", None)
    return str(name) if name else f"{type(service).__name__}[{index}]"


def qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def outline(application: Any) -> tuple[OutlineLine, ...]:
    """The tree as a manifest holds it."""
    return tuple(OutlineLine(_shown(node.path), _shown(qualified(type(node.service)))) for node in walk(application))


def _shown(text: str) -> str:
    """A name as a manifest may hold it: an application names its services as it likes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)[:TEXT_MAX]
