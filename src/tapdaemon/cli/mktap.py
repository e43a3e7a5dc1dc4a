"""mktap: make a tap from a maker or a .tac."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from tapdaemon.cli.reporting import printable, run_click
from tapdaemon.errors import UsageError

EPILOG = """\
\b
Examples:
  mktap web --path /srv/www --listen tcp:8080
  mktap -o /tmp/relay.tap portforward --port tcp:8000 --host 192.0.2.1 --dest_port 80
  mktap -y site.tac
"""


class MakerCommands(click.Group):
    """Every IServiceMaker plugin as a subcommand; the scan happens when one is asked for, or all are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        from tapdaemon.core.makers import find_makers

        return [maker.name for maker in find_makers()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        del ctx
        return click.Command(
            cmd_name,
            callback=_with_maker,
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        from tapdaemon.core.makers import find_makers

        found = find_makers()
        with formatter.section("Makers"):
            formatter.write_dl([(maker.name, maker.description) for maker in found if not maker.failure])
        broken = [(maker.name, maker.failure) for maker in found if maker.failure]
        if broken:
            with formatter.section("Makers that failed to import"):
                formatter.write_dl(broken)


@click.command(
    cls=MakerCommands,
    invoke_without_command=True,
    epilog=EPILOG,
    subcommand_metavar="MAKER [MAKER OPTIONS]",
    add_help_option=True,
)
@click.option("-o", "--output", metavar="TAP", help="Where the tap is written (MAKER.tap in this folder).")
@click.option("-n", "--appname", metavar="NAME", help="The application's name (the maker's).")
@click.option("-u", "--uid", metavar="USER", help="User to run as, by name or number (the one who starts it).")
@click.option("-g", "--gid", metavar="GROUP", help="Group to run as, by name or number.")
@click.option("-a", "--append", metavar="TAP", help="Add the maker's service to this tap.")
@click.option(
    "-t",
    "--type",
    "style",
    metavar="STYLE",
    default="pickle",
    help="Style of the saved objects: pickle or source (pickle).",
)
@click.option("-y", "--python", metavar="FILE", help="Take 'application' from a Python file.")
@click.option("--include", metavar="PATH", multiple=True, help="A module or package that travels in the tap.")
@click.option("--no-include", is_flag=True, help="Leave the application's own modules out of the tap.")
@click.option(
    "--keep",
    type=click.Choice(["recipe", "graph"]),
    default="recipe",
    help="What each start makes the application from: its recipe, or its saved objects as they are now (recipe).",
)
@click.option("--forget", metavar="PLACE", multiple=True, help="A place whose changes no snapshot keeps.")
@click.option("--no-check", is_flag=True, hidden=True, help="Accepted, and not needed: --keep graph alone is checked.")
@click.option("--writable", metavar="FOLDER", multiple=True, help="A folder that it writes, beside its state folder.")
@click.option("-e", "--encrypted", is_flag=True, help="Seal it with a passphrase, which is asked for.")
@click.option("--passphrase-file", metavar="FILE", help="Seal it with the passphrase in this file.")
@click.option("--rebuild", metavar="TAP", help="Make this tap anew, from its recipe.")
@click.option("--keep-state", metavar="TAP", hidden=True, help="Accepted, and not needed: state is always kept.")
@click.option("-p", "--progress", is_flag=True, help="Say each step.")
@click.option("--version", is_flag=True, help="Print the versions, and exit.")
@click.pass_context
def command(context: click.Context, /, *, version: bool, **options: Any) -> None:
    """Make a tap: a Twisted application in a file, from a maker or a Python file."""
    context.obj = options
    if version:
        import twisted

        import tapdaemon

        click.echo(f"mktap (tapdaemon) {tapdaemon.__version__}\nTwisted {twisted.__version__}")
        context.exit()
    if context.invoked_subcommand is None:
        if not options["python"] and not options["rebuild"]:
            raise UsageError("", "no maker and no -y FILE", "see mktap --help for the makers")
        _make(options, None, ())


@click.pass_context
def _with_maker(context: click.Context, arguments: tuple[str, ...]) -> None:
    name = str(context.info_name)
    if "--help" in arguments:
        from tapdaemon.core.makers import find_maker, maker_help

        click.echo(maker_help(find_maker(name)))
        return
    _make(context.obj, name, arguments)


def _make(options: dict[str, Any], maker: str | None, arguments: tuple[str, ...]) -> None:
    from tapdaemon.persist import gathering, making

    progress = options.pop("progress")
    if progress:
        _show_log()
    if options["append"] and options["python"]:
        raise UsageError("-a and -y", "both name an application to begin with", "give one")
    if options["rebuild"] and (maker or options["append"] or options["python"]):
        raise UsageError("--rebuild", "the tap's recipe says what is made", "give no maker, no -a and no -y")
    for name in ("keep_state", "no_check"):
        if options[name]:
            click.echo(f"mktap: --{name.replace('_', '-')} is not needed any more: {_NOT_NEEDED[name]}", err=True)
    request = gathering.Request(maker=maker, arguments=arguments, **_given(options), passphrase=_passphrase(options))
    made = making.make(request, os.environ, _say if progress else _quiet)
    for warning in made.warnings:
        click.echo(f"mktap: warning: {printable(warning)}", err=True)
    click.echo(making.describe(made))


_NOT_NEEDED = {
    "keep_state": "a new base takes the state of the older one by itself",
    "no_check": "the application is made anew at each start",
}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The request's own words: -a with a maker writes back to the tap that it appends to."""
    others = ("encrypted", "passphrase_file", "no_check", "keep_state")
    given = {name: value for name, value in options.items() if name not in others}
    return given | ({"output": given["append"]} if given["append"] and given["output"] is None else {})


def _passphrase(options: dict[str, Any]) -> bytes | None:
    path = options["passphrase_file"]
    if not options["encrypted"] and path is None:
        return None
    from tapdaemon.tapfile.passphrase import find

    return find("the new tap", path, "", new=True)


def _begin_log() -> None:
    """Keep what makers log off the terminal: a broken plugin is told by --help, a failed maker by its error."""
    from twisted.logger import globalLogBeginner

    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)


def _show_log() -> None:
    """With -p what makers log is shown, too."""
    from twisted.logger import globalLogPublisher, textFileLogObserver

    globalLogPublisher.addObserver(textFileLogObserver(sys.stderr))


def _say(step: str) -> None:
    click.echo(f"mktap: {step}", err=True)


def _quiet(step: str) -> None:
    del step


def main() -> None:
    """Entry point of the command."""
    if "PYTHONHASHSEED" not in os.environ:
        # The order of a saved set follows the seed, and the same input is to give the same bytes.
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - ourselves again
    from tapdaemon.persist.rules import descriptions

    _begin_log()
    descriptions.watch()  # before a maker imports serverFromString by name
    run_click("mktap", command)


if __name__ == "__main__":
    main()
