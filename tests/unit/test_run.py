"""The process: surroundings, phases, the notify and journal protocols, pidfile, sockets, and tapd's options."""

from __future__ import annotations

import array
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from tapdaemon import errors
from tapdaemon.cli import tapd_options
from tapdaemon.run import handover, journal, phases, sockets, surroundings
from tapdaemon.run.adoption import Listening
from tapdaemon.run.notify import MESSAGE_MAX, SystemdNotifier, one_line
from tapdaemon.run.pidfile import LockedPidfile
from tapdaemon.run.privileges import identify
from tapdaemon.tapfile.manifest import Listen

# ---- surroundings


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


# ---- phases


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


# ---- notify


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


# ---- journal


def test_an_entry_has_the_fields_of_its_event():
    """Level to priority, namespace, system, name."""
    event = {
        "log_level": LogLevel.warn,
        "log_namespace": "shop",
        "log_system": "Shop,1,127.0.0.1",
        "log_format": "{n} left",
        "n": 3,
    }
    assert journal.fields(event, "web", ("/shop.py", 7, "sell")) == {
        "MESSAGE": "3 left",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "web",
        "TAP_NAME": "web",
        "TWISTED_NAMESPACE": "shop",
        "TWISTED_SYSTEM": "Shop,1,127.0.0.1",
        "CODE_FILE": "/shop.py",
        "CODE_LINE": "7",
        "CODE_FUNC": "sell",
    }


@pytest.mark.parametrize("key", ["log_failure", "failure"])
def test_a_failure_has_fields_of_its_own(key):
    """Whether log.failure or twisted.python.log.err told it."""
    failure = Failure(LookupError("gone"))
    entry = journal.fields({"log_level": LogLevel.critical, "log_format": "oh", key: failure}, "web", None)
    assert entry["ERROR_TYPE"] == "builtins.LookupError"
    assert "LookupError: gone" in entry["TRACEBACK"]


def test_a_value_with_a_newline_goes_with_its_length():
    """The native protocol's second form; lone surrogates and NULs do not break it."""
    assert journal.encode({"A": "x", "B": "y\nz"}) == b"A=x\nB\n" + struct.pack("<Q", 3) + b"y\nz\n"
    assert journal.encode({"A": "\udcff"}) == b"A=\\udcff\n"


def test_the_observer_says_where_the_event_came_from(tmp_path):
    """The caller's file and line; of a failure those of the code that raised."""
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(path)
        observer = journal.JournalObserver("web", path)
        observer({"log_level": LogLevel.info, "log_format": "here"})
        assert b"CODE_FILE=" + __file__.encode() in journald.recv(65536)
        try:
            json.loads("{")
        except ValueError:
            observer({"log_level": LogLevel.critical, "log_format": "oh", "log_failure": Failure()})
        entry = journald.recv(65536)
        assert b"decoder.py\n" in entry
        assert b"TRACEBACK\n" in entry


def test_a_large_entry_goes_in_a_sealed_file(tmp_path):
    """What no datagram holds arrives through a descriptor that nobody can change any more."""
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(path)
        journal.JournalObserver("web", path).send(b"MESSAGE=" + b"x" * 2**22)
        data, ancillary, _, _ = journald.recvmsg(10, socket.CMSG_SPACE(array.array("i").itemsize))
        (fd,) = array.array("i", ancillary[0][2])
        assert data == b""
        assert os.fstat(fd).st_size == 2**22 + 8
        with pytest.raises(PermissionError):
            os.write(fd, b"x")
        os.close(fd)


def test_without_a_journal_lines_have_their_prefix(capsys):
    """<N> of sd-daemon(3) before each line."""
    journal.PrefixObserver(sys.stderr)({"log_level": LogLevel.error, "log_format": "one\ntwo"})
    assert capsys.readouterr().err == "<3>one\n<3>two\n"


# ---- pidfile


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


# ---- who it becomes


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


# ---- sockets


def listener(kind: str, path: str = "") -> Listen:
    host = {"tcp6": "::1", "udp6": "::1"}.get(kind, "127.0.0.1")
    return Listen(kind, "app/x", path=path) if path else Listen(kind, "app/x", host=host, port=0)


def test_what_is_bound_is_adopted_by_address(tmp_path):
    """TCP, UNIX and UDP: the service that asks for the address gets the socket; the rest is closed."""
    path = str(tmp_path / "s")
    held = sockets.bind([listener("tcp4"), listener("unix", path), listener("udp4")], None)
    inodes = [os.fstat(one.socket.fileno()).st_ino for one in held]

    class Proxy:
        """A reactor of our own to patch, which does its work with the real one."""

        def __getattr__(self, name):
            return getattr(reactor, name)

    proxy = Proxy()
    listening = Listening(proxy, held)
    listening.install()
    port = proxy.listenTCP(0, Factory(), interface="127.0.0.1")
    unix = proxy.listenUNIX(path, Factory())
    try:
        assert [os.fstat(one.fileno()).st_ino for one in (port, unix)] == inodes[:2]
        assert set(listening.ports) == {port, unix} == set(listening.adopted)
        assert [one.address for one in listening.unclaimed()] == ["udp4:127.0.0.1:0"]
        other = proxy.listenTCP(0, Factory(), interface="127.0.0.1")
        assert other not in listening.adopted
        other.stopListening()
    finally:
        port.stopListening()
        unix.stopListening()


