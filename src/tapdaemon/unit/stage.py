"""The root step for what a credential cannot hold: a copy that the service may read and nobody else.

That is a tap above the limit, and what changed by the time of a reload.

It works through folder descriptors in a folder that only root writes, and the copy belongs to root, readable by the
service's group: a service can plant no link in its way and change nothing that its next start obeys.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence

from tapdaemon.errors import EX_OSERR, EX_USAGE, CannotCreateError, TapError, os_reason
from tapdaemon.tapfile import folders, trust
from tapdaemon.tapfile.container import open_tap

_CHUNK = 2**20


def stage(
    name: str, gid: int, *, taps: Sequence[str] = folders.SYSTEM_FOLDERS, folder: str = folders.STAGE_FOLDER
) -> str:
    """Copy the installed tap NAME to `folder`, mode 0440, for group `gid`.  Returns the copy's path.

    :raises TapError: it is missing, not trusted, or cannot be copied.
    """
    path = folders.find(folders.check_name(name), taps)
    source = open_tap(path)
    try:
        trust.check(path, source, 0)
        return _lay_down(source, name + folders.SUFFIX, gid, folder)
    finally:
        os.close(source)


def stage_file(path: str, target: str, gid: int, *, folder: str = folders.STAGE_FOLDER) -> str:
    """Copy a file of root's to `folder` under the name `target`, likewise.

    :raises CannotCreateError: it cannot be read or copied.
    """
    try:
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise CannotCreateError(path, f"cannot be read: {os_reason(error)}", "look at its path") from error
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise CannotCreateError(path, "it is no regular file", "name a file")
        return _lay_down(source, target, gid, folder)
    finally:
        os.close(source)


def _lay_down(source: int, target: str, gid: int, folder: str) -> str:
    temporary = f".{target}.{os.getpid()}"
    try:
        place = make_folder(folder)
        try:
            copy = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400, dir_fd=place)
            try:
                _copy(source, copy)
                os.fchown(copy, os.geteuid(), gid)
                os.fchmod(copy, 0o440)
                os.fsync(copy)
            finally:
                os.close(copy)
            os.rename(temporary, target, src_dir_fd=place, dst_dir_fd=place)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=place)
            raise
        finally:
            os.close(place)
    except OSError as error:
        raise CannotCreateError(
            os.path.join(folder, target), f"cannot be staged: {os_reason(error)}", "free space in /run"
        ) from error
    return os.path.join(folder, target)


def make_folder(folder: str) -> int:
    """Open the folder, made where it is missing, that only we write and everybody may pass.

    :raises CannotCreateError: somebody else may write it.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(place)
    if status.st_uid == os.geteuid():
        os.fchmod(place, 0o711)  # whatever the unit's umask
        status = os.fstat(place)
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        os.close(place)
        raise CannotCreateError(folder, "others than root may write it", "remove it")
    return place


def _copy(source: int, target: int) -> None:
    while data := os.read(source, _CHUNK):
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]


def remove(name: str, *, folder: str = folders.STAGE_FOLDER) -> None:
    """Remove the copies of this tap and of its files, if there are any."""
    target = re.compile(re.escape(folders.check_name(name)) + r"(\.file-\d+|\.tap)\Z")
    with contextlib.suppress(FileNotFoundError):
        for entry in os.listdir(folder):
            if target.match(entry):
                os.unlink(os.path.join(folder, entry))


def service_group(environ: Mapping[str, str]) -> int:
    """The group of the service that this step prepares: systemd has made its state folder over to it already.

    :raises CannotCreateError: there is no such folder.
    """
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if not folder:
        raise CannotCreateError("STATE_DIRECTORY", "not set", "run this from a unit that has StateDirectory=")
    return os.stat(folder).st_gid


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the unit's ExecStartPre= and ExecStopPost=."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    removing = given[:1] == ["--remove"]
    names = given[1:] if removing else given
    if len(names) != 1:
        sys.stderr.write("usage: tap-stage [--remove] NAME\n")
        return EX_USAGE
    try:
        if removing:
            remove(names[0])
        else:
            stage(names[0], service_group(os.environ))
    except TapError as error:
        sys.stderr.write(f"tap-stage: {error}\n")
        return error.status
    except OSError as error:
        sys.stderr.write(f"tap-stage: {error}\n")
        return EX_OSERR
    return 0
