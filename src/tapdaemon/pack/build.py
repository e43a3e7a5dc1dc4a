"""From a package as data to the file: laid out in a scratch folder, handed to dpkg-deb or rpmbuild, delivered whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tapdaemon.errors import CannotCreateError, os_reason
from tapdaemon.pack import debian, rpm, tools
from tapdaemon.pack.inventory import Entry, lay_out
from tapdaemon.pack.package import Package


@dataclass(frozen=True)
class Built:
    """A finished package: where, how large in bytes, and what it depends on."""

    path: str
    size: int
    depends: tuple[str, ...]


def environment(epoch: int) -> dict[str, str]:
    """What a builder may know of this machine: nothing that would reach the package."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(epoch),
    }


def check_free(path: str) -> None:
    """See before the work that the file can be delivered.

    :raises CannotCreateError: it is there already, or its folder is not.
    """
    if os.path.lexists(path):
        raise CannotCreateError(path, "is there already", "remove it, or name another with -d or -o")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise CannotCreateError(folder, "no such folder", "make it, or name another with -d or -o")


def deb(package: Package, path: str) -> Built:
    """Build the binary package at `path` with dpkg-deb; the same bytes for the same package.

    :raises TapError: no dpkg-deb, or its own words; nothing is left behind.
    """
    dpkg_deb = tools.require("dpkg-deb")
    check_free(path)
    entries = debian.files(package)
    with tools.scratch() as work:
        root, made = os.path.join(work, "root"), os.path.join(work, "made.deb")
        try:
            lay_out([*entries, *debian.members(package, entries)], root, package.time)
        except OSError as error:
            raise CannotCreateError(work, f"cannot be written: {os_reason(error)}", "free space there") from error
        command = [dpkg_deb, "--root-owner-group", "--threads-max=1", "-Zxz", "--build", root, made]
        tools.run(command, environment(package.time), work)
        size = tools.deliver(made, path)
    return Built(path, size, debian.depends(package))


# Relative, so that no scratch folder's name reaches the source package, which keeps the expanded spec.
_FOR_SOURCE = {"_topdir": ".", "_sourcedir": ".", "_specdir": ".", "_srcrpmdir": "out"}


def rpms(package: Package, path: str, source: str) -> list[Built]:
    """Build the binary package at `path` and the source package at `source` with rpmbuild, likewise.

    The source package first, from within the sources' folder, and the binary one by itself: built in one go the
    latter would hold a digest of scratch paths.

    :raises TapError: no rpmbuild, or its own words; nothing is left behind.
    """
    rpmbuild = tools.require("rpmbuild")
    for target in (path, source):
        check_free(target)
    spec = f"{package.name}.spec"
    entries = [Entry(entry.path.rpartition("/")[2], entry.content) for entry in rpm.sources(package)]
    with tools.scratch() as work:
        try:
            lay_out([*entries, Entry(spec, rpm.spec(package).encode())], work, package.time)
        except OSError as error:
            raise CannotCreateError(work, f"cannot be written: {os_reason(error)}", "free space there") from error
        environ = environment(package.time) | {"HOME": work}
        scratched = {"_topdir": f"{work}/build", "_sourcedir": work, "_specdir": work, "_rpmdir": f"{work}/out"}
        for what, macros in (("-bs", _FOR_SOURCE), ("-bb", scratched | {"_build_name_fmt": f"{package.name}.bin"})):
            defined = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
            tools.run(
                [rpmbuild, what, "--target", "noarch", *defined, "--define", f"_tmppath {work}", spec], environ, work
            )
        made = os.path.join(work, "out")
        binary = Built(path, tools.deliver(os.path.join(made, f"{package.name}.bin"), path), package.depends)
        sized = tools.deliver(os.path.join(made, f"{package.name}-{package.version}-{rpm.RELEASE}.src.rpm"), source)
    return [binary, Built(source, sized, ())]
