"""How a command ends when something went wrong: one message on standard error, and the exit status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from tapdaemon.errors import EX_USAGE, TapError, UsageError

if TYPE_CHECKING:
    import click


def leave(program: str, error: TapError) -> NoReturn:
    """Print the error and exit with its status."""
    tell(program, error)
    sys.exit(error.status)


def tell(program: str, error: TapError) -> None:
    """Print the error, unless the journal has it; TAPDAEMON_DEBUG=1 shows its origin."""
    if os.environ.get("TAPDAEMON_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if not error.told:
        # Not sys.stderr: a run may have turned that into log events.
        stream = sys.__stderr__ or sys.stderr
        stream.write(f"{program}: {printable(str(error))}\n")
        stream.flush()


def run_click(program: str, command: click.Command) -> None:
    """Run a click command; what click says of a wrong option is an error like any other."""
    import click

    try:
        ended = command.main(prog_name=program, standalone_mode=False)
        if isinstance(ended, int) and ended:
            sys.exit(ended)  # click hands over the status of its Exit
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except getattr(click.exceptions, "NoArgsIsHelpError", ()) as error:  # since click 8.2; before, help and 0
        sys.stderr.write(f"{error.format_message()}\n")
        sys.exit(EX_USAGE)
    except click.ClickException as error:
        leave(program, UsageError("", error.format_message().rstrip("."), f"see {program} --help"))
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has seen enough
        sys.exit(141)
    except TapError as error:
        leave(program, error)


def printable(text: str) -> str:
    """A text whose control characters, but for newlines of ours, cannot reach the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
