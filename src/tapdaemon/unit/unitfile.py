"""A unit file as data: sections of ordered options, made text last (systemd.syntax(7)); it knows no taps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Option(NamedTuple):
    """One directive; the same name may stand more than once, and order counts.

    :param comment: lines that stand above it.
    """

    section: str
    name: str
    value: str
    comment: str = ""


def escape(value: str) -> str:
    """A literal text as a value: % begins a specifier (systemd.unit(5)).

    Newlines never come here (see tapfile.fields).
    """
    return value.replace("%", "%%")


def word(value: str) -> str:
    """A literal text as one of several words of a value: escaped and, where need be, quoted (systemd.syntax(7))."""
    escaped = escape(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(char in value for char in " \t'\"\\;") else escaped


def text(options: Sequence[Option], header: str = "") -> str:
    """The file: a comment, then each section once, in order of its first option."""
    lines = [f"# {line}" for line in header.splitlines()]
    for section in dict.fromkeys(option.section for option in options):
        lines += ["", f"[{section}]"]
        for option in options:
            if option.section == section:
                lines += _lines(option)
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(option: Option) -> Iterator[str]:
    for line in option.comment.splitlines():
        yield f"# {line}"
    yield f"{option.name}={option.value}"
