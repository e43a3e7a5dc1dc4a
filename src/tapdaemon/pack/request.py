"""What a packager was asked for, made into a package: the tap opened, checked, and never loaded."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tapdaemon.errors import StartError, UsageError
from tapdaemon.pack import bundle, package, readme, tools
from tapdaemon.pack.bundle import Bundle
from tapdaemon.pack.closure import Packages
from tapdaemon.pack.package import Package
from tapdaemon.tapfile import folders
from tapdaemon.tapfile.container import TapFile, TapImage
from tapdaemon.tapfile.manifest import Manifest

Progress = Callable[[str], None]
Depends = Callable[[list[str], str, Sequence[str]], tuple[str, ...]]
"""From distributions, this project as a dependency, and what was given, to what stands in the package."""
# deb-control(5), of one alternative: a name, and a version in parentheses.
_DEPENDS = re.compile(r"[a-z0-9][a-z0-9+.-]+(:any)?( \((<<|<=|=|>=|>>) [0-9A-Za-z.+~:-]+\))?\Z")
_WRITER = re.compile(r"tapdaemon ([0-9][0-9A-Za-z.+~]*)\Z")
_PRIVATE_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True)
class Request:
    """The options of a packager, as given.

    :param tap: path of the tap.
    :param protocol: the name's second half, where it is not the tap's own.
    :param depends: packages that stand for what cannot be named.
    :param bundle: put what the tap needs into the package, from what is installed here.
    """

    tap: str
    protocol: str | None = None
    maintainer: str | None = None
    summary: str | None = None
    description: str | None = None
    version: str = "1.0"
    depends: tuple[str, ...] = ()
    bundle: bool = False


@dataclass(frozen=True)
class Words:
    """What differs between package managers.

    :param depends: names what a package depends on.
    :param bundled: the same of one with a bundle.
    :param architecture: of this machine.
    :param neutral: of a package that fits all machines.
    :param packages: what is known of Debian's packages.
    """

    depends: Depends
    bundled: Callable[[Bundle], tuple[str, ...]]
    architecture: Callable[[], str]
    neutral: str
    packages: Packages


@dataclass(frozen=True)
class Prepared:
    """A package, and what its maker should know of it."""

    package: Package
    warnings: tuple[str, ...]


def prepare(
    request: Request, environ: Mapping[str, str], words: Words, git: Sequence[str], progress: Progress
) -> Prepared:
    """Read the tap's manifest and make a package of it.

    :param environ: for DEBFULLNAME, DEBEMAIL and SOURCE_DATE_EPOCH.
    :param words: of the package manager.
    :raises TapError: the tap is not trusted or not whole, or what is asked for cannot be.
    """
    name = package.check_name(request.protocol or folders.stem(request.tap))
    version = package.check_version(request.version)
    for one in request.depends:
        if not _DEPENDS.match(one):
            raise UsageError(f"--depends {one!a}", "no package's name", "write it as NAME or 'NAME (>= VERSION)'")
    who = package.maintainer(request.maintainer, environ, git)
    progress(f"reading {request.tap}")
    with TapFile(request.tap, os.geteuid()) as tap:
        image = tap.image()
        data = tap.read()
    manifest = image.manifest
    if manifest.needs.orphans and not request.depends:
        raise StartError(
            ", ".join(manifest.needs.orphans),
            "no distribution has it, and the tap does not carry it: nothing that could be installed would",
            "make the tap again where it travels, or say with --depends which package has it",
        )
    carried, depends, warnings = _needed(request, manifest, words, progress)
    made = Package(
        tap=name,
        manifest=manifest,
        data=data,
        version=version,
        maintainer=who,
        summary=package.check_line("description", request.summary or f"Twisted application {name}, saved in a tap"),
        description=package.describe(manifest, name, request.description),
        depends=depends,
        time=_time(manifest, environ),
        source=os.path.basename(request.tap),
        bundle=carried,
        architecture=words.architecture() if carried is not None and carried.is_compiled else words.neutral,
    )
    return Prepared(made, (*warnings, *_warnings(image), *readme.warnings(manifest.needs, name)))


def _needed(
    request: Request, manifest: Manifest, words: Words, progress: Progress
) -> tuple[Bundle | None, tuple[str, ...], tuple[str, ...]]:
    """What the package carries beside the tap, what it depends on, and what its maker should know of either."""
    if not request.bundle:
        progress("looking for the packages it needs")
        named = [name for name, _ in manifest.needs.distributions]
        return None, words.depends(named, _ours(manifest), request.depends), ()
    carried, missing = _bundle(manifest, words, progress)
    absent = f"not in the bundle, for it is not installed here: {', '.join(missing)}"
    return carried, (*words.bundled(carried), *request.depends), (absent,) if missing else ()


def _warnings(image: TapImage) -> Iterator[str]:
    """What everybody who installs the package should not be surprised by."""
    if any(_PRIVATE_KEY in content for content in image.members.values()):
        yield "it carries a private key, and everybody may read what a package installs: name the key's file"
    if image.manifest.process.uid in (0, "root"):
        yield "it runs as root, as the tap was made to"


def _bundle(manifest: Manifest, words: Words, progress: Progress) -> tuple[Bundle, list[str]]:
    """What the tap needs, from what is installed here; and what of it is not."""
    from tapdaemon.pack import installed

    progress("bundling what it needs")
    names = [name for name, _ in manifest.needs.distributions]
    found, missing = installed.closure(names, words.packages)
    carried = [one for one in (installed.carry(each, words.packages) for each in found) if one.files]
    made = bundle.of([*carried, installed.ourselves()], manifest.needs.modules)
    return replace(made, files=tools.stripped(made.files)), missing


def _ours(manifest: Manifest) -> str:
    """Our own package, at the version that wrote the tap at least."""
    writer = _WRITER.match(manifest.lineage.writer)
    return f"tapdaemon (>= {writer[1]})" if writer else "tapdaemon"


def _time(manifest: Manifest, environ: Mapping[str, str]) -> int:
    """reproducible-builds.org's SOURCE_DATE_EPOCH, else the tap's own."""
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    return int(fixed) if fixed.isdigit() else manifest.lineage.time


def git_user() -> tuple[str, ...]:
    """user.name and user.email, as far as git is here and knows them."""
    found = []
    for key in ("user.name", "user.email"):
        try:
            told = subprocess.run(  # noqa: S603 - two words of ours
                ["git", "config", "--get", key],  # noqa: S607 - the PATH's
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ()
        found.append(told.stdout.strip())
    return tuple(found)
