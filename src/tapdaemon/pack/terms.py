"""The terms of what a bundle carries, as paragraphs of a DEP-5 copyright file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tapdaemon.pack import bundle as bundles
from tapdaemon.pack.bundle import Bundle, Carried

COMMON: Mapping[str, str] = {
    "Apache License\n": "Apache-2.0",
    "GNU GENERAL PUBLIC LICENSE\nVersion 3": "GPL-3",
    "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3": "LGPL-3",
    "Mozilla Public License Version 2.0\n": "MPL-2.0",
}
"""Texts that every Debian has in /usr/share/common-licenses, by how they begin: named, not repeated (Policy 12.5)."""
_CONTROL = re.compile(r"[^\S\n]+|[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_HOLDER = re.compile(r"^[\W_]*(?:copyright\b|©)\s*(?:\(c\)|©)?\s*(.*\d{4}.*)", re.IGNORECASE)
_YEARS = re.compile(r"[\d\s,-]+\Z")


def of_bundle(bundle: Bundle, name: str) -> str:
    """A Files: paragraph for each distribution.

    :param name: the package's.
    """
    return "".join(_paragraph(one, bundles.modules_folder(name).lstrip("/")) for one in bundle.carried)


def _paragraph(one: Carried, folder: str) -> str:
    tops = sorted({place.partition("/")[0] for place in one.files})
    texts = [_CONTROL.sub(" ", text) for text in one.terms]
    found = [match[1].strip() for text in texts for line in text.splitlines() if (match := _HOLDER.match(line))]
    holders = [f"{holder} the authors of {one.name}" if _YEARS.match(holder) else holder for holder in found]
    lines = "\n".join(f" {line.rstrip()}" if line.strip() else " ." for text in texts for line in _short(text))
    return (
        "\nFiles:" + "\n".join(f" {folder}/{top}*" for top in tops) + "\n"
        f"Copyright: {'; '.join(dict.fromkeys(holders)) or f'the authors of {one.name}'}\n"
        f"License: {_word(one)}\n"
        f"{lines or f' As its metadata says: {one.licence}.'}\n"
    )


def _word(one: Carried) -> str:
    """A short name of its own: two distributions seldom have one text to the letter."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", f"{one.licence}-of-{one.name}")


def _short(text: str) -> list[str]:
    for beginning, common in COMMON.items():
        plain = "\n".join(line.strip() for line in text.splitlines())
        head, found, _ = plain.partition(beginning)
        if found and len(head) < 200:  # noqa: PLR2004 - a title above it at most, not a mention
            return [*head.strip().splitlines(), f"The text is that of /usr/share/common-licenses/{common}."]
    return text.strip().splitlines()
