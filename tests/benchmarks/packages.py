"""tap2deb and tap2rpm beside the bare dpkg-deb and rpmbuild of the very same trees, in one run.

    python tests/benchmarks/packages.py [PAGE]

Python's own start is part of ours.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import publish

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "11"))
WHO = "Ann Example <ann@example.org>"


def tool(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"tapdaemon.cli.{name}", *arguments]


def quiet(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def milliseconds(command: list[str], folder: Path) -> float:
    for made in (*folder.glob("*.deb"), *folder.glob("*.rpm")):
        made.unlink()
    begun = time.perf_counter()
    quiet(command, folder)
    return (time.perf_counter() - begun) * 1000


def trees(work: Path) -> dict[str, tuple[list[str], list[str]]]:
    """For each packager: ours, and the bare builder on what ours made (of an rpm the source package)."""
    quiet(tool("mktap", "web", "--path", str(work), "--listen", "tcp:80"), work)
    pairs = {}
    if shutil.which("dpkg-deb"):
        quiet(tool("tap2deb", "-q", "-m", WHO, "-d", "x.deb", "web.tap"), work)
        quiet(["dpkg-deb", "-R", "x.deb", "tree"], work)
        bare = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", "tree", "bare.deb"]
        pairs["tap2deb"] = (tool("tap2deb", "-q", "-m", WHO, "web.tap"), bare)
    if shutil.which("rpmbuild"):
        quiet(tool("tap2rpm", "-q", "-m", WHO, "web.tap"), work)
        (work / "rpm").mkdir()
        source = shutil.move(work / "tap-web-1.0-1.src.rpm", work / "rpm")
        bare = ["rpmbuild", "--rebuild", "--define", f"_topdir {work}/rpm/build", str(source)]
        pairs["tap2rpm"] = (tool("tap2rpm", "-q", "-m", WHO, "web.tap"), bare)
    return pairs


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, (ours, bare) in trees(work).items():
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                times[0].append(milliseconds(ours, work))
                times[1].append(milliseconds(bare, work))
            one, other = (statistics.median(found) for found in times)
            rows.append([name, f"{one:.0f}", bare[0], f"{other:.0f}", f"{one / other:.2f}"])
    note = f"medians of {ROUNDS} rounds, taken in turns, of a web.tap."
    publish("Packages beside the bare builders", note, ["ours", "ms", "bare", "ms", "ratio"], rows)


if __name__ == "__main__":
    main()
