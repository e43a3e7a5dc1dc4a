"""Saves applications and loads them: references, the object graph, styles.  The only room that unpickles.

Importing it makes `tapdaemon.Application` adaptable to IPersistable.
"""

from tapdaemon.core.application import Application
from tapdaemon.persist.persistable import TapPersistable, load, save

__all__ = ["Application", "TapPersistable", "load", "save"]
