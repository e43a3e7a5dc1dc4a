"""Counts and tables: `make test` takes a tenth of a large count; `make soak` takes all and writes the docs."""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path

import pytest
import twisted

import tapdaemon

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def rounds():
    """How often: a tenth of the full count unless this is a soak."""
    return lambda full: full if SOAK else max(full // 10, 1)


class Table:
    """Rows that a session gathers for one page of docs/."""

    def __init__(self, name: str, title: str, header: list[str]) -> None:
        self.path = DOCS / f"{name}.md"
        self.title, self.header = title, header
        self.rows: list[list[object]] = []

    def add(self, row: list[object], key: int | None) -> None:
        """A row; with a key, its empty cells are filled in the row that begins with the same cells."""
        known = [one for one in self.rows if key is not None and one[:key] == row[:key]]
        for one in known:
            one[:] = [new if new != "" else old for old, new in zip(one, row, strict=True)]
        if not known:
            self.rows.append(row)

    def _twisted(self) -> int | None:
        """The column that says which version of Twisted a row is of."""
        return next((self.header.index(name) for name in ("Twisted", "run under") if name in self.header), None)

    def _kept(self) -> list[str]:
        """The page's rows of other versions of Twisted: another run has written those."""
        column = self._twisted()
        if column is None or not self.path.exists():
            return []
        ours = {str(row[column]) for row in self.rows}
        header, _, *lines = [line for line in self.path.read_text().splitlines() if line.startswith("|")]
        if header != self._line(self.header):
            return []  # another table, of before
        return [line for line in lines if line.split("|")[column + 1].strip() not in ours]

    def _line(self, cells: list[object] | list[str]) -> str:
        return "| " + " | ".join(map(str, cells)) + " |"

    def write(self) -> None:
        day = dt.datetime.now(dt.UTC).date()
        versions = f"tapdaemon {tapdaemon.__version__}"
        if self._twisted() is None:
            versions += f", Twisted {twisted.__version__}, Python {platform.python_version()}"
        lines = [
            f"# {self.title}",
            "",
            f"Made by `make soak` on {day} with {versions}.",
            "",
            self._line(self.header),
            "|" + " --- |" * len(self.header),
            *self._kept(),
            *map(self._line, self.rows),
        ]
        self.path.write_text("\n".join(lines) + "\n")


_TABLES: dict[str, Table] = {}


@pytest.fixture
def table():
    """Add a row to a page of docs/; pages are written by a soak only."""

    def add(name: str, title: str, header: list[str], row: list[object], *, key: int | None = None) -> None:
        _TABLES.setdefault(name, Table(name, title, header)).add(row, key)

    return add


def pytest_sessionfinish(exitstatus):
    if SOAK and exitstatus == 0:
        for one in _TABLES.values():
            one.write()
