"""Which file a start goes on from, and where a stop leaves its snapshot; it loads no application.

The law: only a cut or altered snapshot is passed over for an older one.  One that verifies is the one, or ends the
start when it cannot be loaded.  What is passed over or belongs to another application is moved aside, under a name that
says why, never rotated out.  Three generations are kept, and the newest ten of what was set aside.
"""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tapdaemon.errors import CannotCreateError, TapDamagedError, TapError, os_reason
from tapdaemon.tapfile.container import TapFile, TapImage, encode
from tapdaemon.tapfile.folders import SUFFIX
from tapdaemon.tapfile.manifest import Manifest, is_same_application
from tapdaemon.tapfile.whole import cannot_write, discard, sync_folder, write_beside

GENERATIONS = 3
ASIDE = ("other-application", "partly-resumed", "damaged")
"""What a name of a snapshot that was set aside says of it."""
ASIDE_MAX = 10
Say = Callable[[str], None]


class Base(NamedTuple):
    """What identifies the tap that was asked for.

    :param manifest: None of a file that Twisted itself wrote.
    :param content: see `Manifest.content`; of such a file its digest.
    """

    manifest: Manifest | None
    content: str

    @classmethod
    def of(cls, manifest: Manifest) -> "Base":
        return cls(manifest, manifest.content)

    def takes(self, snapshot: Manifest) -> bool:
        """Whether a snapshot is of this application, as it is or as it was."""
        if self.manifest is None or snapshot.base == "file":
            return self.manifest is None and snapshot.base == "file"
        return is_same_application(self.manifest, snapshot)


class Resumed(NamedTuple):
    """The snapshot that a start goes on from."""

    path: str
    image: TapImage

    @property
    def generation(self) -> int:
        return self.image.manifest.lineage.generation


