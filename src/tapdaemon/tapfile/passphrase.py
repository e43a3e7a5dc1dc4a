"""Where a passphrase comes from: a file, the credential that systemd hands over, a terminal.  It keeps none."""

from __future__ import annotations

import os
import stat

from tapdaemon.errors import TapSealedError, UnreadableError, UsageError, os_reason

CREDENTIAL = "tap-passphrase"
"""The name of the credential (systemd.exec(5), LoadCredential=)."""
LONGEST = 4096
_OR_CREDENTIAL = f"; under systemd give it the credential {CREDENTIAL}"


def read(path: str) -> bytes:
    """The passphrase in a file, without a newline at its end.

    :raises UnreadableError: it cannot be read, or others may read it.
    :raises UsageError: it holds none.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_mode & 0o007:
                raise UnreadableError(path, "everybody may read this passphrase", f"chmod 600 {path}")
            found = file.read(LONGEST + 1)
    except OSError as error:
        what = f"passphrase file {path}"
        raise UnreadableError(what, f"cannot be read: {os_reason(error)}", "name another file") from error
    return _checked(found.removesuffix(b"\n"), path)


def ask(subject: str, *, twice: bool = False) -> bytes:
    """The passphrase that somebody types at the terminal.

    :param subject: what it is for.
    :param twice: for a new one, so that a slip does not shut it for good.
    :raises TapSealedError: there is no terminal.
    :raises UsageError: the two differ, or it is empty.
    """
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise TapSealedError(
            subject,
            f"{'to be ' if twice else ''}sealed, and there is neither a passphrase nor a terminal to ask for one",
            f"name a file with --passphrase-file{'' if twice else _OR_CREDENTIAL}",
        ) from None
    typed = getpass.getpass(f"Passphrase of {subject}: ").encode("utf-8", "surrogateescape")
    if twice and getpass.getpass("The same again: ").encode("utf-8", "surrogateescape") != typed:
        raise UsageError("passphrase", "the two are not the same", "try again")
    return _checked(typed, "passphrase")


def find(subject: str, path: str | None, credentials: str, *, new: bool = False) -> bytes:
    """The passphrase from where it was said to be: `path`, else the credential, else whoever sits at the terminal.

    :param credentials: $CREDENTIALS_DIRECTORY, or empty.
    :param new: for a tap that is going to be sealed.
    """
    if path is not None:
        return read(path)
    handed = os.path.join(credentials, CREDENTIAL)
    if os.path.isabs(handed) and os.path.exists(handed):
        return read(handed)
    return ask(subject, twice=new)


def _checked(found: bytes, subject: str) -> bytes:
    if not found or len(found) > LONGEST:
        fact = "no passphrase: it is empty" if not found else f"longer than {LONGEST} bytes"
        raise UsageError(subject, fact, "a passphrase has at least one character")
    return found
