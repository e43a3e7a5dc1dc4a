"""A bundle as data: a folder of the package's own with this project and all that a tap needs, and the commands in it.

The law: what runs from a bundle finds its modules there first, then those of the host's packages; no .pth file of the
host's is obeyed, for one that makes a namespace package (zope) would hide ours.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tapdaemon.pack.inventory import Entry
from tapdaemon.unit.templates import Places

DEBIAN_FOLDER = "/usr/lib/python3/dist-packages"
LIBRARIES: Mapping[bytes, str] = {
    b"libstdc++.so.6": "libstdc++6",
    b"libgcc_s.so.1": "libgcc-s1",
    b"libz.so.1": "zlib1g",
}
"""What a manylinux wheel may take from the host beside glibc (PEP 600), and Debian's packages of it."""
NAMESPACE = b"""\
__path__ = __import__("pkgutil").extend_path(__path__, __name__)  # ours first, then what the host has of it
"""
_TESTS = re.compile(r"(?:.*/)?_?tests?/")
_GLIBC = re.compile(rb"GLIBC_(\d+(?:\.\d+)+)")
_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Carried:
    """A distribution on its way into a bundle.

    :param files: path below the folder of modules, and content.
    :param terms: the texts of its licence.
    :param package: the Debian package that it came with, if one did.
    """

    name: str
    version: str
    files: Mapping[str, bytes]
    licence: str
    terms: tuple[str, ...]
    package: str | None = None


@dataclass(frozen=True)
class Bundle:
    """What a package carries beside its tap.

    :param carried: the distributions, this project among them.
    :param files: path below the folder of modules, and content.
    :param python: the version of Python they were installed for, major and minor.
    :param host_modules: folders of the host's own packages, which come last.
    """

    carried: tuple[Carried, ...]
    files: Mapping[str, bytes]
    python: tuple[int, int] = (sys.version_info[0], sys.version_info[1])
    host_modules: tuple[str, ...] = ()

    @property
    def is_compiled(self) -> bool:
        """Whether it holds machine code, and so is of one architecture."""
        return any(content.startswith(_ELF) for content in self.files.values())

    @property
    def sources(self) -> tuple[str, ...]:
        """The Debian packages that parts of it came with."""
        return tuple(sorted({one.package for one in self.carried if one.package}))


def of(carried: Iterable[Carried], modules: Iterable[str]) -> Bundle:
    """A bundle of these distributions.  Their tests stay behind, unless the tap names a module among them.

    :param modules: the modules that the tap names.
    """
    named = tuple(module.replace(".", "/") for module in modules)
    found = tuple(carried)
    files = {place: content for one in found for place, content in one.files.items() if not _is_test(place, named)}
    return Bundle(found, _plain(files) | _namespaces(files), host_modules=(DEBIAN_FOLDER, *_of_rpms()))


def _namespaces(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """An __init__.py for each namespace package (PEP 420) at the top.

    Without one Python goes on along its path, and where the host has a zope/__init__.py takes the host's zope for ours.
    """
    roots = {place.partition("/")[0] for place in files if "/" in place and place.endswith((".py", ".so"))}
    return {f"{root}/__init__.py": NAMESPACE for root in sorted(roots) if f"{root}/__init__.py" not in files}


def _of_rpms() -> tuple[str, ...]:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return f"/usr/lib64/{version}/site-packages", f"/usr/lib/{version}/site-packages"


def _is_test(place: str, named: Sequence[str]) -> bool:
    found = _TESTS.match(place)
    return found is not None and not any(name.startswith(found[0].rstrip("/")) for name in named)


def _plain(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Without the first lines that would make modules commands: none of them is one here."""
    return {
        place: content.partition(b"\n")[2] if place.endswith(".py") and content.startswith(b"#!") else content
        for place, content in files.items()
    }


def folder(name: str) -> str:
    """A package's own folder."""
    return f"/usr/lib/{name}"


def modules_folder(name: str) -> str:
    return f"{folder(name)}/modules"


def places(name: str) -> Places:
    """Where its units find the commands."""
    return Places(tapd=f"{folder(name)}/tapd", library=folder(name))


def entries(bundle: Bundle, name: str, tap: str) -> list[Entry]:
    """Everything below the package's own folder, and the generator's hook.

    :param name: the package's.
    """
    here = modules_folder(name)
    found = [Entry(f"{here}/{place}", content) for place, content in bundle.files.items()]
    found.append(Entry(f"{folder(name)}/tapd", _command(bundle, name).encode(), 0o755))
    for step in ("stage", "reload"):
        text = _step(here, f"tapdaemon.unit.{step}", "main()")
        found.append(Entry(f"{folder(name)}/tap-{step}", text.encode(), 0o755))
    ours = places(name)
    call = f"main(places=Places({ours.tapd!r}, {ours.library!r}), only={tap!r})"
    text = _step(here, "tapdaemon.unit.generator", call, "from tapdaemon.unit.templates import Places\n")
    found.append(Entry(f"/usr/lib/systemd/system-generators/{name}", text.encode(), 0o755))
    return found


def _command(bundle: Bundle, name: str) -> str:
    """The bundle's tapd: without the host's .pth files, and with the host's modules behind its own."""
    return (
        "#!/usr/bin/python3 -PS\n"
        "import sys\n\n"
        f"sys.path.insert(0, {modules_folder(name)!r})\n"
        f"sys.path += {list(bundle.host_modules)!r}\n\n"
        "from tapdaemon.cli.tapd import main\n\n"
        "sys.exit(main())\n"
    )


def _step(modules: str, module: str, call: str, more: str = "") -> str:
    """A root step: the standard library and this project's own modules."""
    return (
        "#!/usr/bin/python3 -IS\n"
        "import sys\n\n"
        f"sys.path.append({modules!r})\n\n"
        f"from {module} import main\n{more}\n"
        f"sys.exit({call})\n"
    )


def debian_depends(bundle: Bundle, of_packages: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The range of Pythons, as dh_python3 writes it, and what the compiled parts are linked with.

    :param of_packages: what the Debian packages that parts of it came with depend on.
    """
    major, minor = bundle.python
    found = [f"python3 (<< {major}.{minor + 1})", f"python3 (>= {major}.{minor}~)", "systemd (>= 252)"]
    theirs = [one for package in bundle.sources for one in of_packages.get(package, ()) if one.startswith("lib")]
    compiled = [content for content in bundle.files.values() if content.startswith(_ELF)]
    if compiled and not any(one.startswith("libc6") for one in theirs):
        found.append(f"libc6 (>= {_glibc(compiled)})")
    found += [package for library, package in LIBRARIES.items() if any(library in data for data in compiled)]
    return tuple(dict.fromkeys((*found, *theirs)))


def _glibc(compiled: Iterable[bytes]) -> str:
    """The newest version of glibc that a symbol asks for."""
    versions = {tuple(int(part) for part in found.split(b".")) for data in compiled for found in _GLIBC.findall(data)}
    return ".".join(str(part) for part in max(versions, default=(2, 17)))


def rpm_depends(bundle: Bundle) -> tuple[str, ...]:
    """Fedora's word for the version of Python; what compiled parts need rpm finds itself."""
    major, minor = bundle.python
    return (f"python(abi) = {major}.{minor}", "systemd >= 252")
