"""Imports the application's own modules from memory, as the tap's code/ holds them; of files it reads a .tac alone.

The modules are read once, when the tap is, so replacing the file never touches a running process (zipimport fails
there: "bad local file header").
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from tapdaemon.errors import FOREIGN, NoApplicationError, TapError, UnreadableError, os_reason, words


class CodeImporter(MetaPathFinder, InspectLoader):
    """Finds and loads modules from sources in memory.

    :param sources: path below code/ (``shop/views.py``) to its bytes.
    :param origins: where a source came from, for `__file__` and tracebacks; by default its place in the tap.
    """

    def __init__(self, sources: Mapping[str, bytes], origins: Mapping[str, str] | None = None) -> None:
        self._sources = dict(sources)
        self._origins = dict(origins or {})

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        del path, target
        place = self._place(fullname)
        if place is None:
            return self._namespace(fullname)
        spec = ModuleSpec(fullname, self, origin=self._origin(place), is_package=place.endswith("/__init__.py"))
        spec.has_location = True
        return spec

    def _namespace(self, fullname: str) -> ModuleSpec | None:
        """A folder without __init__.py (PEP 420)."""
        folder = fullname.replace(".", "/") + "/"
        if not any(place.startswith(folder) for place in self._sources):
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [self._origin(folder)]
        return spec

    def get_resource_reader(self, fullname: str) -> Any:
        """Package data, for importlib.resources (`importlib.resources.abc.ResourceReader`)."""
        from tapdaemon.core.resources import reader

        return reader(self._sources, fullname) if self.is_package(fullname) else None

    def is_package(self, fullname: str) -> bool:
        return (self._place(fullname) or "").endswith("/__init__.py")

    def get_source(self, fullname: str) -> str:
        from importlib.util import decode_source

        return decode_source(self._sources[self._require(fullname)])

    def get_code(self, fullname: str) -> CodeType:
        place = self._require(fullname)
        return self.source_to_code(self._sources[place], self._origin(place))

    def exec_module(self, module: ModuleType) -> None:
        # Twisted's tracebacks ask linecache by file name alone.
        linecache.lazycache(self._origin(self._require(module.__name__)), vars(module))
        super().exec_module(module)

    def _require(self, fullname: str) -> str:
        place = self._place(fullname)
        if place is None:
            raise ImportError(f"no module {fullname} in the tap", name=fullname)
        return place

    def _place(self, fullname: str) -> str | None:
        stem = fullname.replace(".", "/")
        return next((place for place in (f"{stem}/__init__.py", f"{stem}.py") if place in self._sources), None)

    def _origin(self, place: str) -> str:
        return self._origins.get(place, f"<tap>/code/{place}")

    def modules_in(self, package: str) -> list[str]:
        """The names of the modules right below a package."""
        places = (place.split("/") for place in self._sources)
        found = [parts[1] for parts in places if len(parts) == 2 and parts[0] == package]  # noqa: PLR2004 - folder, file
        return [f"{package}.{name.removesuffix('.py')}" for name in sorted(found) if name.endswith(".py")]

    def sources_of(self, root: str) -> dict[str, bytes]:
        """What it has of a top-level module or package, by its path below code/."""
        return {
            place: source
            for place, source in self._sources.items()
            if place == f"{root}.py" or place.startswith(f"{root}/")
        }

    def install(self) -> None:
        """Let imports find these modules, before any of the same name on the path."""
        sys.meta_path.insert(0, self)


PLUGINS = "tap_plugins"
"""Where plugin files of the application's own lie below code/: a folder twisted/ there would hide the real one."""


def carried(root: str) -> dict[str, bytes]:
    """The sources of a top-level module that came from a tap or a .tac in this process; empty for any other."""
    for one in sys.meta_path:
        if isinstance(one, CodeImporter) and (found := one.sources_of(root)):
            return found
    return {}


def own_plugins() -> list[str]:
    """The modules of plugins that the installed importers have."""
    importers = [one for one in sys.meta_path if isinstance(one, CodeImporter)]
    return [name for one in importers for name in one.modules_in(PLUGINS)]


def tac_module(path: str) -> str:
    """The module name under which a Python file's application lives: ``site.tac`` is ``tac_site``."""
    import re

    return "tac_" + re.sub(r"\W", "_", os.path.basename(path).removesuffix(".tac").removesuffix(".py"))


def install_tac(path: str) -> tuple[str, bytes]:
    """Let a .tac file be imported as a module of its own, so that what is defined in it has a name to be saved by.

    :returns: the module's name and the file's bytes.
    :raises UnreadableError: with the path.
    """
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {os_reason(error)}", "look at the path of the .tac") from error
    name = tac_module(path)
    place = f"{name}.py"
    CodeImporter({place: source}, {place: os.path.abspath(path)}).install()
    return name, source


def run_tac(path: str, name: str) -> object:
    """Run a .tac file and take its `application`, as ``twistd -y`` does.

    :param name: the module that `install_tac` made of it.
    :raises NoApplicationError: with the path.
    """
    from tapdaemon.core.application import is_application

    try:
        module = importlib.import_module(name)
    except TapError:
        raise
    except FOREIGN as error:
        line = _last_line(error, os.path.abspath(path))
        missing = isinstance(error, ModuleNotFoundError)
        remedy = "install what has it, or put it into the tap with mktap --include" if missing else "mend the file"
        reason = f"it failed at line {line} with {words(error)}"
        raise NoApplicationError(path, reason, remedy) from error
    application = getattr(module, "application", None)
    if not is_application(application):
        found = "has no 'application'" if application is None else f"its 'application' is {application!r}"
        raise NoApplicationError(
            path,
            found,
            "set application = service.Application(NAME) or tapdaemon.Application(NAME) at module level",
        )
    return application


def _last_line(error: BaseException, path: str) -> int | str:
    """The line of `path` that an exception came from."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return error.lineno
    line: int | str = "?"
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
