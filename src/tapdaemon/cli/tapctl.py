"""tapctl: look at taps.  Looking never runs: nothing that a tap names is imported."""

from __future__ import annotations

import json
import os

import click

from tapdaemon.cli.reporting import printable, run_click
from tapdaemon.errors import CannotCreateError, TapDamagedError, TapError, os_reason
from tapdaemon.tapfile import folders
from tapdaemon.tapfile.container import TapFile
from tapdaemon.tapfile.manifest import dump

EPILOG = """\
\b
Examples:
  tapctl list
  tapctl show web             the installed tap NAME
  tapctl show ./web.tap       a file: its path has a / or ends in .tap
  tapctl unit web             what systemd is told of it
"""


@click.group(epilog=EPILOG)
@click.version_option(package_name="tapdaemon", prog_name="tapctl")
def command() -> None:
    """Look at taps, and at the state of their units."""


@command.command()
@click.argument("tap")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--graph", is_flag=True, help="The saved objects, which are read without making any.")
def show(tap: str, *, as_json: bool, graph: bool) -> None:
    """Print what TAP holds, from its manifest; with --graph, its saved objects.  Nothing in it is run."""
    from tapdaemon.cli.show import page

    path = locate(tap)
    if graph:
        _show_graph(path, as_json=as_json)
        return
    with TapFile(path, None) as file:
        if as_json:
            value = json.loads(dump(file.manifest)) | {"path": path, "content": file.manifest.content}
            click.echo(json.dumps(value, indent=2))
        else:
            click.echo(page(path, file.status.st_size, file.manifest))


def _show_graph(path: str, *, as_json: bool) -> None:
    from tapdaemon.cli.graph import table, tree
    from tapdaemon.tapfile import parsing, symbols

    with TapFile(path, None) as file:
        payload, style = file.image().payload, file.manifest.style
    try:
        root = (symbols.read(payload) if style == "pickle" else parsing.parse(payload.decode()))[0]
    except TapError as error:
        raise TapDamagedError(path, error.reason) from error
    click.echo(json.dumps(table(root), indent=1) if as_json else printable(tree(root)))


def locate(tap: str) -> str:
    """A bare word is a NAME; a path has a / or ends in .tap."""
    if "/" in tap or tap.endswith(folders.SUFFIX):
        return tap
    return folders.find(tap)


@command.command()
@click.argument("tap")
@click.option("--whole", is_flag=True, help="Whole units, rather than drop-ins over the shipped templates.")
@click.option("-o", "--output", metavar="FOLDER", help="Write them below this folder, rather than print them.")
def unit(tap: str, *, whole: bool, output: str | None) -> None:
    """Print the units of TAP, as the generator writes them."""
    from tapdaemon.unit import host, rendering

    path = locate(tap)
    found = host.look(folders.stem(path), os.path.abspath(path), None)
    files = (rendering.whole if whole else rendering.dropins)(found, version=host.systemd_version())
    for line in rendering.left_out(found):
        click.echo(f"tapctl: {printable(line)}", err=True)
    if output is None:
        click.echo(printable("\n".join(f"# {name}\n{text}" for name, text in files.items())), nl=False)
        return
    try:
        rendering.write(output, files)
    except OSError as error:
        raise CannotCreateError(output, f"cannot be written: {os_reason(error)}", "name another with -o") from error
    for name in files:
        click.echo(os.path.join(output, name))


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_taps(*, as_json: bool) -> None:
    """List the installed taps with the state of their units.

    They lie in /etc/tap, /run/tap and /usr/lib/tap; the first that has a name wins.
    """
    from tapdaemon.unit.state import states

    found = dict(folders.installed())
    told = states(list(found))
    rows = [
        {"name": name, "path": path, "state": told[name], "listens": _addresses(path)} for name, path in found.items()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    widths = [max([len(str(row[key])) for row in rows] + [len(key)]) for key in ("name", "state", "path")]
    click.echo(f"{'NAME':<{widths[0]}}  {'STATE':<{widths[1]}}  {'PATH':<{widths[2]}}  LISTENS")
    for row in rows:
        line = f"{row['name']:<{widths[0]}}  {row['state']:<{widths[1]}}  {row['path']:<{widths[2]}}  {row['listens']}"
        click.echo(printable(line))


def _addresses(path: str) -> str:
    """What a tap listens on, or what is wrong with it: one bad tap does not hide the others."""
    try:
        with TapFile(path, None) as file:
            return ", ".join(listen.address for listen in file.manifest.needs.listen)
    except TapError as error:
        return f"({error.reason})"


def main() -> None:
    """Entry point of the command."""
    run_click("tapctl", command)


if __name__ == "__main__":
    main()
