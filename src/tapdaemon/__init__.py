"""The public names of tapdaemon, imported on first use (PEP 562) so that tools which only look never meet Twisted."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapdaemon.persist import Application, load, save
    from tapdaemon.persist.rules.live import register
    from tapdaemon.persist.state.words import forgets, keeps

__version__ = "0.1.0"
__all__ = ["Application", "__version__", "forgets", "keeps", "load", "register", "save"]

_HOMES = {
    "Application": "tapdaemon.persist",
    "forgets": "tapdaemon.persist.state.words",
    "keeps": "tapdaemon.persist.state.words",
    "load": "tapdaemon.persist",
    "register": "tapdaemon.persist.rules.live",
    "save": "tapdaemon.persist",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
