"""The installed distributions by name and version, within the standard library; it imports none of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable


def normal(distribution: str) -> str:
    """A distribution's name as PyPI compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def versions(names: Iterable[str]) -> dict[str, str]:
    """The installed versions of distributions, as far as a folder of metadata tells; a start has no time for more.

    A folder's name has the version (`importlib.metadata` reads each one's METADATA, and takes 20 ms to be imported).
    """
    wanted = {normal(name): name for name in names}
    found: dict[str, str] = {}
    for place in sys.path if wanted else ():
        try:
            entries = os.listdir(place or ".")
        except OSError:
            continue
        for entry in entries:
            stem, _, kind = entry.rpartition(".")
            name, _, version = stem.partition("-")
            known = wanted.get(normal(name))
            if kind in ("dist-info", "egg-info") and known is not None and version:
                found.setdefault(known, version.partition("-py")[0])
    return found
