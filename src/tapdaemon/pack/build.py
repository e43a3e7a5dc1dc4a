"""From a package as data to the file: laid out in a folder of its own, handed to dpkg-deb, delivered whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tapdaemon.errors import CannotCreateError, os_reason
from tapdaemon.pack import debian, tools
from tapdaemon.pack.inventory import lay_out
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
