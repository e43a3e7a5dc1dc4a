"""Ways through an application as people read them: service names, attributes, keys; of live objects and of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROOT = -1
"""The parent of what an application begins with."""
_LONG = 60
_LONGEST = 160
"""Characters of a way in a table: below an object whose way is longer, ways begin with its number."""


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

Table = Sequence[tuple[int, tuple[str, Any], str]]
"""Parent, step and class of each place."""


def text(entries: Table, number: int) -> str:
    """The place of a number in a table of places, whatever a damaged one says."""
    words: list[str] = []
    while 0 <= number < len(entries) and len(words) <= len(entries):
        parent, (step, key), kind = entries[number]
        try:
            words.append(STEPS[step](key, kind))
        except (LookupError, TypeError):
            words.append(f"<{step}>")
        number = parent
    return below("", "".join(reversed(words)))


def below(way: str, step: str) -> str:
    """A way and a step from there: an attribute of a module stands behind its colon."""
    return (way + step).replace(":.", ":")


def names(entries: Table) -> list[str]:
    """The way of every place of a table, no two the same, in a time that grows with the table alone."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for number, (parent, (step, key), kind) in enumerate(entries):
        above = "" if parent == ROOT else found[parent]
        if len(above) > _LONGEST:
            above = f"(place {parent})"
        way = below(above, STEPS[step](key, kind))
        found.append(way if way not in seen else f"{way} #{number}")
        seen[found[-1]] = number
    return found
