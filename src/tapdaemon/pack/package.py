"""A tap's package as a value: what it is called, who answers for it, what it holds; every text is checked here, once.

The law: what comes from a manifest or a command line is of one line, bounded and free of control characters when it
leaves this room; each writer escapes for its own format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tapdaemon.errors import UsageError
from tapdaemon.pack.bundle import Bundle
from tapdaemon.tapfile.fields import CONTROL
from tapdaemon.tapfile.manifest import Manifest

# deb-control(5): lower case letters, digits, + - . and at least two characters; rpm takes all of these.
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*\Z")
# deb-version(7) without epoch and revision; rpm forbids the hyphen, too.
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+~]*\Z")
# No percent sign: rpm takes the packager as a macro, and nobody's name has one.
_MAINTAINER = re.compile(r"[^<>@,%]+ <[^<>@%\s]+@[^<>@%\s]+>\Z")
SUMMARY_MAX = 80
REVISION = "0tap1"


@dataclass(frozen=True)
class Package:
    """What is to be built.

    :param tap: the tap's name: NAME.tap, tap@NAME.
    :param data: of the tap's file.
    :param version: upstream's.
    :param maintainer: ``Name <address>``.
    :param depends: in the words of the package manager.
    :param time: seconds since the epoch, of everything in it.
    :param source: the tap's file, by its name.
    :param bundle: what it carries beside the tap, if it depends on no package of Python modules.
    :param architecture: in the words of the package manager.
    """

    tap: str
    manifest: Manifest
    data: bytes
    version: str
    maintainer: str
    summary: str
    description: tuple[str, ...]
    depends: tuple[str, ...]
    time: int
    source: str
    bundle: Bundle | None = None
    architecture: str = "all"

    @property
    def name(self) -> str:
        return f"tap-{self.tap}"

    @property
    def service(self) -> str:
        return f"tap@{self.tap}.service"

    @property
    def socket(self) -> str:
        return f"tap@{self.tap}.socket"


def check_name(tap: str) -> str:
    """A tap's name that a package can have as well.

    :raises UsageError: it cannot.
    """
    if not _NAME.match(tap):
        raise UsageError(
            f"tap {tap!a}",
            "its name is no package's name",
            "use lower case letters, digits, '.' and '-' (name another with -p)",
        )
    return tap


def check_version(version: str) -> str:
    """:raises UsageError: dpkg or rpm would refuse it."""
    if not _VERSION.match(version):
        raise UsageError(
            f"version {version!a}", "dpkg or rpm would refuse it", "begin with a digit; letters, digits, '.', '+', '~'"
        )
    return version


def check_line(what: str, text: str, maximum: int = SUMMARY_MAX) -> str:
    """:raises UsageError: it is empty, too long, or of more than one line."""
    if not text.strip() or len(text) > maximum or CONTROL.search(text):
        raise UsageError(f"{what} {text[:40]!a}", f"not one line of at most {maximum} characters", "shorten it")
    return text.strip()


def maintainer(given: str | None, environ: Mapping[str, str], git: Sequence[str]) -> str:
    """Who answers for the package: as asked, else DEBFULLNAME and DEBEMAIL (debchange(1)), else git's user.

    :param git: user.name and user.email of git, if it has them.
    :raises UsageError: nobody does, or it is no name with an address.
    """
    email = environ.get("DEBEMAIL") or environ.get("EMAIL", "")
    name = environ.get("DEBFULLNAME") or environ.get("NAME", "")
    if given is None and "<" in email:
        given = email
    if given is None and name and email:
        given = f"{name} <{email}>"
    if given is None and len(git) == 2 and all(git):  # noqa: PLR2004 - name and address
        given = f"{git[0]} <{git[1]}>"
    if given is None:
        raise UsageError(
            "maintainer", "nobody is named", "name one with -m 'Name <address>', or set DEBFULLNAME and DEBEMAIL"
        )
    if not _MAINTAINER.match(given) or CONTROL.search(given):
        raise UsageError(f"maintainer {given[:60]!a}", "no name with an address", "write it as 'Name <address>'")
    return given


def describe(manifest: Manifest, tap: str, long: str | None) -> tuple[str, ...]:
    """The long description: as asked, else what the manifest tells."""
    if long is not None:
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", long.strip())]
        if not all(paragraphs) or any(CONTROL.search(part) for part in paragraphs):
            raise UsageError("long description", "empty, or with control characters", "give it another -l")
        return tuple(paragraphs)
    addresses = ", ".join(dict.fromkeys(listen.address for listen in manifest.needs.listen))
    listens = f"It listens on {addresses}." if addresses else "It declares no address to listen on."
    first = (
        f"This is the application {manifest.process.name}, saved in a tap, with a hardened unit to run it under "
        f"systemd: tap@{tap}. {listens}"
    )
    return first, f"Its state lies in /var/lib/tap/{tap} and survives upgrades."
