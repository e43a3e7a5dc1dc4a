"""What is said of a class whose objects hold something of the process that they are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

Fresh = Mapping[str, Callable[[], Any]]
Resumed = Callable[[Any], None]


class Rule(NamedTuple):
    """What the table says of one class."""

    live: bool | None = None
    """Whether its objects are live; None: it does not say, and a base or an interface does."""
    volatile: Fresh = MappingProxyType({})
    """Attributes that belong to the run, with what a fresh object has there."""
    resumed: Resumed | None = None
    """Called on an object that came from a change set, before services start."""


def DROPPED() -> NoReturn:  # noqa: N802 - it stands in tables as a value
    """In the place of what makes a fresh value: the attribute is left out, and the class's default shows."""
    raise AssertionError("an attribute that is left out has no fresh value")
