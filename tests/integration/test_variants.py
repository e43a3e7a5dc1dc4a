"""Every stock maker in every variant: made, run, spoken to by a real client, stopped, resumed in a fresh process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Self

import pytest
import twisted
from packaging.version import Version
from variants import VARIANTS, Here, Variant, comes_back

from conftest import clean_environment, free_port, mktap, ok, run, until

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
CI = bool(SOAK or os.environ.get("CI"))
# Each maker's first variant; all of them in the soak, and what is most in CI.
FIRST = list({name.replace(",", " ").split()[0]: name for name in reversed(VARIANTS)}.values())
# Those that are started many times over.
ENDURING = ("web --path", "portforward", "socks", "ftp, anonymous", "dns, hosts file", "words, IRC")
# What stock sob can hold: of the others it meets the reactor, or a local function.
STOCK = [name for name in VARIANTS if name.startswith(("ftp", "inetd", "socks"))]


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


def laid_out(name: str, folder: Path) -> tuple[Variant, Here, str]:
    """The variant with its files, where it runs, and mktap's closing line."""
    variant = can_run(name)
    here = Here(folder, [free_port(), free_port()])
    told = mktap("-o", "app.tap", *variant.arguments(here), cwd=folder, env={"PYTHONPATH": str(folder)})
    return variant, here, told


@pytest.fixture
def fits(table):
    """Add to the variant's row what it came to in a style."""
    styles = ("pickle", "graph", "source", "sealed", "stock-pickle", "stock-source")
    header = ["variant", "Twisted", "what a client changed is there", *(f"{style}, bytes" for style in styles)]

    def add(name: str, style: str, outcome: object) -> None:
        cells = [outcome if one == style else "" for one in styles]
        state = "yes" if VARIANTS[name].state else "it keeps nothing"
        title = "Every stock maker in its variants, in every style, by recipe and by graph"
        table("variants", title, header, [name, twisted.__version__, state, *cells], key=2)

    return add


@pytest.mark.parametrize("name", list(VARIANTS) if CI else FIRST)
def test_a_variant_runs_and_comes_back(name, tmp_path, tapd, fits, rounds, table):
    """By its recipe: from its tap, and from each snapshot, where what a client changed is there."""
    variant, here, told = laid_out(name, tmp_path)
    assert "at each start, which resumes what changed" in told
    starts = rounds(30) if name in ENDURING else 2
    comes_back(tapd, variant.talk, here, "app.tap", starts=starts)
    fits(name, "pickle", (tmp_path / "app.tap").stat().st_size)
    if name in ENDURING:
        header = ["variant", "Twisted", "starts", "answered from a snapshot"]
        row = [name, twisted.__version__, starts, starts - 1]
        table("makers", "Makers: run, asked, stopped, resumed", header, row, key=2)


@pytest.mark.parametrize("name", list(VARIANTS) if SOAK else FIRST[::2])
def test_a_variant_by_its_graph(name, tmp_path, tapd, fits):
    """Where mktap --keep graph proves that the graph is the whole application; elsewhere it names what it lacks."""
    variant = can_run(name)
    here = Here(tmp_path, [free_port(), free_port()])
    arguments = ["--keep", "graph", "-o", "app.tap", *variant.arguments(here)]
    done = run("mktap", *arguments, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    if done.returncode:
        assert done.returncode == 70
        assert "--keep graph" in done.stderr
        assert not (tmp_path / "app.tap").exists()
        fits(name, "graph", "no")
        return
    assert "each start loads its graph" in done.stdout
    comes_back(tapd, variant.talk, here, "app.tap")
    fits(name, "graph", (tmp_path / "app.tap").stat().st_size)


@pytest.mark.parametrize("name", list(VARIANTS) if SOAK else FIRST if CI else FIRST[::4])
def test_a_variant_in_the_source_style(name, tmp_path, tapd, fits):
    """Converted to text and back it is the same application; and it runs from text, and leaves text."""
    variant, here, _ = laid_out(name, tmp_path)
    for style, before, after in (("source", "app", "text"), ("pickle", "text", "again")):
        ok("tapconvert", "-t", style, "-i", f"{before}.tap", "-o", f"{after}.tap", cwd=tmp_path)
    ok("tapctl", "diff", "app.tap", "text.tap", cwd=tmp_path)
    ok("tapctl", "diff", "app.tap", "again.tap", cwd=tmp_path)
    comes_back(tapd, variant.talk, here, "text.tap")
    with zipfile.ZipFile(tmp_path / "text-shutdown.tap") as archive:
        assert archive.read("application.source").startswith(b"# tapdaemon source 1\n")
    fits(name, "source", (tmp_path / "text.tap").stat().st_size)


@pytest.mark.parametrize("name", list(VARIANTS) if SOAK else FIRST[::4])
def test_a_variant_sealed(name, tmp_path, tapd, fits):
    """It runs sealed, and what it leaves is sealed."""
    variant, here, _ = laid_out(name, tmp_path)
    (tmp_path / "passphrase").touch(0o600)
    (tmp_path / "passphrase").write_text("correct horse\n")
    secret = ("--passphrase-file", str(tmp_path / "passphrase"))
    ok("tapconvert", "-e", *secret, "-i", "app.tap", "-o", "sealed.tap", cwd=tmp_path)
    comes_back(tapd, variant.talk, here, *secret, "sealed.tap")
    with zipfile.ZipFile(tmp_path / "sealed-shutdown.tap") as archive:
        assert archive.namelist() == ["manifest.json", "sealed"]
    fits(name, "sealed", (tmp_path / "sealed.tap").stat().st_size)


@pytest.mark.parametrize("style", ["stock-pickle", "stock-source"])
@pytest.mark.parametrize("name", list(VARIANTS) if SOAK else [*STOCK[::3], "web --path", "web --wsgi"])
def test_a_variant_for_stock_twisted(name, style, tmp_path, fits):
    """Where stock sob can hold it, twistd itself runs what tapconvert wrote; elsewhere the error names what cannot."""
    variant, here, _ = laid_out(name, tmp_path)
    done = run("tapconvert", "-t", style, "-i", "app.tap", "-o", "stock", cwd=tmp_path)
    if done.returncode:
        assert name not in STOCK
        assert done.returncode == 70
        assert "cannot be saved:\n  " in done.stderr
        assert not (tmp_path / "stock").exists()
        fits(name, style, "no")
        return
    assert name in STOCK
    with Twistd(("-f", "-s")[style == "stock-source"], tmp_path) as server:
        variant.talk(here)
    assert "Server Shut Down" in server.log
    fits(name, style, (tmp_path / "stock").stat().st_size)


class Twistd:
    """Twisted's own daemon, in the foreground, with a file that tapconvert wrote."""

    def __init__(self, flag: str, folder: Path) -> None:
        self.path = folder / "twistd.log"
        run_it = "from twisted.scripts.twistd import run; run()"
        command = [sys.executable, "-c", run_it, "-no", flag, "stock", "--pidfile="]
        with self.path.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self.path.read_text()

    def __enter__(self) -> Self:
        until(lambda: " starting on " in self.log or self.process.poll() is not None, "twistd started")
        assert self.process.poll() is None, self.log
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
