"""What an application says itself of its state: `tapdaemon.keeps` and `tapdaemon.forgets` overrule the four moments."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

KEEPS, FORGETS = "keeps", "forgets"
_SAID: dict[int, tuple[Callable[[], Any], dict[str, str]]] = {}
"""By the identity of an object: a way to it, and what was said of its attributes."""


def keeps(owner: Any, *attributes: str) -> None:
    """Say that these attributes are state, as they stand when the services have stopped, whoever changed them.

    :param owner: a service, or any object of the application; say it in its ``__init__``.
    :param attributes: names, as in ``tapdaemon.keeps(self, "saved")``.
    :raises TypeError: none was named, or one is no text.
    """
    _say(owner, attributes, KEEPS)


def forgets(owner: Any, *attributes: str) -> None:
    """Say that these attributes belong to the run: no snapshot keeps what changed in them.

    :param owner: a service, or any object of the application; say it in its ``__init__``.
    :param attributes: names.
    :raises TypeError: none was named, or one is no text.
    """
    _say(owner, attributes, FORGETS)


def _say(owner: Any, attributes: Iterable[str], word: str) -> None:
    names = tuple(attributes)
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"tapdaemon.{word} takes an object and the names of its attributes, not {names!r}")
    said = _of(owner)
    if said is None:
        said = {}
        _SAID[id(owner)] = (_way_to(owner), said)
    said.update(dict.fromkeys(names, word))


def _way_to(owner: Any) -> Callable[[], Any]:
    """A weak reference, so that nothing lives longer for what was said of it; a strong one where there can be none."""
    identity = id(owner)
    try:
        return weakref.ref(owner, lambda _: _SAID.pop(identity, None))
    except TypeError:
        return lambda: owner


def _of(owner: Any) -> dict[str, str] | None:
    way, said = _SAID.get(id(owner), (None, {}))
    return said if way is not None and way() is owner else None


def all_said() -> Iterator[tuple[Any, str, str]]:
    """Everything that was said: the object, the attribute, and `KEEPS` or `FORGETS`."""
    for way, said in list(_SAID.values()):
        owner = way()
        if owner is not None:
            yield from ((owner, name, word) for name, word in said.items())


def said_of(owner: Any) -> dict[str, str]:
    """What was said of an object's attributes, by name: `KEEPS` or `FORGETS`."""
    return (_of(owner) or {}) if _SAID else {}
