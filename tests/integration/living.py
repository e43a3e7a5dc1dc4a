"""What a row of the living table is, and the .tac file that holds a group of them with a port to command them by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A service that is used and asked while it runs, and asked again by whoever resumes it.

    :param title: what the table of docs/ calls it.
    :param source: a part of a .tac; its last class is the service, whose `do_` methods are the commands.
    :param use: commands that change its state; they are given once in each phase.
    :param ask: commands whose answers are compared with those of twistd, which never stopped.
    :param lost: commands of which another answer will do, where `named` is told as left out.
    :param named: what the place of the lost object contains, beside the name of the service.
    :param silent: what is lost is lost by design and not told.
    :param still: its answers are the same before it was used.
    :param fresh: an answer right after a start, where it tells of something that belongs to one process.
    :param later: the answers after a stop, after a reload and after a change of code; an empty one is twistd's.
    """

    title: str
    source: str
    use: tuple[str, ...] = ("use",)
    ask: tuple[str, ...] = ("get",)
    lost: tuple[str, ...] = ()
    named: str = ""
    silent: bool = False
    still: bool = False
    fresh: Mapping[str, str] = {}
    later: Mapping[str, tuple[str, str, str]] = {}

    @property
    def service(self) -> str:
        """The name of its class."""
        return re.findall(r"^class (\w+)", self.source, re.MULTILINE)[-1]

    @property
    def name(self) -> str:
        """The name of its service: also what a test is called by."""
        return self.service.lower()

    @property
    def making(self) -> str:
        return f'{self.source.strip()}\n\n\nadd("{self.name}", {self.service}())\n'


class Setting(NamedTuple):
    """A setting of the whole process, made at the top of a .tac, with an `ask_` function that tells of it."""

    title: str
    source: str
    use: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    named: str = ""
    silent: bool = False
    still: bool = True
    fresh: Mapping[str, str] = {}
    later: Mapping[str, tuple[str, str, str]] = {}

    @property
    def name(self) -> str:
        return re.findall(r"^def ask_(\w+)", self.source, re.MULTILINE)[-1]

    @property
    def ask(self) -> tuple[str, ...]:
        return ("ask",)

    @property
    def making(self) -> str:
        return f'{self.source.strip()}\n\n\nSETTINGS["{self.name}"] = ask_{self.name}\n'


class Group(NamedTuple):
    """Rows that one application holds: few processes serve many rows.

    :param head: what its rows import.
    :param files: modules that lie beside the .tac.
    """

    name: str
    head: str
    rows: Sequence[Row | Setting]
    files: Mapping[str, str] = {}


CONTROL = '''\
"""Services that are commanded over one port: NAME COMMAND, and a line comes back.

A module of its own, so that what a .tac holds beside it is there only where the .tac was run.
"""
from twisted.application import service
from twisted.internet import defer, protocol, reactor, task
from twisted.protocols.basic import LineReceiver

SETTINGS = {}


class Asked(LineReceiver):
    delimiter = b"\\n"

    def lineReceived(self, line):
        name, command = line.decode().split()
        answer = defer.maybeDeferred(self.factory.answer, name, command)
        answer.addErrback(lambda why: f"!{why.type.__name__}: {why.getErrorMessage()}")
        answer.addCallback(lambda told: self.sendLine(str(told).replace("\\n", " ").encode()))


class Control(protocol.Factory):
    protocol = Asked

    def __init__(self, root):
        self.root = root

    def answer(self, name, command):
        if command == "ask":
            return SETTINGS[name]()
        return getattr(service.IServiceCollection(self.root).getServiceNamed(name), "do_" + command)()


def until(true, tries=500):
    """What it answers as soon as that is true."""
    told = true()
    if told or not tries:
        return told
    return task.deferLater(reactor, 0.01, until, true, tries - 1)
'''

TOP = """\
import itertools
import os
import sys
import time

from control import SETTINGS, Control, until
from twisted.application import internet, service, strports
from twisted.application.service import MultiService, Service
from twisted.internet import defer, protocol, reactor, task

VERSION = @VERSION@
SETTINGS["version"] = lambda: VERSION
application = service.Application("living")
control = strports.service("tcp:@PORT0@:interface=127.0.0.1", Control(application))
control.setServiceParent(application)


def add(name, one):
    one.setName(name)
    one.setServiceParent(application)
"""


def tac(group: Group, rows: Sequence[Row | Setting], version: int, ports: Sequence[int]) -> str:
    """The .tac file of some rows; another version of it has a comment more, and another constant.

    :param ports: of the control connection, then those that rows call @PORT1@ and so on.
    """
    told = "# Changed: every line below has moved.\n\n" if version > 1 else ""
    text = told + "\n\n".join([TOP, group.head, *(row.making for row in rows)])
    text = text.replace("@VERSION@", str(version))
    for number, port in enumerate(ports):
        text = text.replace(f"@PORT{number}@", str(port))
    return text
