"""What this machine's package manager calls things: the edge at which dpkg and rpm are asked."""

from __future__ import annotations

import os
import platform

from tapdaemon.pack import bundle, closure, tools
from tapdaemon.pack.bundle import Bundle
from tapdaemon.pack.closure import Packages
from tapdaemon.pack.request import Words


def debian() -> Words:
    """Debian's words, with dh-python's table, dpkg's database and apt as far as they are here."""
    host = closure.this_host()

    def bundled(found: Bundle) -> tuple[str, ...]:
        theirs = {package: closure.depends_of(package) for package in found.sources} if found.is_compiled else {}
        return bundle.debian_depends(found, theirs)

    return Words(
        closure.debian_depends(host),
        bundled,
        _architecture,
        "all",
        _packages(host),
    )


def _packages(host: closure.Host) -> Packages:
    return Packages(host.installed, closure.depends_of, closure.provider_of)


def _architecture() -> str:
    dpkg = tools.require("dpkg")
    return tools.run([dpkg, "--print-architecture"], {"PATH": os.environ.get("PATH", os.defpath)}, "/").strip()


def rpm() -> Words:
    """Fedora's words; where it is built on a Debian, what is bundled comes from Debian's packages."""
    from tapdaemon.pack import rpm as rpms

    return Words(rpms.depends, bundle.rpm_depends, platform.machine, "noarch", _packages(closure.this_host()))
