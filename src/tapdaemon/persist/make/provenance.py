"""Where modules come from: the standard library, an installed distribution, the application's own folder, or nowhere.

It looks modules up and imports none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from typing import NamedTuple

from tapdaemon.core.distributions import normal
from tapdaemon.errors import UnreadableError, UsageError, os_reason

EXTRAS: Mapping[str, tuple[str, str]] = {
    "twisted.conch": ("twisted", "conch"),
    "twisted.internet.ssl": ("twisted", "tls"),
    "twisted.internet._sslverify": ("twisted", "tls"),
}
"""Modules that work only with an extra of their distribution."""


class Origin(NamedTuple):
    """Where a top-level module comes from.

    :param kind: ``given`` (the standard library, this project), ``installed``, ``own``, ``orphan`` or ``absent``.
    :param distributions: that provide it, where it is installed.
    :param path: of its file or package folder, where it is the application's own.
    :param reason: why it cannot travel, where it is an orphan.
    """

    kind: str
    distributions: tuple[str, ...] = ()
    path: str = ""
    reason: str = ""


def top_level(modules: Iterable[str]) -> tuple[str, ...]:
    """The modules a payload names, sorted, without the standard library's and this project's own."""
    return tuple(sorted(module for module in modules if not _is_given(module)))


def _is_given(module: str) -> bool:
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in ("tapdaemon", "__main__")


def origin(root: str, providers: Mapping[str, list[str]]) -> Origin:
    """Where a top-level module comes from.

    :param providers: see `providers`.
    """
    import importlib.util

    if _is_given(root):
        return Origin("given")
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return Origin("absent")
    folders = list(spec.submodule_search_locations or ())
    path = spec.origin if isinstance(spec.origin, str) and os.path.isfile(spec.origin) else ""
    place = path or (folders[0] if folders else "")
    if not place:
        return Origin("given")  # built in, or from a tap's code/ already
    if root in providers and is_installed(place):
        return Origin("installed", tuple(providers[root]))
    reason = _fixed(place, path, folders)
    if reason:
        return Origin("orphan", path=place, reason=reason)
    return Origin("own", path=os.path.dirname(path) if path and folders else place)


def _fixed(place: str, path: str, folders: list[str]) -> str:
    """Why a module of no distribution cannot travel, if it cannot."""
    if is_installed(place):
        return "no installed distribution has it"
    names = _walk(folders) if folders else iter((path,))
    compiled = next((name for name in names if name.endswith(tuple(EXTENSION_SUFFIXES))), None)
    return f"{compiled} is machine code, which cannot be imported from a tap" if compiled else ""


def is_own(module: str) -> bool:
    """Whether an imported module is the application's own: from a tap's code/, or from no place of installed ones."""
    from tapdaemon.core.code import CodeImporter

    found = sys.modules.get(module)
    if found is None or _is_given(module):
        return False
    path = getattr(found, "__file__", None) or ""
    return isinstance(getattr(found, "__loader__", None), CodeImporter) or (
        os.path.isfile(path) and not is_installed(path)
    )


def _walk(folders: Iterable[str]) -> Iterator[str]:
    return (os.path.join(at, name) for folder in folders for at, _, names in os.walk(folder) for name in names)


def providers() -> dict[str, list[str]]:
    """Top-level module to distributions.

    Debian's packages may keep neither RECORD nor top_level.txt, and then a distribution provides the module of its
    own name.
    """
    import importlib.metadata

    provided = {root: list(names) for root, names in importlib.metadata.packages_distributions().items()}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        provided.setdefault(name.lower().replace("-", "_"), [name])
        # Debian writes zope.interface's only as the distribution's own name.
        provided.setdefault(name.partition(".")[0], [name])
    return provided


def of_extras(modules: Iterable[str]) -> Iterator[str]:
    """The distributions that extras of others ask for, as far as this process has imported them.

    An extra names more than most applications use, and what was not imported while this one was made is not missed.
    """
    found = {
        extra
        for module in modules
        for prefix, extra in EXTRAS.items()
        if module == prefix or module.startswith(f"{prefix}.")
    }
    if not found:
        return
    import importlib.metadata

    from packaging.requirements import Requirement

    provided = providers()
    imported = {name.lower() for root in list(sys.modules) if "." not in root for name in provided.get(root, ())}
    for distribution, extra in sorted(found):
        for text in importlib.metadata.requires(distribution) or ():
            one = Requirement(text)
            if one.marker is not None and "extra" in str(one.marker) and one.marker.evaluate({"extra": extra}):
                name = next((name for name in imported if normal(name) == normal(one.name)), None)
                if name is not None:
                    yield importlib.metadata.distribution(name).metadata["Name"]


def is_installed(path: str) -> bool:
    """Whether a file lies where distributions are installed to: every host that has those has it, too."""
    real = os.path.realpath(path)
    return any(real.startswith(place) for place in _places())


@cache
def _places() -> tuple[str, ...]:
    """Where distributions are installed to, with a slash at the end."""
    import site
    import sysconfig

    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(os.path.realpath(place) + os.sep for place in places)


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
