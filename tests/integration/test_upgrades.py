"""Taps that were made and run under another Twisted: they open, serve, and are resumed under this one.

TAPDAEMON_MAKERS names the interpreters that make them, of the environments that packaging/run_matrix.py builds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import twisted
from packaging.version import Version
from variants import VARIANTS, Here

from conftest import clean_environment, free_port

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
# Of each kind of difference one: what a newer class expects, what it calls otherwise, what changed nothing.
FEW = ["web --path", "web --wsgi", "procmon", "manhole, SSH", "words, IRC", "dns, hosts file"]
MAKERS = [path for path in os.environ.get("TAPDAEMON_MAKERS", "").split(":") if path]


@pytest.mark.skipif(not MAKERS, reason="SKIPPED: TAPDAEMON_MAKERS names no other environment; run_matrix.py does")
@pytest.mark.parametrize("python", MAKERS, ids=lambda path: path.split("/")[-3])
@pytest.mark.parametrize("name", list(VARIANTS) if SOAK else FEW)
def test_a_tap_of_another_twisted(name, python, tmp_path, tapd, table):
    """Made and run there, and stopped; resumed here, where what a client changed is there; and here once more."""
    command = [python, "-c", "import twisted; print(twisted.__version__)"]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    variant = VARIANTS[name]
    if min(Version(twisted.__version__), Version(there)) < Version(variant.since):
        pytest.skip(f"SKIPPED: Twisted itself cannot: works since {variant.since}")
    if ("conch" in name or "SSH" in name or "manhole, both" in name) and shutil.which("ssh-keyscan") is None:
        pytest.skip("SKIPPED: there is no ssh-keyscan here")
    here = Here(tmp_path, [free_port(), free_port()])
    arguments = variant.arguments(here)
    env = clean_environment(PYTHONPATH=str(tmp_path))
    made = [python, "-P", "-m", "tapdaemon.cli.mktap", "-o", "app.tap", *map(str, arguments)]
    subprocess.run(made, cwd=tmp_path, env=env, check=True, capture_output=True)
    for here.rounds, where in enumerate((python, sys.executable, sys.executable)):
        server = tapd("app.tap", python=where)
        variant.talk(here)
        assert server.stop() == 0, server.log
        assert ("resumed" in server.log) == (here.rounds > 0), server.log
        assert "not resumed" not in server.log
    header = ["made under", "run under", "variant", "serves, and is resumed"]
    table("upgrades", "Taps of another Twisted", header, [there, twisted.__version__, name, "yes"])
