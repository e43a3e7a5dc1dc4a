"""Applications of others, which know nothing of tapdaemon: made, run, asked, stopped, resumed; by graph or by recipe.

They are installed by `make soak` (the dependency group "others"); what is not here is skipped by name.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import zipfile

import pytest
from third_party import THIRD_PARTY
from variants import Here, comes_back

from conftest import free_port, mktap


@pytest.fixture
def unchanged():
    """The folder and the environment are as they were, afterwards."""
    folder, environ = os.getcwd(), dict(os.environ)
    yield
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)


@pytest.mark.parametrize("name", list(THIRD_PARTY))
def test_it_runs_and_comes_back(name, tmp_path, tapd, table, unchanged):
    """From its tap, and from its snapshot; what it keeps, and what forced that, goes into the table."""
    distribution, one = THIRD_PARTY[name]
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"SKIPPED: {distribution} is not installed; make soak does that")
    here = Here(tmp_path, [free_port() for _ in range(3)])
    arguments = one.arguments(here)
    folder = os.getcwd() if "-y" in arguments else tmp_path
    env = {name: os.environ[name] for name in ("GRAPHITE_ROOT",) if name in os.environ}
    mktap("-o", tmp_path / "app.tap", *arguments, cwd=folder, env=env)
    comes_back(tapd, one.talk, here, "app.tap", env=env)
    with zipfile.ZipFile(tmp_path / "app.tap") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    forced = "; ".join(manifest["forced"])[:200].replace("|", "/")
    header = ["application", "version", "keeps", "forced by"]
    table("third-party", "Applications of others", header, [name, version, manifest["keeps"], forced])
