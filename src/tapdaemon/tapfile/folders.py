"""Where taps lie on a host, and what they are called; it opens none of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from tapdaemon.errors import TapMissingError, UsageError
from tapdaemon.tapfile.fields import NAME

SYSTEM_FOLDERS = ("/etc/tap", "/run/tap", "/usr/lib/tap")
"""The first that has NAME.tap wins, as with systemd's own unit folders (systemd.unit(5))."""
STAGE_FOLDER = "/run/tapdaemon"
"""Where root steps lay down what a service may read, and wait for the verdict of a reload."""
SUFFIX = ".tap"
# 243 is EX_CREDENTIALS of systemd.exec(5): all credentials of a unit together may have 1 MB.
CREDENTIAL_MAX = 1024 * 1024


def check_name(name: str) -> str:
    """`name` if it can be a tap's name.

    :raises UsageError: it cannot.
    """
    if not NAME.match(name):
        raise UsageError(
            f"name {name!a}",
            "not a tap's name",
            "use letters, digits, '_', '.' and '-', and begin with a letter or a digit",
        )
    return name


def stem(path: str) -> str:
    """The name of the tap at `path`: its file's name without .tap.

    :raises UsageError: it is no name.
    """
    return check_name(os.path.basename(path).removesuffix(SUFFIX))


_SNAPSHOT = re.compile(r"(?P<name>.+)-shutdown(\.\d+)?\Z")


def lineage_name(path: str) -> str:
    """The name under which a tap's snapshots are kept: web-shutdown.tap goes on as web-shutdown.tap."""
    name = stem(path)
    match = _SNAPSHOT.match(name)
    return match["name"] if match else name


def verdict_sockets(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where the one who asked for a reload may wait: the system's place, and the user manager's."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = (STAGE_FOLDER, *((os.path.join(runtime, "tapdaemon"),) if os.path.isabs(runtime) else ()))
    return tuple(os.path.join(place, f"{check_name(name)}.reload") for place in places)


def candidates(name: str, folders: Sequence[str] = SYSTEM_FOLDERS) -> tuple[str, ...]:
    return tuple(os.path.join(folder, check_name(name) + SUFFIX) for folder in folders)


def find(name: str, folders: Sequence[str] = SYSTEM_FOLDERS) -> str:
    """The path of the tap NAME.

    :raises TapMissingError: no folder has it.
    """
    for path in candidates(name, folders):
        if os.path.lexists(path):
            return path
    raise TapMissingError(
        f"tap {name}",
        f"no {name}{SUFFIX} in {', '.join(folders)}",
        f"install it there: install -m 600 {name}{SUFFIX} {folders[0]}/",
    )


def installed(folders: Sequence[str] = SYSTEM_FOLDERS) -> Iterator[tuple[str, str]]:
    """Name and path of every installed tap, in order of name; a name that stands in two folders counts once."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in names:
            name = entry.removesuffix(SUFFIX)
            if entry.endswith(SUFFIX) and NAME.match(name):
                found.setdefault(name, os.path.join(folder, entry))
    yield from sorted(found.items())
