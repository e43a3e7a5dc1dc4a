"""From the distributions that a tap needs to the packages that have them; it installs nothing.

The order is dh-python's: its own table where present, then the dpkg database of this machine, then python3-NAME where
apt knows such a package.  A version bound stands only where something needs it: a tap made under the newest Twisted
serves under an older one (its manifest has the recipe), so none is written for the application's own modules.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tapdaemon.core.distributions import normal
from tapdaemon.errors import StartError, TapError

TABLE = "/usr/share/dh-python/dist/cpython3_fallback"
DPKG_INFO = "/var/lib/dpkg/info"
# Twisted's own floor and what a tap's loader always has: named here so that a host without dh-python knows them.
COMMON: Mapping[str, str] = {
    "twisted": "python3-twisted",
    "zope-interface": "python3-zope.interface",
    "pyopenssl": "python3-openssl",
    "service-identity": "python3-service-identity",
    "python-daemon": "python3-daemon",
    "click": "python3-click",
    "sdnotify": "python3-sdnotify",
}


@dataclass(frozen=True)
class Host:
    """What is known here of Debian's packages.

    :param table: distribution to package, by dh-python.
    :param installed: distribution to package, by the dpkg database.
    :param known: whether apt knows a package; None where there is no apt to ask.
    """

    table: Mapping[str, str]
    installed: Mapping[str, str]
    known: Callable[[str], bool | None]


@dataclass(frozen=True)
class Packages:
    """What the dpkg database knows; nothing where there is none.

    :param of: distribution to package.
    :param depends: package to what it depends on.
    :param provider: of a virtual package, the installed one; of any other itself.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    depends: Callable[[str], Sequence[str]] = lambda _: ()
    provider: Callable[[str], str] = str


def this_host(table: str = TABLE, info: str = DPKG_INFO) -> Host:
    """What this machine knows."""
    return Host(Late(lambda: _read_table(table)), Installed(info), _apt_knows)


class Late(Mapping[str, str]):
    """A mapping that is read when it is first asked: most taps need neither table nor database."""

    def __init__(self, read: Callable[[], Mapping[str, str]]) -> None:
        self._read = read

    @functools.cached_property
    def _all(self) -> Mapping[str, str]:
        return self._read()

    def __getitem__(self, name: str) -> str:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


class Installed(Late):
    """Distribution to package, by the dpkg database; the package of the distribution's own name is looked at first."""

    def __init__(self, info: str) -> None:
        super().__init__(lambda: _read_dpkg(info))
        self._info = info

    def __getitem__(self, name: str) -> str:
        package = f"python3-{name}"
        if name in _distributions(os.path.join(self._info, f"{package}.list")):
            return package
        return self._all[name]


def _read_table(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file]
    except OSError:
        return {}
    return {normal(parts[0]): parts[1] for parts in lines if len(parts) >= 2 and not parts[0].startswith("#")}  # noqa: PLR2004 - name and package


_METADATA = re.compile(r"/usr/lib/python3/dist-packages/([^/]+?)-[^-/]+(?:-py[0-9.]+)?\.(?:dist|egg)-info(?:/|\Z)")


def _read_dpkg(info: str) -> dict[str, str]:
    """Every distribution that an installed package has, as `dpkg -S` on its metadata would tell."""
    found: dict[str, str] = {}
    try:
        names = [name for name in os.listdir(info) if name.startswith("python3-") and name.endswith(".list")]
    except OSError:
        return found
    for name in names:
        for distribution in _distributions(os.path.join(info, name)):
            found[distribution] = name.removesuffix(".list").partition(":")[0]
    return found


def _distributions(path: str) -> set[str]:
    """The distributions that a package's list of files tells of; none where there is no such package."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return set()
    return {normal(match[1]) for line in lines if (match := _METADATA.match(line))}


def _apt_knows(package: str) -> bool | None:
    try:
        told = subprocess.run(  # noqa: S603 - the name is a package's
            ["apt-cache", "--quiet=2", "show", "--no-all-versions", "--", package],  # noqa: S607 - the PATH's
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.returncode == 0 and bool(told.stdout)


def debian_packages(distributions: Iterable[str], host: Host) -> tuple[str, ...]:
    """The packages that have these distributions, sorted.

    :raises TapError: some can't be named; all of them, with the ways out.
    """
    found, unnamed = set(), []
    for distribution in distributions:
        package = _package(normal(distribution), host)
        if package is None:
            unnamed.append(distribution)
        else:
            found.add(package)
    if unnamed:
        raise unnameable(unnamed)
    return tuple(sorted(found))


def debian_depends(host: Host) -> Callable[[list[str], str, Sequence[str]], tuple[str, ...]]:
    """Names what a package depends on; what is given stands for all that cannot be named."""

    def depends(distributions: list[str], ours: str, given: Sequence[str]) -> tuple[str, ...]:
        named = nameable(distributions, host) if given else debian_packages(distributions, host)
        return (ours, *named, *given)

    return depends


def depends_of(package: str) -> tuple[str, ...]:
    """What an installed Debian package depends on, as its control file has it."""
    told = _ask_dpkg("${Depends}", package)
    return tuple(part.strip() for part in told.split(",") if part.strip())


@functools.cache
def _ask_dpkg(form: str, pattern: str) -> str:
    """dpkg-query(1) of installed packages; nothing where there is no dpkg."""
    try:
        told = subprocess.run(  # noqa: S603 - the words are ours and a package's name
            ["dpkg-query", "-W", "-f", form, pattern],  # noqa: S607 - the PATH's
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout


def provider_of(package: str) -> str:
    """The installed package that provides a virtual one (deb-control(5), Provides); itself where none does."""
    told = _ask_dpkg("${Package}\t${Provides}\n", "python3-*") if package.startswith("python3-") else ""
    for line in told.splitlines():
        name, _, provides = line.partition("\t")
        if name == package:
            return package
        if package in {one.strip().partition(" ")[0] for one in provides.split(",")}:
            return name
    return package


def nameable(distributions: Iterable[str], host: Host) -> tuple[str, ...]:
    """The packages of those distributions that can be named, sorted."""
    found = (_package(normal(distribution), host) for distribution in distributions)
    return tuple(sorted({package for package in found if package is not None}))


def _package(distribution: str, host: Host) -> str | None:
    named = host.installed.get(distribution) or host.table.get(distribution) or COMMON.get(distribution)
    if named is not None:
        return named
    guess = f"python3-{distribution.removeprefix('python-')}"
    return None if host.known(guess) is False else guess


def unnameable(distributions: Iterable[str]) -> TapError:
    return StartError(
        ", ".join(sorted(distributions)),
        "no Debian package is known to have it",
        "say which one does with --depends PACKAGE, which stands for all that cannot be named",
    )