class Snapshots:
    """The snapshots of one tap in its state folder.

    :param folder: absolute.
    :param name: the tap's name.
    :param uid: who obeys them: files of other users are not trusted.
    :param say: told what was passed over, and why.
    :param patient: nothing is moved before `settle`: another process may still go on from it.
    :param unsealed: opens what is sealed; told its path.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        uid: int,
        say: Say,
        *,
        patient: bool = False,
        unsealed: Callable[[TapImage, str], TapImage] = lambda image, _: image,
    ) -> None:
        self._patient = patient
        self._unsealed = unsealed
        self._unmoved: list[tuple[str, str, str]] = []
        self._unkept: list[tuple[str, str]] = []
        words = "|".join(ASIDE)
        self._aside = re.compile(rf"{re.escape(name)}-shutdown\.(?:{words})-\d+{re.escape(SUFFIX)}\Z")
        self._stem = os.path.join(folder, f"{name}-shutdown")
        self.folder = folder
        self._uid = uid
        self._say = say

    @property
    def newest(self) -> str:
        """NAME-shutdown.tap."""
        return self._stem + SUFFIX

    def _paths(self) -> list[str]:
        return [self.newest, *(f"{self._stem}.{number}{SUFFIX}" for number in range(1, GENERATIONS))]

    def check_writable(self) -> None:
        """See before the start, not at the stop, that a snapshot can be left.

        :raises CannotCreateError: the folder is missing or may not be written.
        """
        if not os.path.isdir(self.folder):
            reason = "no such folder"
        elif not os.access(self.folder, os.W_OK | os.X_OK, effective_ids=True):
            reason = f"uid {os.geteuid()} may not write it"
        else:
            return
        raise CannotCreateError(
            f"state folder {self.folder}",
            reason,
            "name another with --state-dir, or start with -o to save nothing",
        )

    def resume(self, base: Base, own: str) -> Resumed | None:
        """The newest whole snapshot of this application, or None for a start from the base itself.

        :param own: the path of the base, which may be a snapshot in this very folder: it stays where it is.
        :raises TapError: a snapshot that is not trusted, of a schema that this version does not know, or sealed with
            another passphrase.
        """
        if not self._patient:
            self._remove_unfinished()
        for path in self._paths():
            if not os.path.lexists(path) or _is_same(path, own):
                continue
            try:
                with TapFile(path, self._uid) as tap:
                    image = self._unsealed(tap.image(), path)
                if base.takes(image.manifest):
                    return Resumed(path, image)
                self._move_aside(path, "other-application", "it is of another application of this name")
            except TapDamagedError as error:
                self._move_aside(path, "damaged", error.reason)
        return None

    def generation(self) -> int:
        """The generation of the newest whole snapshot that is there, of whatever base; 0 if none is."""
        for path in self._paths():
            with suppress(TapError), TapFile(path, self._uid) as tap:
                return tap.manifest.lineage.generation
        return 0

    def _remove_unfinished(self) -> None:
        """Remove what a process that was killed while it saved left beside the snapshots."""
        prefix = f".{os.path.basename(self.newest)}."
        with suppress(OSError):  # a folder that cannot be read has its own error
            for name in os.listdir(self.folder):
                if name.startswith(prefix) and name.endswith(".tmp"):
                    discard(os.path.join(self.folder, name))

    def passed_over(self) -> list[str]:
        """What `settle` would move aside, a line each."""
        return [f"{path} is not resumed: {reason}" for path, _, reason in self._unmoved]

    def settle(self) -> None:
        """Move aside what was only passed over so far."""
        self._patient = False
        unmoved, self._unmoved = self._unmoved, []
        for path, word, reason in unmoved:
            self._move_aside(path, word, reason)
        kept, self._unkept = self._unkept, []
        for path, word in kept:
            self.keep(path, word)

    def _move_aside(self, path: str, word: str, reason: str) -> None:
        """Put a snapshot under a name that says why it is not resumed."""
        if self._patient:
            self._unmoved.append((path, word, reason))
            return
        aside = self._free(word)
        try:
            os.rename(path, aside)
        except OSError as error:
            raise CannotCreateError(
                path, f"cannot be moved aside: {os_reason(error)}", "move it away by hand"
            ) from error
        self._say(f"passed over {path}: {reason}; moved to {aside}")
        self._prune()

    def keep(self, path: str, word: str) -> None:
        """Keep a copy of a snapshot under a name that says why: it was not resumed as a whole."""
        if self._patient:
            self._unkept.append((path, word))
            return
        aside = self._free(word)
        try:
            with open(path, "rb") as file:
                os.rename(write_beside(aside, file.read()), aside)
        except OSError as error:
            raise CannotCreateError(aside, f"cannot be written: {os_reason(error)}", "make room for it") from error
        self._say(f"{path} was not resumed as a whole; a copy is kept as {aside}")
        self._prune()

    def _free(self, word: str) -> str:
        number = 1
        while os.path.lexists(aside := f"{self._stem}.{word}-{number}{SUFFIX}"):
            number += 1
        return aside

    def _prune(self) -> None:
        """Of what was set aside the newest `ASIDE_MAX` stay."""
        found = [os.path.join(self.folder, name) for name in os.listdir(self.folder) if self._aside.match(name)]
        for path in sorted(found, key=lambda one: os.stat(one).st_mtime)[:-ASIDE_MAX]:
            os.unlink(path)
            self._say(f"removed {path}: of what was set aside the newest {ASIDE_MAX} are kept")

    def write(self, image: TapImage) -> str:
        """Leave a snapshot; the one before becomes NAME-shutdown.1.tap.  Returns its path.

        After each step a start finds the new snapshot or the one before under a name that it looks at.

        :raises CannotCreateError, WriteError: the ones before are untouched.
        """
        paths = self._paths()
        temporary = write_beside(self.newest, encode(image))
        try:
            for older, newer in zip(reversed(paths[1:]), reversed(paths[1:-1]), strict=False):
                if os.path.lexists(newer):
                    os.rename(newer, older)
            if os.path.lexists(self.newest):
                os.rename(self.newest, paths[1])
            os.rename(temporary, self.newest)
            sync_folder(self.newest)
        except OSError as error:
            discard(temporary)
            raise cannot_write(self.newest, error) from error
        return self.newest


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:  # the base may be out of reach by now, in a chroot say
        return False
