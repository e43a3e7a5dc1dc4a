"""Saves applications and loads them: references, the object graph, styles.  The only room that unpickles.

Importing it makes `tapdaemon.Application` adaptable to IPersistable; what that takes is imported on first use, for a
start has no need of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from twisted.persisted.sob import IPersistable
from twisted.python.components import registerAdapter

from tapdaemon.core.application import Application

if TYPE_CHECKING:
    from tapdaemon.persist.persistable import TapPersistable, load, save

__all__ = ["Application", "TapPersistable", "load", "save"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("tapdaemon.persist.persistable"), name)


def _persistable(application: Application) -> Any:
    from tapdaemon.persist.persistable import TapPersistable

    return TapPersistable(application)


registerAdapter(_persistable, Application, IPersistable)
