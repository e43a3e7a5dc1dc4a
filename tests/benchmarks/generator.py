"""What the generator adds to a boot and to every daemon-reload, with 0, 1 and 100 taps, beside a bare Python.

    python tests/benchmarks/generator.py [PAGE]

The taps are web.taps in a folder of their own; the hook runs with `python3 -IS`, as systemd starts it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import publish

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "21"))
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
GENERATE = """
import sys
sys.path.append({source!r})
from tapdaemon.unit import generator
from tapdaemon.tapfile import folders
taps = [{taps!r}]
if any(True for _ in folders.installed(taps)):
    for problem in generator.generate(sys.argv[1], taps=taps):
        sys.exit(problem)
"""


def milliseconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - begun) * 1000


def measure(work: Path) -> list[tuple[str, float]]:
    """Median of each, taken in turns."""
    subprocess.run([PYTHON, "-m", "compileall", "-q", PROJECT / "src"], check=True)
    mktap = [sys.executable, "-P", "-m", "tapdaemon.cli.mktap"]
    subprocess.run(
        [*mktap, "-o", work / "web.tap", "web", "--path", work, "--listen", "tcp:80"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    data = (work / "web.tap").read_bytes()
    commands = {"python3 -IS that does nothing": [PYTHON, "-IS", "-c", "pass"]}
    for count in (0, 1, 100):
        taps = work / f"taps-{count}"
        taps.mkdir()
        for number in range(count):
            (taps / f"web{number}.tap").write_bytes(data)
            (taps / f"web{number}.tap").chmod(0o600)
        text = GENERATE.format(source=str(PROJECT / "src"), taps=str(taps))
        commands[f"generator, {count} taps"] = [PYTHON, "-IS", "-c", text, str(work / "out")]
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    return [(name, statistics.median(found)) for name, found in times.items()]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    bare = rows[0][1]
    publish(
        "What the generator adds to a boot",
        f"medians of {ROUNDS} rounds, taken in turns.",
        ["what", "ms", "ratio"],
        ([name, f"{median:.0f}", f"{median / bare:.2f}"] for name, median in rows),
    )


if __name__ == "__main__":
    main()
