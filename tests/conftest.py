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

    def write(self) -> None:
        day = dt.datetime.now(dt.UTC).date()
        versions = (
            f"tapdaemon {tapdaemon.__version__}, Twisted {twisted.__version__}, Python {platform.python_version()}"
        )
        lines = [
            f"# {self.title}",
            "",
            f"Made by `make soak` on {day} with {versions}.",
            "",
            "| " + " | ".join(self.header) + " |",
            "|" + " --- |" * len(self.header),
            *("| " + " | ".join(map(str, row)) + " |" for row in self.rows),
        ]
        self.path.write_text("\n".join(lines) + "\n")


_TABLES: dict[str, Table] = {}


@pytest.fixture
def table():
    """Add a row to a page of docs/; pages are written by a soak only."""

    def add(name: str, title: str, header: list[str], row: list[object]) -> None:
        _TABLES.setdefault(name, Table(name, title, header)).rows.append(row)

    return add


def pytest_sessionfinish(exitstatus):
    if SOAK and exitstatus == 0:
        for one in _TABLES.values():
            one.write()
