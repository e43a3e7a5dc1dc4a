"""tapd's options beside twistd's, and what the commands import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tapdaemon.cli import tapd_options


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


NEVER = (
    "click", "daemon", "sdnotify", "pdb", "csv", "stringprep", "importlib.metadata", "twisted.plugins.twisted_words",
    "twisted.scripts._twistd_unix", "twisted.application.app", "twisted.application.reactors",
    "tapdaemon.core.code", "tapdaemon.core.distributions", "tapdaemon.core.needs", "tapdaemon.persist.codec.pickling",
    "tapdaemon.persist.make.provenance", "tapdaemon.persist.making", "tapdaemon.persist.rules.digests",
    "tapdaemon.persist.state.apart", "tapdaemon.persist.state.applying", "tapdaemon.persist.state.changes",
    "tapdaemon.persist.state.four", "tapdaemon.persist.state.machinery", "tapdaemon.persist.state.resolving",
    "tapdaemon.persist.state.saving", "tapdaemon.unit",
)  # fmt: skip
"""What a start without a snapshot imports none of before READY: it is for the making, the stop, or people who look."""
READY = """
import sys
from tapdaemon.run import loading
before = loading.watch_endpoints
def ready():
    print(*sorted(set({never}) & set(sys.modules)), file=open("met", "w"))
    from twisted.internet import reactor
    reactor.callLater(0, reactor.stop)
loading.watch_endpoints = ready
from tapdaemon.cli import tapd
tapd.main(["-n", "-l", "log", *sys.argv[1:]])
"""


@pytest.mark.parametrize("keep", ["recipe", "graph"])
def test_a_start_meets_only_what_it_needs(tmp_path, keep):
    """A web tap is ready, by recipe and by graph, with none of what only others need imported."""
    listen = "tcp:0:interface=127.0.0.1"
    mktap = [sys.executable, "-m", "tapdaemon.cli.mktap", "--keep", keep, "-o", "web.tap", "web", "--listen", listen]
    subprocess.run([*mktap, "--path", "."], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-c", READY.format(never=NEVER), "web.tap"], cwd=tmp_path, check=True, capture_output=True
    )
    assert (tmp_path / "met").read_text() == "\n"


def test_start_up_meets_neither_click_nor_plugins():
    """tapd's own imports are the ones a start needs, before the reactor is installed."""
    code = (
        "import sys; from tapdaemon.cli import tapd; from tapdaemon.run import start, runner, source, sockets, logs; "
        f"print(*sorted({{'twisted.internet.reactor', 'tapdaemon.core.makers', *{NEVER}}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_named_tuples_of_a_start_compile_no_annotations():
    """Those with many fields have types in their annotations: each text would be compiled at each start."""
    code = (
        "import sys; from tapdaemon.cli import tapd; from tapdaemon.run import start, source, loading; "
        "found = [one for name, module in list(sys.modules.items()) if name.startswith('tapdaemon') "
        "for one in vars(module).values() if isinstance(one, type) and hasattr(one, '_fields')]; "
        "assert len(found) > 20; print(*[one.__name__ for one in found if sum(type(a).__name__ == 'ForwardRef' "
        "for a in one.__annotations__.values()) > 6])"
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
