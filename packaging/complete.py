#!/usr/bin/env python3
"""Lays down what bash, zsh and fish complete the commands with, as click writes it.

complete.py PREFIX_WITH_DESTDIR COMMAND...
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

ZSH = "vendor-completions" if Path("/etc/debian_version").exists() else "site-functions"
PLACES = {
    "bash": "share/bash-completion/completions/{}",
    "zsh": f"share/zsh/{ZSH}/_{{}}",
    "fish": "share/fish/vendor_completions.d/{}.fish",
}


def main() -> None:
    prefix, *commands = sys.argv[1:]
    for shell, place in PLACES.items():
        kind = get_completion_class(shell)
        assert kind is not None
        for command in commands:
            variable = f"_{command.upper()}_COMPLETE"
            text = kind(click.Command(command), {}, command, variable)
            path = Path(prefix) / place.format(command)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.source_template % text.source_vars())
            path.chmod(0o644)


if __name__ == "__main__":
    main()
