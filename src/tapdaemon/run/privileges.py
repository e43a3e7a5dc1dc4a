"""Who the process becomes, and the becoming; it opens no tap.

Nothing of a tap runs as root unless its manifest, or the caller, names root.
"""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from tapdaemon.errors import PrivilegeError, UnknownUserError, os_reason


class Identity(NamedTuple):
    """A user to become.

    :param effective: set only the effective ids, as --euid asks, so that root can be had back.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    effective: bool = False


def identify(uid: int | str | None, gid: int | str | None, *, effective: bool = False) -> Identity | None:
    """Look a user and group up; None where neither is named.

    :raises UnknownUserError: this machine does not have them.
    """
    import pwd

    if uid is None and gid is None:
        return None
    number = os.getuid() if uid is None else _user(uid)
    try:
        entry = pwd.getpwuid(number)
    except KeyError:
        entry = None
    group = _group(gid) if gid is not None else entry.pw_gid if entry is not None else number
    groups = tuple(os.getgrouplist(entry.pw_name, group)) if entry is not None else (group,)
    return Identity(number, group, groups, effective)


def _user(uid: int | str) -> int:
    import pwd

    if isinstance(uid, int) or uid.isdigit():
        return int(uid)
    try:
        return pwd.getpwnam(uid).pw_uid
    except KeyError:
        raise UnknownUserError(f"user {uid!r}", "this machine has no such user") from None


def _group(gid: int | str) -> int:
    import grp

    if isinstance(gid, int) or gid.isdigit():
        return int(gid)
    try:
        return grp.getgrnam(gid).gr_gid
    except KeyError:
        raise UnknownUserError(f"group {gid!r}", "this machine has no such group") from None


def become(identity: Identity | None) -> None:
    """Become that user; for good, unless only the effective ids were asked for.

    :raises PrivilegeError: we are neither root nor that user.
    """
    if identity is None:
        return
    if not identity.effective and _is(identity):
        return  # not even asked again: a sandbox may kill whoever calls setgroups(2)
    if os.geteuid() != 0:
        raise PrivilegeError(
            f"uid {identity.uid}, gid {identity.gid}",
            f"uid {os.geteuid()} may not become it",
            "start it as root, or leave out -u and -g",
        )
    try:
        os.setgroups(identity.groups)
        if identity.effective:
            os.setegid(identity.gid)
            os.seteuid(identity.uid)
        else:
            os.setresgid(identity.gid, identity.gid, identity.gid)
            os.setresuid(identity.uid, identity.uid, identity.uid)
    except OSError as error:
        raise PrivilegeError(f"uid {identity.uid}, gid {identity.gid}", f"cannot be had: {os_reason(error)}") from error


def _is(identity: Identity) -> bool:
    """Whether we are that user for good, in no group beyond his."""
    ids = (os.getresuid(), os.getresgid())
    groups = set(os.getgroups())
    return ids == ((identity.uid,) * 3, (identity.gid,) * 3) and groups <= {identity.gid, *identity.groups}


@contextlib.contextmanager
def regained() -> Iterator[None]:
    """While open, the effective user is root again where only the effective ids were changed; else nothing happens.

    Snapshots are root's then: what the effective user could write must not be obeyed by a process that can be root.
    """
    user = os.geteuid()
    if user == 0 or os.getuid() != 0:
        yield
        return
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(user)
