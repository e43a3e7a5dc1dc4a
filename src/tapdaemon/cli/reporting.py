"""How a command ends when something went wrong: one message on standard error, and the exit status."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from tapdaemon.errors import TapError


def leave(program: str, error: TapError) -> NoReturn:
    """Print the error, unless the journal has it, and exit with its status; TAPDAEMON_DEBUG=1 shows its origin."""
    if os.environ.get("TAPDAEMON_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if not error.told:
        # Not sys.stderr: a run may have turned that into log events.
        stream = sys.__stderr__ or sys.stderr
        stream.write(f"{program}: {printable(str(error))}\n")
        stream.flush()
    sys.exit(error.status)


def printable(text: str) -> str:
    """A text whose control characters, but for newlines of ours, cannot reach the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
