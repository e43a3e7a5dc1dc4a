"""What tap2deb and tap2rpm have in common: options, the tap that they name, the closing line; it builds nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from tapdaemon.cli.reporting import printable
from tapdaemon.errors import ContradictionError, UnknownNameError, UsageError
from tapdaemon.pack import tools
from tapdaemon.pack.build import Built
from tapdaemon.pack.package import Package
from tapdaemon.pack.request import Prepared, Request, Words, git_user, prepare
from tapdaemon.tapfile import folders, kinds

TYPES = ("tap", "source", "python")
NOBODY = "Nobody <nobody@localhost>"
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("tap", required=False),
    click.option("-t", "--tapfile", metavar="TAP", help="The tap, where it is not the argument."),
    click.option(
        "-y",
        "--type",
        "kind",
        metavar="TYPE",
        default="tap",
        help="What it is: tap, source (a .tas) or python (a .tac) (tap).",
    ),
    click.option("-p", "--protocol", metavar="NAME", help="The second half of the package's name (the tap's)."),
    click.option("-m", "--maintainer", metavar="'NAME <ADDRESS>'", help="Who answers for it (DEBFULLNAME, DEBEMAIL)."),
    click.option("-e", "--description", metavar="TEXT", help="One line that describes it."),
    click.option("-l", "--long-description", metavar="TEXT", help="Paragraphs that describe it."),
    click.option("-V", "--set-version", metavar="VERSION", default="1.0", help="Version of the application (1.0)."),
    click.option("--bundle", is_flag=True, help="Put all that it needs inside, from what is installed here."),
    click.option("--depends", metavar="PACKAGE", multiple=True, help="A package that it needs beside those found."),
    click.option("--include", metavar="PATH", multiple=True, help="A module that travels in the tap made of a .tac."),
    click.option("-o", "--output-dir", metavar="FOLDER", default=".", help="Where the package is written (.)."),
    click.option("--unit-only", is_flag=True, help="Print the units, and make nothing."),
    click.option("-u", "--unsigned", is_flag=True, help="Sign nothing, as without --sign."),
    click.option("--sign", metavar="KEY", help="Sign the source package (and the rpm) with this key of gpg's."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The common options, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Shipping:
    """One run of a packager."""

    program: str
    quiet: bool

    def say(self, text: str) -> None:
        if not self.quiet:
            click.echo(f"{self.program}: {printable(text)}", err=True)

    def prepare(self, path: str, given: dict[str, Any], words: Words) -> Prepared:
        """The package of the tap at `path`; what its maker should know of it is said."""
        request = Request(
            path,
            given["protocol"],
            given["maintainer"] or (NOBODY if given["unit_only"] else None),
            given["description"],
            given["long_description"],
            given["set_version"],
            given["depends"],
            given["bundle"],
        )
        git = () if request.maintainer is not None else git_user()
        prepared = prepare(request, os.environ, words, git, self.say)
        for warning in prepared.warnings:
            self.say(f"warning: {warning}")
        return prepared

    def close(self, built: Sequence[Built], install: str) -> None:
        """The closing line: what was made, its size, what it depends on, the command that installs it."""
        if self.quiet:
            return
        for one in built:
            shown = one.path if os.path.dirname(one.path) else f"./{one.path}"
            line = f"{shown}: {-(-one.size // 1024)} KiB"
            if one is built[0]:
                line += f"; depends on {', '.join(one.depends)}; install it with: {install} {shown}"
            click.echo(printable(line))


def show_units(package: Package) -> None:
    from tapdaemon.pack import debian

    texts = debian.units(package).items()
    click.echo(printable("\n".join(f"# {name}\n{text}" for name, text in texts)), nl=False)


@contextmanager
def the_tap(given: dict[str, Any], program: str) -> Iterator[str]:
    """The path of the tap that was named; of a .tac it is made first, which runs it, as mktap does.

    :raises UsageError: none, or two.
    """
    path, other = given["tap"], given["tapfile"]
    if path is not None and other is not None:
        raise ContradictionError("TAP and -t", "both name a tap", "give one")
    path = path or other
    if path is None:
        raise UsageError("", "no tap", f"name one; see {program} --help")
    if given["kind"] not in TYPES:
        raise UnknownNameError("type", given["kind"], TYPES)
    if given["sign"] is not None and given["unsigned"]:
        raise ContradictionError("--sign and -u", "one signs, the other does not", "give one")
    if given["include"] and given["kind"] != "python":
        raise ContradictionError("--include", "only a tap made here takes more modules", "give it to mktap")
    if given["kind"] == "tap":
        yield path
        return
    with tools.scratch() as work:
        stem = given["protocol"] or folders.check_name(os.path.splitext(os.path.basename(path))[0])
        output = os.path.join(work, stem + folders.SUFFIX)
        if given["kind"] == "python":
            shipping = Shipping(program, given["quiet"])
            for warning in _from_tac(path, given["include"], output):
                shipping.say(f"warning: {warning}")
        else:
            _from_tas(path, output)
        yield output


def _from_tas(path: str, output: str) -> None:
    """A tap of a .tas as stock sob writes it, which is a program and runs as one."""
    from tapdaemon.persist import converting

    converting.convert(converting.Request(path, output, kinds.STOCK_SOURCE), os.environ)


def _from_tac(path: str, include: tuple[str, ...], output: str) -> tuple[str, ...]:
    """A tap of a .tac, as mktap makes it; mktap's warnings."""
    from tapdaemon.persist import gathering, making
    from tapdaemon.persist.rules import descriptions

    descriptions.watch()
    request = gathering.Request(python=path, output=output, include=include)
    return making.make(request, os.environ, lambda _: None).warnings
