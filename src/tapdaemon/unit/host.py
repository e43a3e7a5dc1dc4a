"""What units depend on beside the manifest: the tap's file, who may read what, which systemd; it renders nothing."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Sequence

from tapdaemon.tapfile.container import TapFile
from tapdaemon.tapfile.manifest import Process
from tapdaemon.tapfile.passphrase import CREDENTIAL
from tapdaemon.unit.demands import Tap

OLDEST = 252
"""The systemd whose directives the shipped units keep to."""
LIBRARIES = tuple(f"/usr/{lib}/systemd/libsystemd-shared-*.so" for lib in ("lib", "lib64", "lib/*"))
STORES = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")
"""Where systemd looks for a credential that is named by a relative path (systemd.exec(5), LoadCredential=)."""
_LIBRARY = re.compile(r"libsystemd-shared-(\d+)")


def look(name: str, path: str, uid: int | None) -> Tap:
    """A tap for its units, from its manifest alone.

    :param uid: who is going to obey it; None to look only, without the owner check.
    :raises TapError: it is not trusted, or not whole.
    """
    with TapFile(path, uid) as tap:
        reader = Reader.of(tap.manifest.process)
        return Tap(
            name, path, tap.status.st_size, tap.manifest, reader.is_barred, reader.closed, stored_passphrase(name)
        )


def stored_passphrase(name: str, folders: Sequence[str] = STORES) -> tuple[str, str]:
    """The directive that hands over a tap's passphrase, and its name in the credential store.

    One that is encrypted needs a directive of its own, which fails on one that is not (243); and LoadCredential= hands
    over one that is encrypted as it is (257), or not at all (252).  So it is looked up here which of them is there.

    :param folders: of the stores, without what those of encrypted credentials end in.
    """
    for stored in (f"{CREDENTIAL}.{name}", CREDENTIAL):
        for ending, directive in ((".encrypted", "LoadCredentialEncrypted"), ("", "LoadCredential")):
            if any(os.path.exists(os.path.join(folder + ending, stored)) for folder in folders):
                return directive, stored
    return "LoadCredential", CREDENTIAL


def systemd_version(libraries: Sequence[str] = LIBRARIES) -> int:
    """The number of the systemd that is installed here; the oldest that is known to work where none is.

    By the name of its own library: to run `systemctl --version` would take the generator a third of its time.
    """
    names = (os.path.basename(path) for pattern in libraries for path in glob.glob(pattern))
    return max((int(found[1]) for name in names if (found := _LIBRARY.match(name))), default=OLDEST)


class Reader:
    """Who is going to read files: by the permission bits alone, for a dynamic user owns nothing and has no group.

    :param uid: -1 for one who owns nothing.
    """

    def __init__(self, uid: int = -1, gids: frozenset[int] = frozenset()) -> None:
        self._uid = uid
        self._gids = gids

    @classmethod
    def of(cls, process: Process) -> Reader:
        return cls(*_ids(process))

    def is_barred(self, path: str) -> bool:
        """Whether a path is a regular file that he cannot read."""
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return False
            return bool(self.closed(path)) or not self._may(path, stat.S_IROTH)
        except OSError:
            return False  # it is not there: the application says so itself

    def closed(self, path: str) -> list[str]:
        """The first folder that he may not search, on the way as it is written and as links lead."""
        found = (self._first_closed(start) for start in dict.fromkeys((path, os.path.realpath(path))))
        return [folder for folder in found if folder is not None]

    def _first_closed(self, path: str) -> str | None:
        parts = os.path.dirname(path).split("/")[1:]
        folders = ("/" + "/".join(parts[: index + 1]) for index in range(len(parts)))
        return next((folder for folder in folders if folder != "/" and not self._may(folder, stat.S_IXOTH)), None)

    def _may(self, path: str, bit: int) -> bool:
        """:param bit: of others, as `stat` names it."""
        status = os.stat(path)
        if self._uid == 0:
            return True
        if status.st_uid == self._uid:
            return bool(status.st_mode & bit << 6)
        if status.st_gid in self._gids:
            return bool(status.st_mode & bit << 3)
        return bool(status.st_mode & bit)


def _ids(process: Process) -> tuple[int, frozenset[int]]:
    """Numbers of the process's user and groups, as far as this machine has them."""
    import grp
    import pwd

    uid, gids = -1, set()
    try:
        if process.gid is not None:
            gids.add(process.gid if isinstance(process.gid, int) else grp.getgrnam(process.gid).gr_gid)
        if process.uid is not None:
            entry = pwd.getpwuid(process.uid) if isinstance(process.uid, int) else pwd.getpwnam(process.uid)
            uid = entry.pw_uid
            gids |= {entry.pw_gid, *os.getgrouplist(entry.pw_name, entry.pw_gid)}
    except KeyError:
        uid = process.uid if isinstance(process.uid, int) else uid
    return uid, frozenset(gids)
