"""Ways through an application as people read them: service names, attributes, keys; of live objects and of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROOT = -1
"""The parent of what an application begins with."""
_LONG = 60


def of_key(key: Any) -> str:
    """An item of a dict: ``['a']``."""
    shown = repr(key)
    return f"[{shown if len(shown) <= _LONG else shown[: _LONG - 3] + '...'}]"


STEPS: Mapping[str, Callable[[Any, str], str]] = {
    "root": lambda key, _: str(key),
    "application": lambda *_: "application",
    "module": lambda key, _: f"{key}:",
    "class": lambda key, _: str(key),
    "service": lambda key, _: f"/{key}",
    "child": lambda key, _: f"/{key[0]}[{key[1]}]",
    "attribute": lambda key, _: f".{key}",
    "item": lambda key, _: of_key(key),
    "key": lambda key, kind: f"[key {key}: {kind}]",
    "value": lambda key, _: f"[value {key}]",
    "element": lambda key, _: f"[{key}]",
    "member": lambda key, _: f"{{{str(key).rpartition('.')[2]}}}",
    "cell": lambda key, _: f"<{key}>",
    "special": lambda key, _: f".{key}",
}
"""Every kind of step, by its key and the class that it leads to."""


def text(entries: Sequence[tuple[int, tuple[str, Any], str]], number: int) -> str:
    """The place of a number in a table of places.

    :param entries: parent, step and class of each.
    """
    words: list[str] = []
    while number != ROOT:
        parent, (step, key), kind = entries[number]
        words.append(STEPS[step](key, kind))
        number = parent
    return "".join(reversed(words)).replace(":.", ":")
