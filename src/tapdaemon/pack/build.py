"""From a package as data to the file: laid out in a scratch folder, handed to dpkg-deb or rpmbuild, delivered whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tapdaemon.errors import CannotCreateError, os_reason
from tapdaemon.pack import debian, tools
from tapdaemon.pack.inventory import Entry, archive, lay_out
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


def debs(package: Package, path: str, *, source: bool, key: str | None) -> list[Built]:
    """Build the binary package at `path`, and beside it the source package if that is asked for.

    :param key: signs the .dsc, as gpg knows it.
    :raises TapError: a missing tool, or its own words; nothing is left behind.
    """
    built = [deb(package, path)]
    if source:
        try:
            built += deb_source(package, os.path.dirname(path), key)
        except BaseException:
            os.unlink(path)
            raise
    return built


def deb(package: Package, path: str) -> Built:
    """Build the binary package at `path` with dpkg-deb; the same bytes for the same package.

    :raises TapError: no dpkg-deb, or its own words; nothing is left behind.
    """
    dpkg_deb = tools.require("dpkg-deb")
    check_free(path)
    entries = debian.files(package)
    # A bundle is packed in a twentieth of the time with the fastest level, and becomes a fifth larger.
    packed = ["-Zxz", "-z1"] if package.bundle else ["-Zxz"]
    with tools.scratch() as work:
        root, made = os.path.join(work, "root"), os.path.join(work, "made.deb")
        _lay_out([*entries, *debian.members(package, entries)], root, package.time)
        command = [dpkg_deb, "--root-owner-group", "--threads-max=1", *packed, "--build", root, made]
        tools.run(command, environment(package.time), work)
        (size,) = tools.deliver({path: made})
    return Built(path, size, debian.depends(package))


def deb_source(package: Package, folder: str, key: str | None) -> list[Built]:
    """Build the source package in `folder` with dpkg-source: .dsc, .debian.tar.xz, .orig.tar.gz; as `debs` says."""
    from tapdaemon.pack import debsource

    dpkg_source = tools.require("dpkg-source")
    gpg = tools.require("gpg") if key is not None else ""
    names = debsource.names(package)
    targets = [os.path.join(folder, name) for name in names]
    for target in targets:
        check_free(target)
    with tools.scratch() as work:
        top = f"{package.name}-{package.version}"
        upstream = debsource.upstream(package)
        tree = os.path.join(work, top)
        packed = Entry(debsource.upstream_name(package), archive(upstream, top, package.time))
        _lay_out([packed], work, package.time)
        _lay_out([*upstream, *debsource.debianised(package)], tree, package.time)
        tools.run([dpkg_source, "-Zxz", "--build", tree], environment(package.time), work)
        made = [os.path.join(work, name) for name in names]
        if key is not None:
            signed = f"{made[0]}.asc"
            command = [gpg, "--local-user", key, "--output", signed, "--clearsign", made[0]]
            tools.run(command, tools.signing_environment(), work)
            os.replace(signed, made[0])
        sizes = tools.deliver(dict(zip(targets, made, strict=True)))
    return [Built(target, size, ()) for target, size in zip(targets, sizes, strict=True)]


def _lay_out(entries: list[Entry], folder: str, epoch: int) -> None:
    try:
        lay_out(entries, folder, epoch)
    except OSError as error:
        raise CannotCreateError(folder, f"cannot be written: {os_reason(error)}", "free space there") from error


# Relative, so that no scratch folder's name reaches the source package, which keeps the expanded spec.
_FOR_SOURCE = {"_topdir": ".", "_sourcedir": ".", "_specdir": ".", "_srcrpmdir": "out"}


def rpms(package: Package, path: str, source: str, key: str | None) -> list[Built]:
    """Build the binary package at `path` and the source package at `source` with rpmbuild, likewise.

    The source package first, from within the sources' folder, and the binary one by itself: built in one go the
    latter would hold a digest of scratch paths.

    :param key: signs both, as gpg knows it.
    :raises TapError: no rpmbuild, or its own words; nothing is left behind.
    """
    from tapdaemon.pack import rpm

    rpmbuild = tools.require("rpmbuild")
    rpmsign, gpg = (tools.require("rpmsign"), tools.require("gpg")) if key is not None else ("", "")
    for target in (path, source):
        check_free(target)
    spec = f"{package.name}.spec"
    entries = [Entry(rpm.source_name(entry), entry.content) for entry in rpm.sources(package)]
    if package.bundle is not None:
        entries.append(Entry(rpm.bundle_name(package), rpm.bundle_archive(package)))
    with tools.scratch() as work:
        _lay_out([*entries, Entry(spec, rpm.spec(package).encode())], work, package.time)
        environ = environment(package.time) | {"HOME": work}
        common = {"_tmppath": work, "packager": package.maintainer}
        scratched = {"_topdir": f"{work}/build", "_sourcedir": work, "_specdir": work, "_rpmdir": f"{work}/out"}
        for what, macros in (("-bs", _FOR_SOURCE), ("-bb", scratched | {"_build_name_fmt": f"{package.name}.bin"})):
            command = [rpmbuild, what, "--target", package.architecture, *_defined(common | macros), spec]
            tools.run(command, environ, work)
        out = os.path.join(work, "out")
        made = {path: f"{out}/{package.name}.bin", source: f"{out}/{rpm.file_name(package, 'src')}"}
        if key is not None:
            command = [rpmsign, "--addsign", *_defined({"_gpg_name": key, "__gpg": gpg}), *made.values()]
            tools.run(command, tools.signing_environment(), work)
        sizes = tools.deliver(made)
    return [Built(path, sizes[0], package.depends), Built(source, sizes[1], ())]


def _defined(macros: dict[str, str]) -> list[str]:
    return [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
