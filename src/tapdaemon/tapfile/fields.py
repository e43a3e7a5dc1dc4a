"""Typed and bounded readers of JSON values; they know nothing of what a manifest means.

The law: whatever passes here is of its type, within its bounds and free of control characters, so that no later
reader has to ask again.  Writers of units, specs and scripts still escape for their own format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tapdaemon.errors import SchemaError

T = TypeVar("T")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""C0, DEL, C1, the line separators of Unicode, and lone surrogates: none belongs in a unit, a terminal, a log line."""
TEXT_MAX = 4096
LIST_MAX = 100_000


class Reader:
    """One JSON object with the place where it stands, for messages.

    :param value: what `json.loads` returned.
    :param where: its way through the manifest, ``needs.listen[0]`` say.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        self._value: Mapping[str, Any] = value
        self.where = where

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _get(self, key: str) -> Any:
        if key not in self._value:
            raise SchemaError(self._at(key), "missing from the manifest")
        return self._value[key]

    def names(self) -> list[str]:
        return list(self._value)

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def text(self, key: str, maximum: int = TEXT_MAX) -> str:
        return text(self._get(key), self._at(key), maximum)

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def pattern(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        value = self.text(key)
        if not pattern.match(value):
            raise _wrong(self._at(key), what, value)
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in choices:
            raise _wrong(self._at(key), "one of " + ", ".join(choices), value)
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._get(key)
        if type(value) is not int or not low <= value <= high:
            raise _wrong(self._at(key), f"a whole number from {low} to {high}", value)
        return value

    def identity(self, key: str) -> int | str | None:
        """A user or group: a number, a name as useradd(8) allows it, or none."""
        value = self._value.get(key)
        if value is None:
            return None
        if type(value) is int:
            return self.integer(key, 0, 2**32 - 2)
        return self.pattern(key, USER, "a user's or group's name")

    def path(self, key: str) -> str:
        return path(self._get(key), self._at(key))

    def child(self, key: str) -> Reader:
        return Reader(self._get(key), self._at(key))

    def items(self, key: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        value = self._get(key)
        where = self._at(key)
        if not isinstance(value, list) or len(value) > LIST_MAX:
            raise _wrong(where, f"a list of at most {LIST_MAX}", value)
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(value))

    def texts(self, key: str) -> tuple[str, ...]:
        return self.items(key, text)

    def mapping(self, key: str) -> tuple[tuple[str, str], ...]:
        """An object of texts, as sorted pairs: a value that can be hashed and compared."""
        child = self.child(key)
        return tuple(sorted((text(name, child.where), child.text(name)) for name in child.names()))


USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}\$?\Z")


def text(value: Any, where: str, maximum: int = TEXT_MAX) -> str:
    if not isinstance(value, str) or len(value) > maximum:
        raise _wrong(where, f"a text of at most {maximum} characters", value)
    if CONTROL.search(value):
        raise _wrong(where, "a text without control characters", value)
    return value


def path(value: Any, where: str) -> str:
    """An absolute path, with no step back in it."""
    found = text(value, where)
    if not found.startswith("/") or ".." in found.split("/"):
        raise _wrong(where, "an absolute path without ..", found)
    return found


def _wrong(where: str, wanted: str, value: Any) -> SchemaError:
    shown = ascii(value)
    if len(shown) > 60:  # noqa: PLR2004 - what fits a line
        shown = shown[:57] + "..."
    return SchemaError(where or "manifest", f"{shown} is not {wanted}")
