"""tapd's options in one table: read by the lean parser of a start and by click for help and completion."""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import getopt
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tapdaemon.errors import UsageError
from tapdaemon.run.options import Options


class Option(NamedTuple):
    """One option.

    :param short: its letter, or empty.
    :param field: of `Options`, or empty for one that ends the command.
    :param metavar: empty for a flag.
    """

    name: str
    short: str
    field: str
    metavar: str
    help: str
    convert: Callable[[str], Any] = str


def _octal(text: str) -> int:
    value = int(text, 8)
    if not 0 <= value <= 0o777:  # noqa: PLR2004 - the bits of umask(2)
        raise ValueError
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:  # noqa: PLR2004 - eleven days; no NaN, no infinity
        raise ValueError
    return value


TABLE: tuple[Option, ...] = (
    Option("nodaemon", "n", "nodaemon", "", "Stay in the foreground."),
    Option("file", "f", "file", "TAP", "Read the application from this tap (twistd.tap)."),
    Option("python", "y", "python", "FILE", "Take 'application' from a Python file; implies -o."),
    Option("source", "s", "source", "FILE", "Read the application from a .tas file as stock sob writes it."),
    Option("encrypted", "e", "encrypted", "", "The tap is sealed: ask for its passphrase, before daemonizing."),
    Option("passphrase-file", "", "passphrase_file", "FILE", "Read the passphrase of a sealed tap from this file."),
    Option("instance", "", "instance", "NAME", "Find NAME.tap in /etc/tap, /run/tap, /usr/lib/tap."),
    Option("logfile", "l", "logfile", "FILE", "Log to this file, - for standard output."),
    Option("logger", "", "logger", "NAME", "Fully qualified name of a log observer factory."),
    Option("syslog", "", "syslog", "", "Log to syslog."),
    Option("prefix", "", "prefix", "TEXT", "Prefix of syslog lines (twisted)."),
    Option("rundir", "d", "rundir", "FOLDER", "Change to this folder before running (.)."),
    Option("chroot", "", "chroot", "FOLDER", "Change the root to this folder."),
    Option("pidfile", "", "pidfile", "FILE", "Name of the pidfile (twistd.pid when daemonizing; '' for none)."),
    Option("umask", "", "umask", "MASK", "The umask, octal.", _octal),
    Option("uid", "u", "uid", "USER", "User to run as, by name or number; else the tap's."),
    Option("gid", "g", "gid", "GROUP", "Group to run as, by name or number; else the tap's."),
    Option("euid", "", "euid", "", "Set only the effective user and group."),
    Option("reactor", "r", "reactor", "NAME", "Which reactor to use; see --help-reactors."),
    Option("help-reactors", "", "", "", "List the reactors, and exit."),
    Option("no_save", "o", "no_save", "", "Do not save state on shutdown."),
    Option("originalname", "", "originalname", "", "Do not change the process's title."),
    Option("profile", "p", "profile", "FILE", "Run under a profiler; the result goes to this file."),
    Option("profiler", "", "profiler", "NAME", "Which profiler (cprofile)."),
    Option("savestats", "", "savestats", "", "Save the profiler's statistics object rather than text."),
    Option("debug", "b", "debug", "", "Run in the Python debugger; implies -n."),
    Option("spew", "", "spew", "", "Write an insanely verbose trace of everything that happens."),
    Option("state-dir", "", "state_dir", "FOLDER", "Where snapshots lie ($STATE_DIRECTORY, else the run folder)."),
    Option("fresh", "", "fresh", "", "Start from the base tap, not from its snapshot."),
    Option(
        "check", "", "check", "", "Make the application as a start does, say what is missing, and exit; run nothing."
    ),
    Option("drain-timeout", "", "drain_timeout", "SECONDS", "For requests in flight at a stop (10).", _seconds),
    Option("keepalive-grace", "", "keepalive_grace", "SECONDS", "For idle HTTP connections at a stop (1).", _seconds),
    Option("start-timeout", "", "start_timeout", "SECONDS", "For the application to become ready (60).", _seconds),
    Option("stop-timeout", "", "stop_timeout", "SECONDS", "For each service to stop (20).", _seconds),
    Option("version", "", "", "", "Print the versions, and exit."),
    Option("help", "", "", "", "Print this text, and exit."),
)
_BY_FLAG = {f"--{option.name}": option for option in TABLE} | {f"-{o.short}": o for o in TABLE if o.short}


def parse(arguments: Sequence[str]) -> Options | str:
    """The options of a command line, or the name of the one that ends the command (help, version, help-reactors).

    :raises UsageError: an unknown option, a missing or unfit value, more than one tap.
    """
    letters = "".join(option.short + (":" if option.metavar else "") for option in TABLE if option.short)
    names = [option.name + ("=" if option.metavar else "") for option in TABLE]
    try:
        found, rest = getopt.gnu_getopt(list(arguments), letters, names)
    except getopt.GetoptError as error:
        raise UsageError("", str(error), "see tapd --help") from None
    values: dict[str, Any] = {}
    for flag, text in found:
        option = _BY_FLAG[flag]
        if not option.field:
            return option.name
        values[option.field] = _value(option, text) if option.metavar else True
    if len(rest) > 1:
        raise UsageError(" ".join(rest), "more than one tap", "name one")
    if rest:
        values["tap"] = rest[0]
    named = [name for name in ("tap", "file", "python", "source", "instance") if name in values]
    if len(named) > 1:
        raise UsageError(" and ".join(named), "more than one application", "name one")
    if values.get("debug"):
        values["nodaemon"] = True
    return Options(**values)


def _value(option: Option, text: str) -> Any:
    try:
        return option.convert(text)
    except ValueError:
        kind = "an octal number up to 777" if option.metavar == "MASK" else "a number of seconds"
        raise UsageError(f"--{option.name} {text!r}", f"not {kind}", "see tapd --help") from None
