"""How a service keeps its own state where the graph is not kept; it knows nothing of taps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zope.interface import Interface

from tapdaemon.core.tree import walk


class IKeepsState(Interface):
    """A service, of an application that is built from its recipe at each start, that has something to keep.

    What is kept lies in the snapshot under the service's path, so the recipe has to give it the same one each time.
    """

    def saveState() -> Any:  # noqa: N802 - a method of an interface has no self
        """Plain data (numbers, texts, lists, dicts), taken after the service stopped, or while it runs."""

    def restoreState(state: Any) -> None:  # noqa: N802, N805 - the same
        """Take back what `saveState` gave, before the service starts."""


def save_states(application: Any) -> dict[str, Any]:
    """What the services keep, by their path."""
    return {path: keeper.saveState() for path, keeper in _keepers(application)}


def restore_states(application: Any, states: dict[str, Any]) -> list[str]:
    """Give the services back what they kept.

    :returns: the paths that have nobody any more; nothing was done about those.
    """
    keepers = dict(_keepers(application))
    for path in states.keys() & keepers.keys():
        keepers[path].restoreState(states[path])
    return sorted(states.keys() - keepers.keys())


def _keepers(application: Any) -> Iterator[tuple[str, Any]]:
    for node in walk(application):
        keeper = IKeepsState(node.service, None)
        if keeper is not None:
            yield node.path, keeper
