"""A benchmark's page: printed, and written where a path is given on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def publish(title: str, note: str, header: list[str], rows: Iterable[list[str]]) -> None:
    lines = [
        f"# {title}",
        "",
        f"Made by `make bench` or `make soak`; {note}",
        "",
        *("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)),
    ]
    print("\n".join(lines))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
