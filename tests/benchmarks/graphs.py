"""Saving and loading an application of a million small objects, beside plain pickle; and the size of a web.tap.

    python tests/benchmarks/graphs.py [PAGE]

Both begin with the application in memory and end with a file that was synced, and the other way round; in turns, in one
process.  Ours adds what plain pickle has not: rules for what has no value, the manifest, digests, and the gate.
"""

from __future__ import annotations

import gc
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pages import publish
from twisted.application import service

import tapdaemon
from tapdaemon.tapfile.container import TapFile

ROUNDS = int(os.environ.get("ROUNDS", "5"))
COUNT = int(os.environ.get("COUNT", "1000000"))
MODULE = '''
from twisted.application import service

class Item:
    """A small object: a number and a text."""
    def __init__(self, number):
        self.number = number
        self.name = f"item {number}"

class Shelf(service.Service):
    def __init__(self, count):
        self.items = [Item(number) for number in range(count)]
'''


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def plain_save(application: object, path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(application, file, 5)
        file.flush()
        os.fsync(file.fileno())


def plain_load(path: Path) -> object:
    with path.open("rb") as file:
        return pickle.load(file)


def measure(folder: Path) -> dict[str, float]:
    """Median seconds of each, taken in turns."""
    (folder / "shelves.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    from shelves import Shelf

    application = tapdaemon.Application("shelves")
    Shelf(COUNT).setServiceParent(service.IServiceCollection(application))
    ours, plain = folder / "shelves.tap", folder / "shelves.pickle"
    work = {
        "pickle, saving": lambda: plain_save(application, plain),
        "tap, saving": lambda: tapdaemon.save(application, ours),
        "pickle, loading": lambda: plain_load(plain),
        "tap, loading": lambda: tapdaemon.load(ours),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, one in work.items():
            times[name].append(seconds(one))
    return {name: statistics.median(found) for name, found in times.items()}


def web_tap(folder: Path) -> list[list[str]]:
    """The sizes of a web.tap and of what is in it, in bytes."""
    command = [sys.executable, "-P", "-m", "tapdaemon.cli.mktap", "-o", folder / "web.tap", "web", "--path", "/srv/www"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with TapFile(str(folder / "web.tap"), None) as tap:
        payload = tap.manifest.payload.size
    return [["web.tap", str((folder / "web.tap").stat().st_size), f"its pickle alone {payload}"]]


def beside(told: dict[str, float], what: str) -> list[str]:
    ours, plain = told[f"tap, {what}"], told[f"pickle, {what}"]
    return [f"{ours:.2f} s", f"pickle {plain:.2f} s, ratio {ours / plain:.2f}"]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = measure(folder)
        sizes = {end: (folder / f"shelves.{end}").stat().st_size for end in ("tap", "pickle")}
        rows = [[f"{what} a million small objects", *beside(told, what)] for what in ("saving", "loading")]
        both = {f"{whose}, both": told[f"{whose}, saving"] + told[f"{whose}, loading"] for whose in ("tap", "pickle")}
        rows.append(["both", *beside(both, "both")])
        rows.append(["the file, bytes", str(sizes["tap"]), f"pickle {sizes['pickle']}"])
        rows += web_tap(folder)
    note = f"{COUNT} objects, medians of {ROUNDS}."
    publish("A large application, and a small one", note, ["what", "ours", "beside"], rows)


if __name__ == "__main__":
    main()
