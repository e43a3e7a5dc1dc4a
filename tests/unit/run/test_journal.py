"""Log events as entries of the journal."""

from __future__ import annotations

import array
import json
import os
import socket
import struct
import sys

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from tapdaemon.run import journal


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
