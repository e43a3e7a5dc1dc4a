"""Every stock maker in every variant: made, run, spoken to by a real client, stopped, resumed in a fresh process."""

from __future__ import annotations

import os
import shutil
import zipfile

import pytest
import twisted
from packaging.version import Version
from variants import VARIANTS, Here, Variant

from conftest import free_port, mktap
from tapdaemon.tapfile import assembly, parsing, source, symbols

FULL = bool(os.environ.get("TAPDAEMON_SOAK") or os.environ.get("CI"))
# Each maker's first variant; all of them in CI and in the soak.
FIRST = list({name.replace(",", " ").split()[0]: name for name in reversed(VARIANTS)}.values())


def can_run(name: str) -> Variant:
    """The variant, where this host and this Twisted can."""
    if name.startswith("inetd") and os.geteuid() != 0:
        pytest.skip("SKIPPED: inetd's ports are below 1024, and this is not root")
    if ("conch" in name or "SSH" in name or "manhole, both" in name) and shutil.which("ssh-keyscan") is None:
        pytest.skip("SKIPPED: there is no ssh-keyscan here")
    variant = VARIANTS[name]
    if Version(twisted.__version__) < Version(variant.since):
        pytest.skip(f"SKIPPED: Twisted {twisted.__version__} itself cannot: works since {variant.since}")
    return variant


@pytest.mark.parametrize("name", list(VARIANTS) if FULL else FIRST)
def test_a_variant_runs_and_comes_back(name, tmp_path, tapd, table):
    """By its graph: from its tap, and from its snapshot, where what a client changed is there."""
    variant = can_run(name)
    here = Here(tmp_path, [free_port(), free_port()])
    arguments = variant.arguments(here)
    told = mktap("-o", "app.tap", *arguments, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert "keeps its graph" in told
    for here.rounds in range(2):
        server = tapd("app.tap")
        variant.talk(here)
        assert server.stop() == 0, server.log
        assert "tapd#critical" not in server.log, server.log
        assert ("resumed" in server.log) == (here.rounds > 0), server.log
    header = ["variant", "keeps", "what a client changed is there", "tap, bytes"]
    size = (tmp_path / "app.tap").stat().st_size
    row = [name, "graph", "yes" if variant.state else "it keeps nothing", size]
    table("variants", "Every stock maker in its variants", header, row)


@pytest.mark.parametrize("name", list(VARIANTS) if os.environ.get("TAPDAEMON_SOAK") else FIRST)
def test_a_variant_in_the_source_style(name, tmp_path, tapd):
    """The same, from text and to text; and the pickle's text is that of the pickle made of it."""
    variant = can_run(name)
    here = Here(tmp_path, [free_port(), free_port()])
    arguments = variant.arguments(here)
    env = {"PYTHONPATH": str(tmp_path)}
    mktap("-o", "pickle.tap", *arguments, cwd=tmp_path, env=env)
    with zipfile.ZipFile(tmp_path / "pickle.tap") as archive:
        text = source.write(symbols.read(archive.read("application.pickle")))
    assert source.write(symbols.read(assembly.assemble(parsing.parse(text)))) == text
    assert "keeps its graph" in mktap("-o", "app.tap", "-t", "source", *arguments, cwd=tmp_path, env=env)
    for here.rounds in range(2):
        server = tapd("app.tap")
        variant.talk(here)
        assert server.stop() == 0, server.log
        assert "tapd#critical" not in server.log, server.log
    with zipfile.ZipFile(tmp_path / "app-shutdown.tap") as archive:
        assert archive.read("application.source").startswith(b"# tapdaemon source 1\n")
