"""Puts a file over another in the mount namespace of a running service; it knows no taps.

The service cannot do it itself, and a mount made there is seen there alone (mount_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os

from tapdaemon.errors import EX_OSERR, CannotCreateError

_CLONE_NEWNS = 0x00020000
_MNT_DETACH = 2
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 32, 4096


def replace(pid: int, source: str, target: str) -> None:
    """Bind `source` over `target`, read-only, as process `pid` sees both; nothing where they have the same content.

    :raises CannotCreateError: with the path.
    """
    child = os.fork()
    if child == 0:
        status = EX_OSERR
        try:
            enter(pid)
            if not _same(source, target):
                _bind(source, target)
            status = 0
        except OSError as error:
            status = error.errno or EX_OSERR
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        reason = os.strerror(status) if status > 0 else f"signal {-status}"
        raise CannotCreateError(target, f"cannot be put before the service: {reason}", "restart it")


def enter(pid: int) -> None:
    """See the files that process `pid` sees, from here on.

    :raises OSError: as setns(2) does, with the file that names the namespace.
    """
    fd = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    _call("setns", fd, _CLONE_NEWNS)


def _same(source: str, target: str) -> bool:
    try:
        with open(source, "rb") as one, open(target, "rb") as other:
            return one.read() == other.read()
    except FileNotFoundError:
        return False


def _bind(source: str, target: str) -> None:
    paths = (os.fsencode(source), os.fsencode(target))
    try:
        _call("mount", *paths, None, ctypes.c_ulong(_MS_BIND), None)
    except FileNotFoundError:
        # What an earlier reload bound there was replaced where it lay: nothing mounts on a file that is gone.
        _call("umount2", paths[1], _MNT_DETACH)
        _call("mount", *paths, None, ctypes.c_ulong(_MS_BIND), None)
    flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV
    _call("mount", None, paths[1], None, ctypes.c_ulong(flags), None)


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
