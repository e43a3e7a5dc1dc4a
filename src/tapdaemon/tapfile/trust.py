"""Whether a file may be obeyed: only root or its reader could have written it.  It knows nothing of taps.

Running a tap runs code that its author chose, so the boundary is who could write the file (as sshd asks it of
authorized_keys, StrictModes in sshd_config(5)).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from tapdaemon.errors import TapUntrustedError

PrivateGroup = Callable[[int, int], bool]


def private_group(uid: int, gid: int) -> bool:
    """Whether `gid` is the group that belongs to user `uid` alone: its primary group, and without other members."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and user.pw_name == group.gr_name and set(group.gr_mem) <= {user.pw_name}


def distrust(
    file: os.stat_result,
    folder: os.stat_result,
    uid: int,
    is_private: PrivateGroup = private_group,
) -> str | None:
    """Why a file must not be obeyed by user `uid`; None where it may.

    Accepted is a regular file that root or `uid` owns and nobody else may write, in such a folder.  The owner's
    private group counts as the owner; a sticky folder (/tmp) is accepted where the file is the reader's own.
    """
    if not stat.S_ISREG(file.st_mode):
        return "it is no regular file"
    reason = _writable_by_others("it", file, uid, is_private)
    if reason:
        return reason
    if folder.st_mode & stat.S_ISVTX and file.st_uid == uid:
        return None
    return _writable_by_others("its folder", folder, uid, is_private)


def _writable_by_others(what: str, status: os.stat_result, uid: int, is_private: PrivateGroup) -> str | None:
    if status.st_uid not in (0, uid):
        return f"{what} belongs to uid {status.st_uid}, not to root or uid {uid}"
    if status.st_mode & stat.S_IWOTH:
        return f"everybody may write {'it' if what == 'it' else what}"
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0 and not is_private(status.st_uid, status.st_gid):
        return f"group {status.st_gid} may write {'it' if what == 'it' else what}"
    return None


def check(path: str, fd: int, uid: int) -> os.stat_result:
    """Check the open file `fd`, which was opened as `path`.

    :raises TapUntrustedError: with the reason.
    """
    status = os.fstat(fd)
    reason = distrust(status, os.stat(os.path.dirname(os.path.abspath(path))), uid)
    if reason is not None:
        raise TapUntrustedError(
            path,
            f"not trusted: {reason}",
            f"only root or uid {uid} may be able to write a tap; have its owner look at who could have changed it",
        )
    return status
