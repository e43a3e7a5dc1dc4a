"""The process: its surroundings, its phases, its pidfile, who it becomes, and what systemd is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapdaemon import errors
from tapdaemon.run import phases, surroundings
from tapdaemon.run.notify import MESSAGE_MAX, SystemdNotifier, one_line
from tapdaemon.run.pidfile import LockedPidfile
from tapdaemon.run.privileges import identify


def test_what_systemd_passed_is_read_once_and_stripped():
    """Sockets in order with their names, the watchdog in seconds; children inherit none of it."""
    environ = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "30000000",
        "LISTEN_PID": "7",
        "LISTEN_FDS": "3",
        "LISTEN_FDNAMES": "web:web",
        "STATE_DIRECTORY": "/var/lib/tap/web:/other",
        "HOME": "/",
    }
    here = surroundings.take(environ, 7)
    assert here.listen_fds == ((3, "web"), (4, "web"), (5, "unknown"))
    assert (here.watchdog, here.systemd, here.state) == (30.0, True, "/var/lib/tap/web")
    assert environ == {"STATE_DIRECTORY": "/var/lib/tap/web:/other", "HOME": "/"}


@pytest.mark.parametrize(
    "environ",
    [
        {"LISTEN_PID": "8", "LISTEN_FDS": "1", "WATCHDOG_PID": "8", "WATCHDOG_USEC": "1"},
        {"LISTEN_FDS": "1", "WATCHDOG_USEC": "0"},
        {"LISTEN_PID": "7", "LISTEN_FDS": "-1", "WATCHDOG_USEC": "x"},
        {"SYSTEMD_EXEC_PID": "8"},
    ],
)
def test_what_was_meant_for_another_is_left(environ):
    """Another pid, no number: nothing is taken, and SYSTEMD_EXEC_PID of an ancestor makes us no service."""
    here = surroundings.take(environ, 7)
    assert (here.listen_fds, here.watchdog, here.systemd) == ((), None, False)


def test_every_life_ends():
    """From each phase some event leads on, and a stop is allowed everywhere after the loading."""
    for phase in phases.Phase:
        if phase is not phases.Phase.ENDED:
            assert any((phase, event) in phases._TABLE for event in phases.Event)
        if phase is not phases.Phase.LOADING:
            phases.after(phase, phases.Event.STOP)
    assert set(phases.ANNOUNCEMENTS) == set(phases.Phase)


def test_only_what_was_ready_is_saved():
    """A failed start leads past saving only by way of stopping."""
    assert phases.after(phases.Phase.STARTING, phases.Event.FAILED) is phases.Phase.STOPPING
    with pytest.raises(ValueError, match="drained while ready"):
        phases.after(phases.Phase.READY, phases.Event.DRAINED)


@given(st.text())
def test_a_status_can_always_be_sent(text):
    """One line of ASCII, far below a datagram's size."""
    line = one_line(text)
    assert "\n" not in line
    assert line.isascii()
    assert len(line) < MESSAGE_MAX


def test_a_manager_that_cannot_be_reached_is_reported_once(tmp_path):
    """sdnotify would hide it; the application goes on."""
    told: list[str] = []
    notifier = SystemdNotifier(str(tmp_path / "nobody"), told.append)
    notifier.ready("x")
    notifier.barrier()
    assert len(told) == 1
    assert "cannot be reached" in told[0]
    assert "NOTIFY_SOCKET" not in os.environ


def test_a_muted_notifier_says_later_what_it_has_to_store(tmp_path):
    """Until systemd knows the process it would take nothing from it; what it bound is stored then."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, socket.create_server(("127.0.0.1", 0)) as bound:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0.1)
        notifier = SystemdNotifier(str(tmp_path / "notify"), lambda text: None, muted=True)
        notifier.ready("x")
        notifier.status("x")
        notifier.barrier()
        notifier.store(bound.fileno(), "name")
        with pytest.raises(TimeoutError):
            manager.recv(1)
        notifier.speak()
        data, fds, _, _ = socket.recv_fds(manager, 4096, 2)
        assert data == b"FDSTORE=1\nFDNAME=name"
        assert os.fstat(fds[0]).st_ino == os.fstat(bound.fileno()).st_ino
        os.close(fds[0])
        notifier.discard("name")
        assert manager.recv(4096) == b"FDSTOREREMOVE=1\nFDNAME=name"


def test_a_locked_pidfile_names_its_holder(tmp_path):
    """The lock is what counts, and it is gone with its holder."""
    path = str(tmp_path / "pid")
    holder = LockedPidfile(path)
    holder.write()
    with pytest.raises(errors.AlreadyRunningError, match=f"process {os.getpid()} runs"):
        LockedPidfile(path)
    holder.remove()
    assert not Path(path).exists()
    LockedPidfile(path).remove()


def test_a_pidfile_is_no_way_to_write_elsewhere(tmp_path):
    """A link in its place is not followed."""
    (tmp_path / "pid").symlink_to(tmp_path / "victim")
    with pytest.raises(errors.CannotCreateError):
        LockedPidfile(str(tmp_path / "pid"))
    assert not (tmp_path / "victim").exists()


def test_users_and_groups_are_looked_up():
    """By name or number; the group is the user's own unless named."""
    assert identify(None, None) is None
    root = identify("root", None)
    assert root is not None
    assert (root.uid, root.gid) == (0, 0)
    number = identify(0, "0")
    assert number is not None
    assert number.gid == 0
    for wrong in (("no-such-user", None), (None, "no-such-group")):
        with pytest.raises(errors.UnknownUserError):
            identify(*wrong)
