"""Every deliberate error: what it is about, why, what to do, and its exit status; it knows nothing of who prints it.

The statuses are those of sysexits.h, as twistd's users' init scripts and systemd.exec(5) know them.  The shipped
unit does not restart on 64, 65, 66, 77 and 78: a restart cannot help there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

EX_USAGE = os.EX_USAGE  # 64
EX_DATAERR = os.EX_DATAERR  # 65
EX_NOINPUT = os.EX_NOINPUT  # 66
EX_NOUSER = os.EX_NOUSER  # 67
EX_UNAVAILABLE = os.EX_UNAVAILABLE  # 69
EX_SOFTWARE = os.EX_SOFTWARE  # 70
EX_OSERR = os.EX_OSERR  # 71
EX_CANTCREAT = os.EX_CANTCREAT  # 73
EX_IOERR = os.EX_IOERR  # 74
EX_TEMPFAIL = os.EX_TEMPFAIL  # 75
EX_NOPERM = os.EX_NOPERM  # 77
EX_CONFIG = os.EX_CONFIG  # 78

FOREIGN = (Exception, SystemExit)
"""What code of somebody else's may raise; SystemExit would end a program that is not its own, without a word."""


def words(error: BaseException) -> str:
    """An exception of somebody else's in one line: its class, and what it says, if it says anything."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class TapError(Exception):
    """A deliberate error.

    :param subject: what it is about: a path, an option, a service's path through the tree.
    :param reason: the fact, in a few words.
    :param remedy: what the reader can do; the class's own where it is always the same.
    """

    status = EX_SOFTWARE
    remedy = ""
    told = False
    """Whether the reader has it in the journal already."""

    def __init__(self, subject: str, reason: str, remedy: str = "") -> None:
        super().__init__(subject, reason, remedy)
        self.subject = subject
        self.reason = reason
        self.remedy = remedy or type(self).remedy

    def within(self, place: str) -> None:
        """Say of the subject that it lies in `place`: a tap, by its path."""
        self.subject = f"{place}: {self.subject}" if self.subject else place

    def __str__(self) -> str:
        text = f"{self.subject}: {self.reason}" if self.subject else self.reason
        return f"{text}; {self.remedy}" if self.remedy else text


@contextlib.contextmanager
def within(place: str) -> Iterator[None]:
    """While open, an error is said of what lies in `place`."""
    try:
        yield
    except TapError as error:
        error.within(place)
        raise


class UsageError(TapError):
    """The command line cannot be obeyed."""

    status = EX_USAGE


class ContradictionError(UsageError):
    """An option asks for what the surroundings rule out (daemonizing under systemd, say)."""


class UnknownNameError(UsageError):
    """A name that must be one of a few is none of them."""

    def __init__(self, kind: str, name: str, known: Sequence[str], remedy: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"{kind} {name!r}", "unknown", remedy or f"known are: {', '.join(known)}")


class TapMissingError(TapError):
    """There is no such tap."""

    status = EX_NOINPUT


class TapDamagedError(TapError):
    """The file is not the tap that was written: cut off, altered, or no tap at all."""

    status = EX_DATAERR
    remedy = "make it again with mktap, or restore it from a copy"


class TapSealedError(TapError):
    """A sealed tap, and no passphrase that opens it."""

    status = EX_NOPERM
    remedy = "give its passphrase: -e asks for it, --passphrase-file reads it"


class SchemaError(TapError):
    """The manifest follows a schema that this version does not know, or breaks its own."""

    status = EX_DATAERR


class TapUntrustedError(TapError):
    """Somebody else than root or the loader could have written the tap."""

    status = EX_NOPERM


class UnreadableError(TapError):
    """The file is there, but this user may not read it."""

    status = EX_NOPERM


class NoGraphError(TapError):
    """A tap without saved objects, where they are asked for."""

    status = EX_DATAERR


class UnloadableError(TapError):
    """A tap that verifies, but whose application cannot be loaded here."""

    status = EX_DATAERR


class NoApplicationError(TapError):
    """A Python file or pickle that holds no application."""

    status = EX_DATAERR


class UnknownUserError(TapError):
    """A user or group that this machine does not have."""

    status = EX_NOUSER
    remedy = "create it (systemd-sysusers, adduser --system), or name another with -u and -g"


class PrivilegeError(TapError):
    """A change of user that this process may not make, or that would run a tap as root unasked."""

    status = EX_NOPERM


class UnavailableError(TapError):
    """A package or program that is not installed here, and that what was asked for needs."""

    status = EX_UNAVAILABLE


class AddressError(TapError):
    """A listen address that could not be bound."""

    status = EX_UNAVAILABLE


class StartError(TapError):
    """The application did not start."""

    status = EX_SOFTWARE


class AlreadyRunningError(TapError):
    """The pidfile is locked by a process that runs."""

    status = EX_TEMPFAIL
    remedy = "stop that one first, or give this one a pidfile of its own with --pidfile"


class ChangedError(TapError):
    """Another file took the place of the one that was read."""

    status = EX_TEMPFAIL


class CannotCreateError(TapError):
    """A file or folder that cannot be written."""

    status = EX_CANTCREAT


class WriteError(TapError):
    """A write that failed half-way: the disk is full, say.  Nothing is left behind."""

    status = EX_IOERR


class UnsavableError(TapError):
    """Objects that no tap can hold, all of them at once.

    :param objects: one line each: the way through the tree, the type, where it was defined, the remedy.
    """

    status = EX_SOFTWARE

    def __init__(self, subject: str, objects: Sequence[str]) -> None:
        self.objects = tuple(objects)
        count = "one object" if len(objects) == 1 else f"{len(objects)} objects"
        super().__init__(subject, f"{count} cannot be saved:\n  " + "\n  ".join(objects))


class IncompleteGraphError(TapError):
    """The saved objects are not all of the application as it was made.

    :param differences: one line each.
    """

    status = EX_SOFTWARE

    def __init__(self, subject: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        lines = "\n  ".join(differences)
        reason = "its graph alone is not the application: leave --keep graph out, and each start follows the recipe"
        super().__init__(subject, f"{reason}\n  {lines}")


def os_reason(error: OSError) -> str:
    """The system's own words for an error, in lower case as they stand in a sentence."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
