"""The public names of tapdaemon, imported on first use (PEP 562) so that tools which only look never meet Twisted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapdaemon.persist import Application, load, save

__version__ = "0.1.0"
__all__ = ["Application", "__version__", "load", "save"]

_HOMES = {"Application": "tapdaemon.persist", "load": "tapdaemon.persist", "save": "tapdaemon.persist"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
