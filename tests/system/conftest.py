"""Fixtures of the system tests: one booted machine a suite, shared by the tests of a module."""

from __future__ import annotations

import os

import pytest
from machine import SUITES, machine, missing

PROBLEM = missing()


def pytest_collection_modifyitems(items):
    if PROBLEM is None:
        return
    if os.environ.get("CI"):
        pytest.exit(f"the system tests cannot run here, and in CI they must: {PROBLEM}", returncode=1)
    skip = pytest.mark.skip(reason=f"SYSTEM TESTS SKIPPED: {PROBLEM}")
    for item in items:
        item.add_marker(skip)


@pytest.fixture(scope="module", params=SUITES)
def debian(request):
    """A booted Debian with the project installed, by its own package where the module says so."""
    with machine(request.param, installed=not getattr(request.module, "PACKAGED", False)) as booted:
        yield booted
