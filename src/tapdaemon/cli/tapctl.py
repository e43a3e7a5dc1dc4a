"""tapctl: look at taps.  Looking never runs: nothing that a tap names is imported."""

from __future__ import annotations

import json
import os

import click

from tapdaemon.cli.reporting import printable, run_click
from tapdaemon.errors import CannotCreateError, TapError, os_reason
from tapdaemon.tapfile import folders
from tapdaemon.tapfile.container import TapFile
from tapdaemon.tapfile.graph import graphs, listing
from tapdaemon.tapfile.manifest import dump

EPILOG = """\
\b
Examples:
  tapctl list
  tapctl show web             the installed tap NAME
  tapctl show ./web.tap       a file: its path has a / or ends in .tap
  tapctl unit web             what systemd is told of it
  tapctl edit ./web.tap       its graph, in $EDITOR
  tapctl diff web.tap /var/lib/tap/web/web-shutdown.tap
"""


_PASSPHRASE = click.option("--passphrase-file", metavar="FILE", help="Where the passphrase of a sealed tap is.")


@click.group(epilog=EPILOG)
@click.version_option(package_name="tapdaemon", prog_name="tapctl")
def command() -> None:
    """Look at taps and at the state of their units, compare them, edit them.  Nothing of a tap is run."""


@command.command()
@click.argument("tap")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--graph", is_flag=True, help="The saved objects, which are read without making any.")
@_PASSPHRASE
def show(tap: str, *, as_json: bool, graph: bool, passphrase_file: str | None) -> None:
    """Print what TAP holds.

    From its manifest; with --graph, its saved objects.  Nothing in it is run.
    """
    from tapdaemon.cli.show import changes_of, page

    path = locate(tap)
    if graph:
        from tapdaemon.cli.graph import table, tree
        from tapdaemon.cli.opening import opened

        image = opened(path, passphrase_file).image
        changes = graphs.changes_of(image, path)
        roots = [] if image.graph is None and changes is not None else graphs.roots(image, path)[:1]
        named = [] if changes is None else listing.named(changes)
        if as_json:
            click.echo(json.dumps(table(roots[0] if roots else None, named), indent=1))
            return
        names = [""] * len(roots) + [f"changed {name}" for name, _ in named]
        click.echo(printable(tree(*roots, *(node for _, node in named), names=names)))
        return
    with TapFile(path, None) as file:
        has_changes = file.manifest.changes is not None and file.manifest.seal is None
        changed = changes_of(file.image(), path) if has_changes else []
        if as_json:
            value = json.loads(dump(file.manifest)) | {"path": path, "content": file.manifest.content}
            value |= {"changed": changed} if has_changes else {}
            click.echo(json.dumps(value, indent=2))
        else:
            click.echo(page(path, file.status.st_size, file.manifest, changed))


@command.command()
@click.argument("first", metavar="TAP")
@click.argument("second", metavar="TAP")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_PASSPHRASE
def diff(first: str, second: str, *, as_json: bool, passphrase_file: str | None) -> None:
    """Print what differs between two taps.

    By path through the tree, of a base and its shutdown snapshot, say.  Exits with 0 if nothing does, with 1 if
    something does, as diff(1).
    """
    from tapdaemon.cli.diff import changes, page
    from tapdaemon.cli.opening import opened

    paths = locate(first), locate(second)
    one, other = (opened(path, passphrase_file).image for path in paths)
    found = changes(one, other, paths)
    text = json.dumps([one._asdict() for one in found], indent=1) if as_json else printable(page(found, paths))
    if text:
        click.echo(text)
    if found:
        raise click.exceptions.Exit(1)


@command.command()
@click.argument("tap")
@_PASSPHRASE
def edit(tap: str, *, passphrase_file: str | None) -> None:
    """Open TAP's graph as text in your editor.

    The editor is $VISUAL's or $EDITOR's; what is written back is a tap that verifies, or nothing.  Stop its unit before
    you edit a snapshot: a running application writes it anew when it stops.
    """
    from tapdaemon.cli.edit import edit as edit_tap

    click.echo(printable(edit_tap(locate(tap), passphrase_file)))


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
