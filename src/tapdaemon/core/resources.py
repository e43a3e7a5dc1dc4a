"""Package data of modules that live in memory, as importlib.resources asks for it; loaded when somebody asks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from importlib.resources.abc import Traversable, TraversableResources
from typing import cast


class _Reader(TraversableResources):
    """The files of one package."""

    def __init__(self, folder: Traversable) -> None:
        self._folder = folder

    def files(self) -> Traversable:
        return self._folder


def reader(sources: Mapping[str, bytes], package: str) -> TraversableResources:
    """A reader of what lies beside a package's modules.

    The standard library knows one tree of files that are on no disk, and that is a zip's (`zipfile.Path`).

    :param sources: path to content.
    """
    folder = package.replace(".", "/") + "/"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for place, content in sources.items():
            if place.startswith(folder):
                archive.writestr(place, content)
    return _Reader(cast(Traversable, zipfile.Path(zipfile.ZipFile(buffer), folder)))
