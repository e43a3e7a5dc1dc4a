"""A unit file as data: sections of ordered options, made text last (systemd.syntax(7)); it knows no taps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One directive; the same name may stand more than once, and order counts."""

    section: str
    name: str
    value: str


def escape(value: str) -> str:
    """A literal text as a value: % begins a specifier (systemd.unit(5)).

    Newlines never come here (see tapfile.fields).
    """
    return value.replace("%", "%%")


def text(options: Sequence[Option], header: str = "") -> str:
    """The file: a comment, then each section once, in order of its first option."""
    lines = [f"# {header}"] if header else []
    for section in dict.fromkeys(option.section for option in options):
        lines += ["", f"[{section}]"]
        lines += [f"{option.name}={option.value}" for option in options if option.section == section]
    return "\n".join(lines).lstrip("\n") + "\n"