def test_a_held_address_is_not_a_method_of_whoever_keeps_it():
    """A class that keeps reactor.listenTCP as an attribute (FTP does) still calls it without itself."""

    class Port:
        """Keeps what listenTCP was called with."""

        def __init__(self, *arguments):
            self.arguments = arguments

    class Reactor:
        def listenTCP(self, *arguments):
            return Port(*arguments)

        listenUNIX = listenUDP = adoptStreamPort = listenTCP

    patched = Reactor()
    Listening(patched, []).install()

    class Keeps:
        listen = patched.listenTCP

    assert Keeps().listen(1, "factory").arguments == (1, "factory", 50, "")


def test_what_cannot_be_bound_is_told_and_lets_go():
    """69 and the service's path for a port in use; nothing stays bound."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = Listen("tcp4", "app/web", host="127.0.0.1", port=holder.getsockname()[1])
        with pytest.raises(errors.AddressError, match="app/web: cannot listen on tcp4") as caught:
            sockets.bind([listener("tcp4"), taken], None)
    assert caught.value.status == 69


def test_a_dead_unix_socket_is_no_obstacle(tmp_path):
    """What a killed process left is removed; what somebody listens on is not."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    (held,) = sockets.bind([listener("unix", path)], None)
    with pytest.raises(errors.AddressError):
        sockets.bind([listener("unix", path)], None)
    held.socket.close()


# ---- options


def test_letters_and_defaults_are_twistds():
    """Every option that twistd has is here, with its letter and whether it takes a value."""
    from twisted.scripts._twistd_unix import ServerOptions

    theirs = ServerOptions()
    ours = {option.name: option for option in tapd_options.TABLE}
    flags = {long.rstrip("="): long.endswith("=") for long in theirs.longOpt}
    assert flags.keys() <= ours.keys()
    for name, takes in flags.items():
        assert bool(ours[name].metavar) == takes, name
    letters = {letter.strip("-"): name for name, letter in theirs.synonyms.items() if len(letter) == 1} or {}
    for option in ours.values():
        if option.short and option.short in letters:
            assert letters[option.short] == option.name
    short = theirs.shortOpt.replace(":", "")
    assert set(short) <= {option.short for option in ours.values()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-noy x.tac", {"nodaemon": True, "no_save": True, "python": "x.tac"}),
        ("web.tap -n", {"nodaemon": True, "tap": "web.tap"}),
        ("--pidfile= -l -", {"pidfile": "", "logfile": "-"}),
        ("--umask 027 -u www -g 33", {"umask": 0o27, "uid": "www", "gid": "33"}),
        ("--nodae --drain-timeout=2.5", {"nodaemon": True, "drain_timeout": 2.5}),
        ("-b", {"debug": True, "nodaemon": True}),
    ],
)
def test_a_command_line_becomes_options(line, expected):
    """Clusters, abbreviations and values, as getopt has them."""
    options = tapd_options.parse(line.split())
    assert {name: getattr(options, name) for name in expected} == expected


def test_start_up_meets_neither_click_nor_plugins():
    """tapd's own imports are the ones a start needs."""
    code = (
        "import sys; from tapdaemon.cli import tapd; from tapdaemon.run import start, runner, source, sockets, logs; "
        "print(*sorted({'click', 'daemon', 'sdnotify', 'tapdaemon.core.makers', 'tapdaemon.persist.make.making', "
        "'tapdaemon.unit', 'importlib.metadata', 'twisted.internet.reactor'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_looking_meets_no_twisted(tmp_path):
    """What tapctl show and the generator import stays within the standard library, click apart."""
    code = (
        "import sys; import tapdaemon.cli.tapctl, tapdaemon.cli.show, tapdaemon.unit.generator, tapdaemon.unit.stage; "
        "print(*[name for name in sys.modules if name.split('.')[0] in ('twisted', 'zope', 'daemon', 'sdnotify')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


# ---- addresses and the fd store


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        ("", ("tcp4", "0.0.0.0", 80)),
        ("127.0.0.1", ("tcp4", "127.0.0.1", 80)),
        ("localhost", ("tcp4", "127.0.0.1", 80)),
        ("::0", ("tcp6", "::", 80)),
        ("FE80::1%lo", ("tcp6", "fe80::1%lo", 80)),
        ("not::an::address", ("tcp6", "not::an::address", 80)),
    ],
)
def test_what_an_application_asks_for(interface, expected):
    """As the reactor understands an interface, in the kernel's own spelling."""
    assert sockets.wanted("tcp", interface, 80) == expected


def test_names_in_the_fd_store():
    """ASCII without a colon, and no longer than systemd takes."""
    assert sockets.fd_name(("tcp6", "::1", 80)) == "tcp6-__1-80"
    assert sockets.fd_name(("unix", "/run/\n\u00e9:x", 0)) == "unix-/run/___x"
    assert len(sockets.fd_name(("unix", "/" + "x" * 300, 0))) == 255


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


# ---- a reload's two ends


def test_descriptors_beyond_one_message_arrive_in_order():
    """SCM_MAX_FD is 253."""
    ours, theirs = handover.Channel.pair()
    other = handover.Channel(socket.socket(fileno=theirs))
    pipes = [os.pipe() for _ in range(300)]
    try:
        fds = [fd for pair in pipes for fd in pair]
        ours.send(handover.Say.GO, fds, names=[str(fd) for fd in fds])
        message = other.receive()
        assert message.say is handover.Say.GO
        assert [os.fstat(fd).st_ino for fd in message.fds] == [os.fstat(fd).st_ino for fd in fds]
        assert not any(os.get_inheritable(fd) for fd in message.fds)
        handover.close_all(message.fds)
        ours.close()
        assert other.receive() is None
    finally:
        other.close()
        handover.close_all(fds)
