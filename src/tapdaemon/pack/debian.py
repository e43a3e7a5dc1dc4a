"""A tap's deb as data: its files, control file and scripts, text made by pure functions (deb(5), deb-control(5)).

What it holds is what debhelper would have made of it; nothing of it is in /etc, so there are no conffiles.
"""

from __future__ import annotations

import gzip
import hashlib
import textwrap
import time
from collections.abc import Sequence

from tapdaemon.pack import bundle, readme, scripts
from tapdaemon.pack.inventory import Entry
from tapdaemon.pack.package import REVISION, Package
from tapdaemon.unit import demands, rendering
from tapdaemon.unit.templates import USUAL
from tapdaemon.unit.unitfile import escape

UNITS = "/usr/lib/systemd/system"
README = "README.Debian"
"""Where an administrator of Debian's looks first."""
WIDTH = 78


def full_version(package: Package) -> str:
    """With the revision: never -1, which lintian takes for a first upload."""
    return f"{package.version}-{REVISION}"


def file_name(package: Package) -> str:
    return f"{package.name}_{full_version(package)}_{package.architecture}.deb"


def tap_path(package: Package) -> str:
    return f"/usr/lib/tap/{package.tap}.tap"


def units(package: Package) -> dict[str, str]:
    """The concrete, hardened units: name and text."""
    tap = demands.Tap(package.tap, tap_path(package), len(package.data), package.manifest)
    return rendering.whole(tap, USUAL if package.bundle is None else bundle.places(package.name))


def files(package: Package) -> list[Entry]:
    """Everything that is installed."""
    found = [Entry(tap_path(package), package.data)]
    found += [Entry(f"{UNITS}/{name}", text.encode()) for name, text in units(package).items()]
    for place, text in (("sysusers.d", sysusers(package)), ("tmpfiles.d", tmpfiles(package))):
        if text:
            found.append(Entry(f"/usr/lib/{place}/{package.name}.conf", text.encode()))
    if package.bundle is not None:
        found += bundle.entries(package.bundle, package.name, package.tap)
    doc = f"/usr/share/doc/{package.name}"
    found.append(Entry(f"{doc}/changelog.Debian.gz", gzip.compress(changelog(package).encode(), 9, mtime=0)))
    found.append(Entry(f"{doc}/copyright", copyright_file(package).encode()))
    text = readme.page(package)
    if text:
        found.append(Entry(f"{doc}/{README}", text.encode()))
    return sorted(found, key=lambda entry: entry.path)


def sysusers(package: Package) -> str:
    """The user and group that the tap names (sysusers.d(5)); what exists is left as it is."""
    process = package.manifest.process
    lines = []
    if isinstance(process.gid, str) and process.gid not in ("root", process.uid):
        lines.append(f"g {process.gid} -")
    if isinstance(process.uid, str) and process.uid != "root":
        group = f":{process.gid}" if isinstance(process.gid, str) and process.gid != process.uid else ""
        lines.append(f'u {process.uid} -{group} "Twisted application {package.tap}" /var/lib/tap/{package.tap}')
    return "".join(f"{line}\n" for line in lines)


def tmpfiles(package: Package) -> str:
    """The folders that the application writes beside its state (tmpfiles.d(5)): made where they are missing."""
    process = package.manifest.process
    if process.uid is None:
        return ""
    return "".join(
        f'd "{escape(folder)}" 0750 {process.uid} {process.gid if process.gid is not None else "-"} -\n'
        for folder in package.manifest.needs.writable
        if not any(char in folder for char in "\"'\\ \t")
    )


def depends(package: Package) -> tuple[str, ...]:
    found = [*(() if package.bundle else ("python3:any",)), *package.depends]
    if sysusers(package):
        found.append("systemd | systemd-standalone-sysusers | systemd-sysusers")
    return tuple(dict.fromkeys(found))


