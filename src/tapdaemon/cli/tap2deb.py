"""tap2deb: make a Debian package of a tap."""

from __future__ import annotations

import os
from typing import Any

import click

from tapdaemon.cli.reporting import printable, run_click
from tapdaemon.errors import ContradictionError, UnknownNameError, UsageError

EPILOG = """\
\b
Examples:
  tap2deb -m 'Ann Example <ann@example.org>' web.tap
  tap2deb --unit-only web.tap         the units alone, printed
  tap2deb -y python -p shop shop.tac  from a .tac
"""
TYPES = ("tap", "source", "python")


@click.command(epilog=EPILOG)
@click.argument("tap", required=False)
@click.option("-t", "--tapfile", metavar="TAP", help="The tap, where it is not the argument.")
@click.option("-y", "--type", "kind", metavar="TYPE", default="tap", help="What it is: tap or python (tap).")
@click.option("-p", "--protocol", metavar="NAME", help="The second half of the package's name (the tap's).")
@click.option("-m", "--maintainer", metavar="'NAME <ADDRESS>'", help="Who answers for it (DEBFULLNAME and DEBEMAIL).")
@click.option("-e", "--description", metavar="TEXT", help="One line that describes it.")
@click.option("-l", "--long-description", metavar="TEXT", help="Paragraphs that describe it.")
@click.option("-V", "--set-version", metavar="VERSION", default="1.0", help="Version of the application (1.0).")
@click.option("--depends", metavar="PACKAGE", multiple=True, help="A package that it needs beside those found.")
@click.option("--include", metavar="PATH", multiple=True, help="A module that travels in the tap made of a .tac.")
@click.option("-o", "--output-dir", metavar="FOLDER", default=".", help="Where the package is written (.).")
@click.option("-d", "--debfile", metavar="FILE", help="The package's file, where its name is not to be the usual one.")
@click.option("--unit-only", is_flag=True, help="Print the units, and make nothing.")
@click.option("-u", "--unsigned", is_flag=True, help="As before: a .deb carries no signature of its own.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.version_option(package_name="tapdaemon", prog_name="tap2deb")
def command(tap: str | None, *, tapfile: str | None, kind: str, include: tuple[str, ...], **options: Any) -> None:
    """Make a Debian package of TAP: its hardened units, its user, its dependencies; nothing in it is run."""
    from tapdaemon.pack import tools

    if tap is not None and tapfile is not None:
        raise ContradictionError("TAP and -t", "both name a tap", "give one")
    path = tap or tapfile
    if path is None:
        raise UsageError("", "no tap", "name one; see tap2deb --help")
    if kind not in TYPES:
        raise UnknownNameError("type", kind, TYPES)
    if include and kind != "python":
        raise ContradictionError("--include", "only a tap made here takes more modules", "give it to mktap")
    with tools.scratch() as work:
        _make(_tap(path, kind, include, options["protocol"], work), **options)


def _tap(path: str, kind: str, include: tuple[str, ...], name: str | None, work: str) -> str:
    """The tap itself; of a .tac it is made first, which runs it, as mktap does."""
    if kind == "tap":
        return path
    if kind == "source":
        raise UsageError("-y source", "this version has no source style", "make a tap of it with mktap")
    from tapdaemon.persist import descriptions, making
    from tapdaemon.tapfile import folders

    descriptions.watch()
    stem = name or folders.check_name(os.path.splitext(os.path.basename(path))[0])
    output = os.path.join(work, stem + folders.SUFFIX)
    request = making.Request(python=path, output=output, include=include)
    making.make(request, os.environ, lambda _: None)
    return output


def _make(path: str, *, unit_only: bool, quiet: bool, output_dir: str, debfile: str | None, **options: Any) -> None:
    from tapdaemon.pack import build, closure, debian, request

    def say(text: str) -> None:
        if not quiet:
            click.echo(f"tap2deb: {printable(text)}", err=True)

    asked = request.Request(
        path,
        options["protocol"],
        options["maintainer"] or ("Nobody <nobody@localhost>" if unit_only else None),
        options["description"],
        options["long_description"],
        options["set_version"],
        options["depends"],
    )
    prepared = request.prepare(asked, os.environ, closure.this_host(), request.git_user(), say)
    if unit_only:
        texts = debian.units(prepared.package).items()
        click.echo(printable("\n".join(f"# {name}\n{text}" for name, text in texts)), nl=False)
        return
    for warning in prepared.warnings:
        say(f"warning: {warning}")
    target = debfile or os.path.join(output_dir, debian.file_name(prepared.package))
    say(f"building {target}")
    built = build.deb(prepared.package, target)
    if not quiet:
        shown = built.path if os.path.dirname(built.path) else f"./{built.path}"
        click.echo(
            printable(
                f"{built.path}: {-(-built.size // 1024)} KiB; depends on {', '.join(built.depends)}; "
                f"install it with: apt install {shown}"
            )
        )


def main() -> None:
    """Entry point of the command."""
    run_click("tap2deb", command)


if __name__ == "__main__":
    main()
