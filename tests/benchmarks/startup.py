"""Time from exec to the first answered request, and memory (PSS), of one site run several ways, side by side.

They alternate within each round, so that whatever else the machine does meets all of them.  Prints medians and
ratios to the bare reactor script and to twistd.  `make bench` runs it; ROUNDS sets how often (21).
"""

from __future__ import annotations

import compileall
import http.client
import os
import signal
import site
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "21"))
BARE_NAME, TWISTD_NAME = "bare reactor script", "twistd -n web"
BARE = """
from twisted.internet import reactor
from twisted.web.server import Site
from twisted.web.static import File
reactor.listenTCP({port}, Site(File({root!r})), interface="127.0.0.1")
reactor.run()
"""
TAC = """
from twisted.application import service, strports
from twisted.web.server import Site
from twisted.web.static import File
application = service.Application("web")
strports.service("tcp:{port}:interface=127.0.0.1", Site(File({root!r}))).setServiceParent(application)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_answer(port: int, began: float) -> float:
    """Seconds from `began` to the first answered request."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            if connection.getresponse().read() != b"hello":
                raise RuntimeError("a wrong answer")
            return time.perf_counter() - began
        except ConnectionRefusedError:
            if time.perf_counter() - began > 30:
                raise
            time.sleep(0.0005)
        finally:
            connection.close()


def pss(pid: int) -> float:
    """Proportional set size in MB (proc(5), smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def cpu(pid: int) -> float:
    """Seconds on a processor so far (proc(5), schedstat): steadier than the clock on a shared machine."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(arguments: list[str], port: int, folder: str) -> tuple[float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(
        arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        took = first_answer(port, began)
        return took, cpu(process.pid), pss(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def compile_all() -> None:
    """Byte-compile everything that is measured, as an installed package is: an edited source would be compiled anew."""
    import tapdaemon

    for place in {Path(tapdaemon.__file__).parent, *map(Path, site.getsitepackages())}:
        compileall.compile_dir(str(place), quiet=2)


def main() -> None:
    compile_all()
    bin_folder = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "www"
        root.mkdir()
        (root / "index.html").write_text("hello")
        port = free_port()
        (Path(folder) / "bare.py").write_text(BARE.format(port=port, root=str(root)))
        (Path(folder) / "web.tac").write_text(TAC.format(port=port, root=str(root)))
        listen = f"tcp:{port}:interface=127.0.0.1"
        maker = ["web", "--path", root, "--listen", listen]
        subprocess.run([bin_folder / "mktap", *maker], cwd=folder, check=True)
        subprocess.run([bin_folder / "mktap", "--keep", "graph", "-o", "graph.tap", *maker], cwd=folder, check=True)
        ways = {
            BARE_NAME: [sys.executable, "bare.py"],
            "tapd, by recipe": [str(bin_folder / "tapd"), "-n", "web.tap"],
            "tapd, by graph": [str(bin_folder / "tapd"), "-n", "graph.tap"],
            TWISTD_NAME: [str(bin_folder / "twistd"), "-n", *map(str, maker)],
            "tapd -no, by recipe": [str(bin_folder / "tapd"), "-no", "web.tap"],
            "twistd -ny web.tac": [str(bin_folder / "twistd"), "-ny", "web.tac"],
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        loads: dict[str, list[float]] = {name: [] for name in ways}
        sizes: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(ROUNDS + 1):
            for name, arguments in ways.items():
                took, load, size = measure(arguments, port, folder)
                if turn:  # the first round warms caches
                    times[name].append(took)
                    loads[name].append(load)
                    sizes[name].append(size)
    lines = [line(name, times, loads, sizes) for name in ways]
    report(lines, sys.argv[1] if len(sys.argv) > 1 else None)


def line(name: str, times: dict[str, list[float]], loads: dict[str, list[float]], sizes: dict[str, list[float]]) -> str:
    """One way's medians; ratios are medians of the ratios within each round, which a slow minute does not bend."""
    clock, load = statistics.median(times[name]), statistics.median(loads[name])
    return (
        f"{name:<20} {clock * 1000:7.1f} ms  x{ratio(times, name, BARE_NAME):.2f} of bare, "
        f"x{ratio(times, name, TWISTD_NAME):.2f} of twistd  CPU {load * 1000:6.1f} ms  "
        f"x{ratio(loads, name, BARE_NAME):.2f} of bare, x{ratio(loads, name, TWISTD_NAME):.2f} of twistd  "
        f"{statistics.median(sizes[name]):6.1f} MB"
    )


def ratio(found: dict[str, list[float]], name: str, other: str) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(found[name], found[other], strict=True))


def report(lines: list[str], path: str | None) -> None:
    """Print the lines, and write them to a page of docs/ where one is named."""
    from twisted import __version__

    head = f"Time from exec to the first answered request, {ROUNDS} rounds, alternating; PSS right after it."
    print(f"\n{head}", *lines, sep="\n")
    if path is not None:
        day = time.strftime("%Y-%m-%d", time.gmtime())
        made = f"Made by `make soak` on {day} with Twisted {__version__}, Python {sys.version.split()[0]}, two cores."
        text = "\n".join(f"    {line}" for line in lines)
        Path(path).write_text(f"# Start-up\n\n{head} {made}\n\n{text}\n")


if __name__ == "__main__":
    main()
