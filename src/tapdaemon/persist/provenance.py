"""Where modules come from: the standard library, an installed distribution, or the application's own folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator

from tapdaemon.errors import UnreadableError, UsageError, os_reason


def top_level(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules a payload names, sorted, without the standard library's and this project's own."""
    return tuple(sorted(module for module in modules if not _is_given(module)))


def _is_given(module: str) -> bool:
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root == "tapdaemon"


def distributions(modules: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Name and version of every installed distribution that provides one of the modules, sorted."""
    roots = {module.partition(".")[0] for module in top_level(modules)}
    provided = _providers()
    names = {name for root in roots for name in provided.get(root, ())}
    return tuple(sorted((name, importlib.metadata.version(name)) for name in names))


def _providers() -> dict[str, list[str]]:
    """Top-level module to distributions.

    Debian's packages may keep neither RECORD nor top_level.txt, and then a distribution provides the module of its
    own name.
    """
    provided = {root: list(names) for root, names in importlib.metadata.packages_distributions().items()}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        provided.setdefault(name.lower().replace("-", "_"), [name])
    return provided


def own_modules(modules: Iterable[str]) -> dict[str, str]:
    """Top-level modules that nothing installed provides, with the file or package folder they come from."""
    found: dict[str, str] = {}
    for root in sorted({module.partition(".")[0] for module in top_level(modules)}):
        spec = importlib.util.find_spec(root)
        origin = spec.origin if spec is not None else None
        if spec is None or not isinstance(origin, str) or not os.path.isfile(origin) or _is_installed(origin):
            continue
        found[root] = os.path.dirname(origin) if spec.submodule_search_locations else origin
    return found


def _is_installed(path: str) -> bool:
    """Whether a file lies where distributions are installed to: every host that has those has it, too."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {*site.getsitepackages(), site.getusersitepackages()}
    return any(os.path.realpath(path).startswith(os.path.realpath(place) + os.sep) for place in places)


def files(path: str) -> Iterator[tuple[str, bytes]]:
    """The files of a module (``shop.py``) or a package folder, with their place in code/.

    :raises UsageError: it is neither.
    :raises UnreadableError: one of them cannot be read.
    """
    given, path = path, os.path.abspath(path)
    base = os.path.dirname(path)
    if os.path.isfile(path):
        names = [path]
    elif os.path.isdir(path):
        names = [
            os.path.join(folder, name)
            for folder, _, entries in sorted(os.walk(path))
            for name in sorted(entries)
            if "__pycache__" not in folder and not name.endswith((".pyc", ".pyo"))
        ]
    else:
        raise UsageError(f"--include {given}", "no such file or folder", "name a module's file or a package's folder")
    for name in names:
        try:
            with open(name, "rb") as file:
                yield os.path.relpath(name, base), file.read()
        except OSError as error:
            raise UnreadableError(
                name, f"cannot be read: {os_reason(error)}", "leave it out, or make it readable"
            ) from error
