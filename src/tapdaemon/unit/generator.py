"""The systemd generator (systemd.generator(7)): drop-ins for tap@NAME.service and .socket from each tap's manifest.

It runs as root at every daemon-reload and at boot, before the journal is up: standard library only, no tap is loaded,
and a broken one is a line in the journal while the others are served.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from tapdaemon.errors import TapError, words
from tapdaemon.tapfile import folders
from tapdaemon.unit.templates import USUAL, Places

JOURNAL = "/run/systemd/journal/socket"
ADMIN_UNITS = ("/etc/systemd/system", "/run/systemd/system")
GENERATORS = tuple(f"{prefix}/lib/systemd/system-generators/tapdaemon-generator" for prefix in ("/usr/local", "/usr"))
VENDOR_UNITS = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def generate(
    normal: str,
    *,
    taps: Sequence[str] = folders.SYSTEM_FOLDERS,
    places: Places = USUAL,
    admin: Sequence[str] = ADMIN_UNITS,
    vendor: Sequence[str] = VENDOR_UNITS,
    runtime: str = "/run/tap",
    version: int = 0,
    only: str | None = None,
) -> Iterator[str]:
    """Write the drop-ins below `normal`, the first of a generator's three folders.

    A NAME that has a unit of its own is left alone: a package's, unless the administrator's tap stands before the
    vendor's, and then the whole unit is written, for drop-ins could not take the package's own options back.  To a
    unit that tap2deb made only what depends on this host is added: who may read the files that the tap names.

    :param runtime: the folder of the services' runtime folders.
    :param only: the one tap to serve, of a package that carries its own tapdaemon; None for all.
    :param version: of the systemd that reads them; 0 for the one that is installed here.

    :returns: a line for each tap that could not be served, or not wholly.
    """
    from tapdaemon.unit import host, rendering  # not on a host without taps

    version = version or host.systemd_version()
    for name, path in folders.installed(taps):
        if only not in (None, name):
            continue
        remove_dead_link(os.path.join(runtime, name))
        if _unit(name, admin):
            continue
        packaged = _unit(name, vendor)
        overrides = os.path.dirname(path) == taps[0]
        if packaged and not overrides and not _is_ours(packaged):
            continue
        try:
            tap = host.look(name, path, 0)
            if packaged:
                files = rendering.whole(tap, places, version) if overrides else rendering.of_this_host(tap, version)
            else:
                files = rendering.dropins(tap, places, version)
            rendering.write(normal, files)
        except (TapError, OSError) as error:
            yield str(error)
            continue
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one tap, the others are served
            yield f"{path}: {words(error)}"
            continue
        yield from (f"{path}: {line}" for line in rendering.left_out(tap))


def remove_dead_link(path: str) -> None:
    """Remove a link that leads nowhere.

    systemd (252 and 257) leaves the link to a dynamic user's RuntimeDirectory= behind, and then cannot make the folder
    of a named user: the start fails with 233 until somebody removes it.
    """
    with contextlib.suppress(OSError):
        if os.path.islink(path) and not os.path.exists(path):
            os.unlink(path)


def _unit(name: str, units: Sequence[str]) -> str | None:
    """The unit of that very name in one of the folders; a mask is one, too."""
    places = (os.path.join(folder, f"tap@{name}.service") for folder in units)
    return next((place for place in places if os.path.lexists(place)), None)


def _is_ours(unit: str) -> bool:
    """Whether tap2deb made it: then only what depends on this host is added."""
    from tapdaemon.unit.rendering import OURS

    try:
        with open(unit, encoding="utf-8") as file:
            return file.readline().startswith(f"# {OURS} ")
    except (OSError, ValueError):
        return False


def main(arguments: Sequence[str] | None = None, *, places: Places = USUAL, only: str | None = None) -> int:
    """Entry point: the three folders, of which the first is written to.

    :param only: the one tap of a package that carries its own tapdaemon; the host's generator, where there is one,
        serves that as well.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) not in (1, 3):
        sys.stderr.write("usage: tapdaemon-generator NORMAL [EARLY LATE]\n")
        return os.EX_USAGE
    if only is not None and any(os.path.exists(path) for path in GENERATORS):
        return 0
    if any(True for _ in folders.installed()):
        for problem in generate(given[0], places=places, only=only):
            _report(problem)
    return 0


def _report(problem: str) -> None:
    """An error in the journal: straight to journald where it runs already, else through the kernel's log."""
    text = f"tapdaemon-generator: {' '.join(problem.split())}"
    for way in (_to_journal, _to_kernel):
        try:
            way(text)
        except OSError:
            continue
        return
    sys.stderr.write(f"{text}\n")


def _to_journal(text: str) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect(JOURNAL)
        journal.send(f"MESSAGE={text}\nPRIORITY=3\nSYSLOG_IDENTIFIER=tapdaemon-generator\n".encode())


def _to_kernel(text: str) -> None:
    with open("/dev/kmsg", "w", encoding="utf-8") as kernel:
        kernel.write(f"<3>{text}\n")
