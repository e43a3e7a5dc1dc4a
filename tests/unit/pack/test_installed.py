"""Which files of a distribution a bundle carries: all that its programs may read."""

from __future__ import annotations

import pytest

from tapdaemon.pack import installed


@pytest.mark.parametrize(
    "place",
    [
        "posterwall/static/poster.css", "posterwall/static/notes.rst", "posterwall/static/poster.js", "wall/page.1",
        "wall/AUTHORS", "wall/WHEEL", "wall/newsfragments/1.html", "kernel/filter.c", "posterwall/__init__.py",
        "wall-1.0.dist-info/METADATA", "wall-1.0.dist-info/entry_points.txt",
    ],
)  # fmt: skip
def test_what_an_application_may_read_is_carried(place):
    assert not installed._is_needless(place)


@pytest.mark.parametrize(
    "place",
    [
        "wall-1.0.dist-info/RECORD", "wall-1.0.dist-info/licenses/LICENSE", "wall/__pycache__/a.cpython-311.pyc",
        "wall/typed.pyi", "wall.pth", "twisted/python/_pydoctortemplates/common.html", "twisted/newsfragments/1.bugfix",
        "zope/interface/_zope_interface_coptimizations.c",
    ],
)  # fmt: skip
def test_what_only_installers_and_builders_read_is_not(place):
    assert installed._is_needless(place)
