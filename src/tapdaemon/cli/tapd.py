"""tapd: run a tap.  Start-up meets neither click nor the plugin scan; help and completion do."""

from __future__ import annotations

import gc

gc.disable()  # start-up makes many objects and next to no garbage; on again when the application is ready

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tapdaemon.cli.tapd_options import TABLE, parse
from tapdaemon.errors import TapError
from tapdaemon.run.options import Options
from tapdaemon.run.predecessor import succession
from tapdaemon.run.surroundings import Surroundings, take

EXAMPLES = """\
\b
Examples:
  tapd -n web.tap                     in the foreground, log on standard output
  tapd --pidfile=/run/web.pid web.tap as a daemon; returns when it is ready
  tapd -ny site.tac                   a .tac, as twistd runs it
  tapd --check web.tap                can it be started, and with all its state?
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    here = take(os.environ, os.getpid())
    try:
        if os.environ.get("_TAPD_COMPLETE"):
            _click_command()
        options = parse(sys.argv[1:] if arguments is None else arguments)
        if isinstance(options, str):
            _answer(options)
            return
        if options.check:
            _check(options, here)
        from tapdaemon.run.start import run

        run(options, here, succession(here))
    except TapError as error:
        from tapdaemon.cli.reporting import leave

        leave("tapd", error)
    except KeyboardInterrupt:  # before the reactor handles signals: while it loads, or asks for a passphrase
        sys.exit(130)


def _check(options: Options, here: Surroundings) -> NoReturn:
    """Say whether a start would come to its services, and end, whatever threads the application has begun."""
    from tapdaemon.cli.reporting import printable, tell
    from tapdaemon.run.check import check

    status = 0
    try:
        for line in check(options, here):
            sys.stdout.write(f"{printable(line)}\n")
    except TapError as error:
        tell("tapd", error)
        status = error.status
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _answer(name: str) -> None:
    if name == "help":
        _click_command("--help")
    elif name == "version":
        import twisted

        import tapdaemon

        sys.stdout.write(f"tapd (tapdaemon) {tapdaemon.__version__}\nTwisted {twisted.__version__}\n")
    else:
        from twisted.application.reactors import getReactorTypes

        for kind in sorted(getReactorTypes(), key=lambda kind: str(kind.shortName)):
            sys.stdout.write(f"{kind.shortName:<12} {kind.description}\n")


def _click_command(*arguments: str) -> None:
    """Let click render the table: help, or what a shell asks for through _TAPD_COMPLETE."""
    import click

    parameters: list[click.Parameter] = [
        click.Option(
            [f"--{option.name}", *([f"-{option.short}"] if option.short else [])],
            is_flag=not option.metavar,
            metavar=option.metavar or None,
            help=option.help,
        )
        for option in TABLE
        if option.name != "help"
    ]
    parameters.append(click.Argument(["tap"], required=False, type=click.Path()))
    help_text = "Run the application saved in TAP, which is written by mktap.\n\n" + EXAMPLES
    command = click.Command("tapd", params=parameters, help=help_text, callback=lambda **_: None)
    command.main(list(arguments), prog_name="tapd")


if __name__ == "__main__":
    main()
