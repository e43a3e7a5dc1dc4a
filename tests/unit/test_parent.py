"""The stand-in for twistd's own options, which a maker finds as its parent's."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from twisted.python import usage
from twisted.scripts._twistd_unix import ServerOptions

from tapdaemon.core import parent
from tapdaemon.core.parent import ParentOptions

WAYS = {
    "a default": lambda one: one["pidfile"],
    "another option": lambda one: one["debug"],
    "whether": lambda one: ("umask" in one, "no such" in one),
    "get": lambda one: (one.get("umask", 1), one.get("no such", 2)),
    "keys": list,
    "items": lambda one: [*one.items()],
    "spread": lambda one: {**one},
    "length": len,
    "equal": lambda one: one == dict(one.items()),
    "truth": bool,
    "class": lambda one: (isinstance(one, ServerOptions), isinstance(one, usage.Options), one.__class__),
    "method": lambda one: one.getSynopsis(),
    "documents": lambda one: one.docs,
    "sub": lambda one: one.subCommand,
    "attribute": lambda one: hasattr(one, "subOptions"),
    "hash": lambda one: hash(one) == hash(one),
    "own dict": lambda one: one.opts is one,
}


def real() -> ServerOptions:
    options = ServerOptions()
    options.subCommand = "shop"
    return options


@pytest.mark.parametrize("way", WAYS)
def test_whoever_looks_finds_the_same(way):
    """Each question has the answer that twistd's own options give."""
    assert WAYS[way](ParentOptions("shop")) == WAYS[way](real())


def test_the_defaults_are_twistds():
    """Those that are known without importing twistd's options are the ones that they have."""
    theirs = real()
    assert {name: theirs[name] for name in parent._DEFAULTS} == parent._DEFAULTS


def test_what_was_set_stays_set():
    """A value and an attribute that were set in the stand-in are there in what it becomes, the same object."""
    options = ParentOptions("shop")
    options["umask"], options["of its own"], options.subOptions = 0o27, 1, "sub"
    known = options
    assert dict.__len__(options) == len(parent._DEFAULTS) + 1, "it became real too early"
    options.parseOptions(["--nodaemon"])
    assert options is known
    assert type(options) is ServerOptions
    assert (options["umask"], options["of its own"], options["nodaemon"]) == (0o27, 1, 1)
    assert (options.subOptions, options.subCommand) == ("sub", "shop")


def test_a_missing_option_is_a_missing_key():
    """What twistd does not have either is told as it tells it."""
    with pytest.raises(KeyError):
        ParentOptions("shop")["no such"]
    with pytest.raises(AttributeError):
        _ = ParentOptions("shop").no_such


def test_a_maker_that_asks_for_defaults_imports_no_twistd():
    """Setting an option and asking for a default leave the stand-in what it is."""
    code = (
        "import sys; from tapdaemon.core.makers import twistd_options; one = twistd_options('shop'); "
        "one['umask'] = one['umask'] or 0o27; one['pidfile'] = 'x.pid'; one.subOptions = {}; one.subCommand; "
        "print(sorted({'twisted.scripts._twistd_unix', 'twisted.application.app', 'pdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_pickle_takes_what_it_stands_for():
    """A pickler of Python's own meets the class of the real options, never the stand-in's."""
    assert ParentOptions("shop").__reduce_ex__(pickle.HIGHEST_PROTOCOL)[1] == (ServerOptions,)
