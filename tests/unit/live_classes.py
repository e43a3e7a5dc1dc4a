"""Every public class of Twisted, and why it holds nothing live where the table has no row for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import warnings
from pathlib import Path

from tapdaemon.persist.rules import live
from tapdaemon.persist.rules.live_now import NOW
from tapdaemon.persist.rules.live_table import TABLE

_SERVERS = (
    "web",
    "enterprise",
    "names",
    "mail",
    "words",
    "conch",
    "runner",
    "spread",
    "protocols",
    "positioning",
    "pair",
)
PACKAGES = ("internet", "application", "cred", "python", "logger", "persisted", *_SERVERS)
PLAIN = Path(__file__).with_name("live_plain.txt")
NOT_ASKED = {"twisted.internet.reactor"}


def modules():
    """Every public module that can be imported here."""
    for package in PACKAGES:
        root = importlib.import_module(f"twisted.{package}")
        names = [root.__name__, *(one.name for one in pkgutil.walk_packages(root.__path__, f"{root.__name__}."))]
        for name in names:
            if (
                any(part.startswith("_") or part in ("test", "scripts") for part in name.split("."))
                or name in NOT_ASKED
            ):
                continue
            try:
                yield importlib.import_module(name)
            except (ImportError, AttributeError, OSError):
                continue  # of another system, or of a library that is not there


def public_classes():
    """By qualified name: classes that a public module defines, or takes from a private one."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules():
            for name, value in vars(module).items():
                if not inspect.isclass(value) or name.startswith("_") or not value.__module__.startswith("twisted."):
                    continue
                private = any(part.startswith("_") for part in value.__module__.split("."))
                if value.__module__ == module.__name__ or private:
                    found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def said():
    """What the list says: qualified name to reason."""
    reasons = {}
    for line in PLAIN.read_text().splitlines():
        reason, module, *names = line.split()
        reasons |= {f"{module}.{name}": reason.rstrip(":") for name in names}
    return reasons


def told_by_itself(kind):
    """Why a class needs no word in the list: its own row, a live base or interface, or that it is an error."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in TABLE or name in NOW:
        return "row"
    if issubclass(kind, BaseException):
        return "error"
    if live._decide(kind) is True:
        return "live"
    return None


def reason(kind):
    """A first guess, for who adds a class to the list; the list is what counts."""
    import constantly as constants
    from twisted.application.service import Service
    from twisted.internet.base import ReactorBase
    from twisted.internet.protocol import AbstractDatagramProtocol, BaseProtocol, Factory
    from twisted.python import usage

    guesses = (
        ("protocol", (BaseProtocol, AbstractDatagramProtocol)),
        ("factory", (Factory,)),
        ("service", (Service,)),
        ("options", (usage.Options,)),
        ("reactor", (ReactorBase,)),
        ("constant", (constants.Names, constants.Values)),
    )
    if any(f"{base.__module__}.{base.__qualname__}" in NOW for base in kind.__mro__) and not issubclass(
        kind, BaseProtocol
    ):
        return "part"
    return next((word for word, bases in guesses if issubclass(kind, bases)), "plain")


if __name__ == "__main__":
    # Prints lines for the classes that the list does not have.
    known, lines = said() if PLAIN.exists() else {}, {}
    for name, kind in sorted(public_classes().items()):
        if name not in known and told_by_itself(kind) is None:
            lines.setdefault((reason(kind), kind.__module__), []).append(kind.__qualname__)
    for (word, module), names in sorted(lines.items(), key=lambda item: (item[0][1], item[0][0])):
        sys.stdout.write(f"{word}: {module} {' '.join(names)}\n")