def control(package: Package, installed_size: int) -> str:
    """The binary package's control file.

    :param installed_size: in KiB, as du(1) counts.
    """
    fields = [
        ("Package", package.name),
        ("Version", full_version(package)),
        ("Architecture", package.architecture),
        ("Maintainer", package.maintainer),
        ("Installed-Size", str(installed_size)),
        ("Depends", ", ".join(depends(package))),
        ("Section", "net"),
        ("Priority", "optional"),
        ("Description", package.summary + extended(package.description)),
    ]
    return stanza(fields)


def stanza(fields: Sequence[tuple[str, str]]) -> str:
    """A paragraph of a control file."""
    return "".join(f"{name}: {value}\n" for name, value in fields)


def extended(paragraphs: Sequence[str]) -> str:
    """The long description in continuation lines: each begins with a space, an empty one is a dot."""
    blocks = [textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False) for text in paragraphs]
    lines = [line for index, block in enumerate(blocks) for line in ([".", *block] if index else block)]
    return "".join(f"\n {line}" for line in lines)


def changelog(package: Package) -> str:
    """One entry (deb-changelog(5)), of the package's own time."""
    moment = when(package.time, "%a, %d %b %Y %H:%M:%S +0000")
    return (
        f"{package.name} ({full_version(package)}) unstable; urgency=medium\n\n"
        f"  * Made by tap2deb from {package.source} (content {package.manifest.content[:12]}).\n\n"
        f" -- {package.maintainer}  {moment}\n"
    )


def when(seconds: int, form: str) -> str:
    """A time in UTC, in English: nothing here calls setlocale(3)."""
    return time.strftime(form, time.gmtime(seconds))


def copyright_file(package: Package) -> str:
    """DEP-5: whose the application is, the maintainer knows; the units and scripts are this project's."""
    year = when(package.time, "%Y")
    holder = package.maintainer.partition(" <")[0]
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {package.tap}\n"
        f"Upstream-Contact: {package.maintainer}\n"
        "\nFiles: *\n"
        f"Copyright: {year} {holder}\n"
        "License: as-the-application\n"
        " The tap holds an application whose terms are those of its authors; it was\n"
        f" packaged by {holder}, who knows them.\n"
        "\nFiles: usr/lib/systemd/*\n"
        "Copyright: 2026 The tapdaemon authors\n"
        "License: Expat\n"
        " Generated units are free of any terms of tapdaemon's authors.\n" + _inner_terms(package)
    )


def _inner_terms(package: Package) -> str:
    if package.bundle is None:
        return ""
    from tapdaemon.pack import terms

    return terms.of_bundle(package.bundle, package.name)


def members(package: Package, entries: Sequence[Entry]) -> list[Entry]:
    """What stands in DEBIAN/."""
    size = sum(-(-len(entry.content) // 1024) for entry in entries) + len(entries)
    return [
        Entry("/DEBIAN/control", control(package, size).encode()),
        Entry("/DEBIAN/md5sums", md5sums(entries).encode()),
        *maintainer_scripts(package, entries),
    ]


def maintainer_scripts(package: Package, entries: Sequence[Entry]) -> list[Entry]:
    """Those that a package of these files needs."""
    paths = {entry.path for entry in entries}
    sockets = f"{UNITS}/{package.socket}" in paths
    texts = {
        "postinst": scripts.postinst(
            package,
            sysusers=f"/usr/lib/sysusers.d/{package.name}.conf" in paths,
            tmpfiles=f"/usr/lib/tmpfiles.d/{package.name}.conf" in paths,
            sockets=sockets,
        ),
        "prerm": scripts.prerm(package, sockets=sockets),
        "postrm": scripts.postrm(package, sockets=sockets),
    }
    if sockets:
        texts["preinst"] = scripts.preinst(package)
    return [Entry(f"/DEBIAN/{name}", text.encode(), 0o755) for name, text in sorted(texts.items())]


def md5sums(entries: Sequence[Entry]) -> str:
    """As dpkg verifies them (deb-md5sums(5)); no security rests on it."""
    return "".join(
        f"{hashlib.md5(entry.content, usedforsecurity=False).hexdigest()}  {entry.path.lstrip('/')}\n"
        for entry in entries
    )
