"""The reload step (ExecReload=): lays down what changed, signals the running tap, and leaves with its verdict.

systemd passes a service its tap and keys when it starts, and 257 does not look at them again; so what may have changed
is laid down for the service's group, the keys over those that it was passed.  Then SIGHUP; the tap answers over a
socket in a folder that root alone writes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from tapdaemon.errors import EX_SOFTWARE, EX_USAGE, CannotCreateError, StartError, TapError, UsageError, os_reason
from tapdaemon.tapfile import folders
from tapdaemon.unit import demands, host, mounts, stage

_JOURNAL_LOOKS = 0.1
"""Seconds: journald looks up which unit a line came from by the pid of its writer, when it reads it."""
PATIENCE = 300.0
"""Seconds to wait for a verdict; systemd's own TimeoutStartSec= ends it sooner."""
_CREDENTIALS = struct.Struct("=iII")  # struct ucred of unix(7)


def reload(name: str, pid: int, environ: Mapping[str, str], *, user: bool) -> str:
    """Reload the tap NAME that process `pid` runs.  Returns what there is to say of it.

    :param user: in the user manager, where the service reads its files by itself.
    :raises TapError: with the reason that the running tap gave; it goes on as it was.
    """
    if user:
        place, gid = _user_folder(environ), os.getegid()
    else:
        # The unit's binds hold for this step as well: what lies under them is seen from PID 1's place alone.
        mounts.enter(1)
        gid = stage.service_group(environ)
        place = folders.STAGE_FOLDER
    try:
        if not user:
            _lay_down(name, gid, pid)
        verdict = _ask(os.path.join(place, f"{name}.reload"), gid, pid)
    finally:
        if not user:
            stage.remove(name)  # the successor has read it; what is bound in its place stays bound
    status, _, reason = verdict.partition(" ")
    if status != "0":
        failure = StartError("", reason or "the running tap ended before it answered", "nothing has changed")
        failure.status = int(status) if status.isdigit() else EX_SOFTWARE
        raise failure
    return f"tap {name} was reloaded"


def _ask(path: str, gid: int, pid: int) -> str:
    """Signal the running tap, and wait for what it answers."""
    with _waiting(path, gid) as listener:
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            raise StartError(f"process {pid}", f"cannot be signalled: {os_reason(error)}") from error
        return _verdict(listener, pid)


def _lay_down(name: str, gid: int, pid: int) -> None:
    path = folders.find(folders.check_name(name))
    stage.stage(name, gid)
    for credential, secret in demands.secrets(host.look(name, path, 0)):
        copy = stage.stage_file(secret, f"{name}.{credential}", gid)
        mounts.replace(pid, copy, secret)


def _user_folder(environ: Mapping[str, str]) -> str:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isabs(runtime):
        raise UsageError("XDG_RUNTIME_DIR", "not set", "run this from a unit of the user manager")
    return os.path.join(runtime, "tapdaemon")


@contextlib.contextmanager
def _waiting(path: str, gid: int) -> Iterator[socket.socket]:
    """A socket that the service's group may connect to."""
    os.close(stage.make_folder(os.path.dirname(path)))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listener.bind(path)
            os.chown(path, os.geteuid(), gid)
            os.chmod(path, 0o660)
            listener.listen(1)
        except OSError as error:
            raise CannotCreateError(path, f"cannot wait there: {os_reason(error)}", "look at its folder") from error
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _verdict(listener: socket.socket, pid: int) -> str:
    """What process `pid`, and nobody else, answers."""
    listener.settimeout(PATIENCE)
    try:
        while True:
            answering, _ = listener.accept()
            with answering:
                asked = answering.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                if _CREDENTIALS.unpack(asked)[0] == pid:
                    answering.settimeout(PATIENCE)
                    return b"".join(iter(functools.partial(answering.recv, 65536), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise StartError(f"process {pid}", f"did not answer: {os_reason(error)}", "see its journal") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the unit's ExecReload=."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    user = given[:1] == ["--user"]
    names = given[1:] if user else given
    pid = os.environ.get("MAINPID", "")
    if len(names) != 1 or not pid.isdigit():
        sys.stderr.write("usage: MAINPID=PID tap-reload [--user] NAME\n")
        return EX_USAGE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # systemd's patience ended: what was laid down goes
    try:
        sys.stdout.write(f"{reload(names[0], int(pid), os.environ, user=user)}\n")
    except (TapError, OSError) as error:
        sys.stderr.write(f"tap-reload: {error}\n")
        sys.stderr.flush()
        time.sleep(_JOURNAL_LOOKS)
        return 1
    return 0
