"""What a package does not carry, in words for the administrator who installs it: files, variables, folders.

The texts are of the manifest alone, whose values are of one line each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tapdaemon.pack.package import Package
from tapdaemon.tapfile.manifest import Needs

SHOWN = 20
"""Names of a kind: a page of documentation above 4 KiB would have to be compressed (Debian Policy 12.3)."""
SAID = 5


def page(package: Package) -> str:
    """The README; empty where the tap declares nothing of its host but addresses."""
    needs = package.manifest.needs
    found = [
        f"{text.format(tap=package.tap)}\n\n" + "".join(f"  {name}\n" for name in _first(names, SHOWN))
        for text, names in (
            (_FILES, needs.files),
            (_VARIABLES, needs.environment),
            (_FOLDERS, needs.writable),
        )
        if names
    ]
    if not found:
        return ""
    title = f"{package.name}: what it needs of its host"
    return "\n".join([f"{title}\n{'=' * len(title)}\n", *found])


def warnings(needs: Needs, tap: str) -> Iterator[str]:
    """The same for who makes the package, a line each."""
    if needs.files:
        yield f"the package does not carry what it reads of its host: {_list(needs.files)}"
    if needs.environment:
        names = _list([f"${name}" for name in needs.environment])
        yield f"the package does not set what it looks at, /etc/default/tap-{tap} does: {names}"


_FILES = """\
At each start the application in /usr/lib/tap/{tap}.tap reads these files and
folders of its host. The package carries none of them:"""
_VARIABLES = """\
It looks at these environment variables. Set those that you want in
/etc/default/tap-{tap}, which the package leaves to you, as NAME=value in a line
each; a change holds at the next start (EnvironmentFile= in systemd.exec(5)):"""
_FOLDERS = """\
It writes these folders, beside its state in /var/lib/tap/{tap}:"""


def _first(names: Sequence[str], limit: int) -> list[str]:
    more = len(names) - limit
    return [*names[:limit], f"and {more} more, which tapctl show lists"] if more > 0 else [*names]


def _list(names: Sequence[str]) -> str:
    return ", ".join(_first(names, SAID))
