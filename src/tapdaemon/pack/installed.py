"""Distributions as they are installed here: what each requires, which files it has, on which terms; it packs nothing.

A wheel's RECORD lists its files, and its metadata what it requires.  Debian's packages may keep no RECORD, and lose the
requirements that became the package's Depends, so there the dpkg database is asked for both.  This project itself may
run from its sources, and is what lies beside this file.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution

import tapdaemon
from tapdaemon.core.distributions import normal
from tapdaemon.errors import StartError, UnreadableError, os_reason
from tapdaemon.pack.bundle import DEBIAN_FOLDER, Carried
from tapdaemon.pack.closure import DPKG_INFO, Packages

OURS = "tapdaemon"
RUNNING = ("twisted", "zope.interface", "sdnotify", "python-daemon", "click")
"""What a tap needs to run, beside what it names: this project's own dependencies."""
_TERMS = re.compile(r"(?:.*/)?(?:LICEN[CS]E|COPYING|NOTICE)[^/]*\Z", re.IGNORECASE)
_OF_INSTALLERS = ("console_scripts", "gui_scripts", "distutils", "setuptools", "hatch", "pyinstaller")
"""Groups of entry points that only installers and builders ask for."""
_NAMESPACE = b"__import__('pkg_resources').declare_namespace(__name__)"
_BARE = "debian:"
BUILDING = frozenset(
    {"setuptools", *(f"{_BARE}python3-{name}" for name in ("setuptools", "pkg-resources", "distutils"))}
)
"""Required by distributions for namespace packages (which need none of it), plugins of builders, and entry points of
the time before importlib.metadata.  A tap that names it gets it, and --depends brings the host's.
"""
BUILDING_OF = {"python-daemon": frozenset({"docutils"})}
"""What a distribution requires for its own building: python-daemon before 3."""
_NO_NEED = re.compile(
    # Written by installers, the interpreter or for type checkers; what other files are for, only their owner knows.
    r"(?:.*/)?[^/]*(?:dist|egg)-info/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json|WHEEL|AUTHORS[^/]*|SOURCES\.txt"
    r"|DESCRIPTION[^/]*|top_level\.txt|namespace_packages\.txt|(?:licenses|sboms|license_files)/.*)\Z"
    r"|(?:.*/)?(?:dropin\.cache|[^/]*\.(?:pyc|pyo|pyi|pth))\Z"
    r"|(?:.*/)?__pycache__/.*"
)
_NO_NEED_OF_OURS = re.compile(
    # What Twisted and zope.interface bring, and no program reads: documents, sources, templates of their own build.
    r"(?:twisted|zope)/(?:.*/)?(?:(?:newsfragments|iocpreactor|_pydoctortemplates)/.*|[^/]*\.(?:c|h|pyx|pxd|rst|1|css))\Z"
)


@dataclass(frozen=True)
class Bare:
    """A Debian package that has modules and no distribution: cffi's backend, say."""

    package: str


def closure(distributions: Iterable[str], packages: Packages) -> tuple[list[Distribution | Bare], list[str]]:
    """These, what runs a tap, and what they require, as far as it is installed here; and what of it is not.

    What a distribution requires and this host does without, the tap ran without as well: Debian patches some away.

    :raises StartError: one of `distributions` itself is not here.
    """
    asked = {normal(name) for name in (*distributions, *RUNNING)} - {OURS}
    found: dict[str, Distribution | Bare] = {}
    missing: set[str] = set()
    queue = sorted(asked)
    while queue:
        name = queue.pop()
        if name in found or name in missing:
            continue
        if name.startswith(_BARE):
            found[name] = Bare(name.removeprefix(_BARE))
            queue += _depended(name.removeprefix(_BARE), packages)
            continue
        try:
            found[name] = distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            if name in asked:
                raise StartError(
                    name,
                    "not installed here, so it cannot be bundled",
                    "install it beside tapdaemon, or leave out --bundle",
                ) from error
            missing.add(name)
            continue
        queue += _required(distribution, packages)
    return [found[name] for name in sorted(found)], sorted(missing)


def _required(distribution: Distribution, packages: Packages) -> set[str]:
    """By its metadata; of a Debian package by its Depends, without what the metadata has for extras alone."""
    from packaging.requirements import Requirement

    told = [Requirement(text) for text in distribution.requires or ()]
    found = {normal(one.name) for one in told if one.marker is None or one.marker.evaluate({"extra": ""})}
    package = packages.of.get(normal(distribution.metadata["Name"]))
    if package and _is_debians(distribution):
        found |= _depended(package, packages) - {normal(one.name) for one in told}
    return found - BUILDING - BUILDING_OF.get(normal(distribution.metadata["Name"]), frozenset())


def _depended(package: str, packages: Packages) -> set[str]:
    """The distributions of the packages that a package depends on, and those packages of modules that are bare."""
    depends = {packages.provider(one.partition(" ")[0].partition(":")[0]) for one in packages.depends(package)}
    found = {name for name, other in packages.of.items() if other in depends}
    known = {packages.of[name] for name in found}
    return (found | {_BARE + one for one in depends - known if one.startswith("python3-")}) - BUILDING


def carry(one: Distribution | Bare, packages: Packages, info: str = DPKG_INFO) -> Carried:
    """Read the files of a distribution, or of a package that is none.

    :raises StartError: where its files lie is not known.
    :raises UnreadableError: one of them cannot be read.
    """
    return _carry_bare(one.package, info) if isinstance(one, Bare) else _carry(one, packages, info)


def _carry_bare(package: str, info: str) -> Carried:
    files = {place: _read(path) for place, path in sorted(_of_dpkg(package, info)) if not _is_needless(place)}
    return Carried(package, "", files, "see below", _debian_terms(package), package)


def _is_needless(place: str) -> bool:
    return bool(_NO_NEED.match(place) or _NO_NEED_OF_OURS.match(place))


def _debian_terms(package: str) -> tuple[str, ...]:
    path = f"/usr/share/doc/{package}/copyright"
    return (_read(path).decode("utf-8", "replace"),) if os.path.exists(path) else ()


def _carry(distribution: Distribution, packages: Packages, info: str = DPKG_INFO) -> Carried:
    name = distribution.metadata["Name"]
    package = packages.of.get(normal(name))
    listed = dict(_of_dpkg(package, info)) if package and _is_debians(distribution) else dict(_of_record(distribution))
    files = {place: path for place, path in listed.items() if not _is_needless(place)}
    terms = [path for place, path in listed.items() if _TERMS.match(place) and "-info/" in place]
    texts = tuple(_read(path).decode("utf-8", "replace") for path in sorted(terms))
    return Carried(
        name=name,
        version=distribution.version,
        files={
            place: content
            for place, path in sorted(files.items())
            if path not in terms and not _says_nothing(place, content := _read(path))
        },
        licence=_licence(distribution),
        terms=texts or (_debian_terms(package) if package else ()),
        package=package if _is_debians(distribution) else None,
    )


def _says_nothing(place: str, content: bytes) -> bool:
    """Whether it is a list of entry points of which none is for a program at run time, or an old namespace package.

    The latter asks setuptools to join folders of one name, which Python itself does where there is no __init__.py.
    """
    if place.endswith("/__init__.py"):
        lines = [line.strip() for line in content.splitlines()]
        return [line for line in lines if line and not line.startswith(b"#")] == [_NAMESPACE]
    if not place.endswith("-info/entry_points.txt"):
        return False
    groups = re.findall(r"^\[\s*([^]]*?)\s*]", content.decode("utf-8", "replace"), re.MULTILINE)
    return all(group.startswith(_OF_INSTALLERS) for group in groups)


def ourselves() -> Carried:
    """The project itself, from where it runs."""
    base = os.path.dirname(os.path.abspath(tapdaemon.__file__))
    paths = [os.path.join(folder, name) for folder, _, names in sorted(os.walk(base)) for name in sorted(names)]
    files = {os.path.relpath(path, os.path.dirname(base)): _read(path) for path in paths if path.endswith(".py")}
    metadata = f"Metadata-Version: 2.1\nName: {OURS}\nVersion: {tapdaemon.__version__}\n"
    files[f"{OURS}-{tapdaemon.__version__}.dist-info/METADATA"] = metadata.encode()
    return Carried(OURS, tapdaemon.__version__, files, "MIT", _our_terms())


def _our_terms() -> tuple[str, ...]:
    """Where an installation has them: beside the metadata (PEP 639), or where Debian keeps them."""
    told = importlib.metadata.distribution(OURS).read_text("licenses/LICENSE")
    copyright_file = f"/usr/share/doc/{OURS}/copyright"
    if told is None and os.path.exists(copyright_file):
        told = _read(copyright_file).decode()
    return () if told is None else (told,)


def _is_debians(distribution: Distribution) -> bool:
    return str(distribution.locate_file("")).rstrip("/") == DEBIAN_FOLDER


def _of_record(distribution: Distribution) -> Iterator[tuple[str, str]]:
    if distribution.files is None or _is_editable(distribution):
        raise StartError(
            distribution.metadata["Name"],
            "installed here in a way that lists no files, so it cannot be bundled",
            "install it with pip (not in editable mode), or leave out --bundle",
        )
    for path in distribution.files:
        place = path.as_posix()
        if not place.startswith("../"):  # commands and manual pages: what runs the tap is our own
            yield place, os.fspath(path.locate())


def _is_editable(distribution: Distribution) -> bool:
    told = distribution.read_text("direct_url.json")
    return bool(told) and bool(json.loads(told or "{}").get("dir_info", {}).get("editable"))


def _of_dpkg(package: str, info: str) -> Iterator[tuple[str, str]]:
    """The files below dist-packages that an installed package has."""
    lists = (f"{info}/{package}{more}.list" for more in ("", *(f":{one}" for one in _architectures(package, info))))
    for path in lists:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    place = line.strip()
                    if place.startswith(f"{DEBIAN_FOLDER}/") and os.path.isfile(place):
                        yield place.removeprefix(f"{DEBIAN_FOLDER}/"), place


def _architectures(package: str, info: str) -> list[str]:
    start = f"{package}:"
    return [name.removeprefix(start).removesuffix(".list") for name in os.listdir(info) if name.startswith(start)]


def _licence(distribution: Distribution) -> str:
    """Its short name, as far as the metadata has one."""
    metadata = distribution.metadata
    told = next((metadata[name] for name in ("License-Expression", "License") if name in metadata), "")
    if told and len(told.splitlines()) == 1 and len(told) < 40:  # noqa: PLR2004 - some put the whole text there
        return told
    classifiers = [one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or () if "License ::" in one]
    return classifiers[0] if classifiers else "see below"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {os_reason(error)}", "reinstall what it belongs to") from error
