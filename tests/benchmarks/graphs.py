"""A change set of a million small objects beside plain pickle, and what the baselines cost for bases of several sizes.

    python tests/benchmarks/graphs.py [PAGE]

The objects are plain ones of an application's own class, in a list that a service fills while it runs.  Saving is all
that a stop does for it: the changes are found, and saved in a fork, until the payload is back.  Applying is all that a
start does.  Plain pickle saves and loads the same list, in turns, in one process.
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
from typing import Any

from pages import publish
from twisted.application import service

import tapdaemon
from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.tapfile.container import TapFile

ROUNDS = int(os.environ.get("ROUNDS", "5"))
COUNT = int(os.environ.get("COUNT", "1000000"))
SIZES = (1_000, 100_000, 1_000_000)
MODULE = '''
from twisted.application import service

class Item:
    """A small object: four attributes."""
    def __init__(self, number):
        self.number = number
        self.name = f"item {number}"
        self.price = number / 7
        self.is_sold = False

class Shelf(service.Service):
    def __init__(self, count):
        self.items = [Item(number) for number in range(count)]
'''


def seconds(work: Callable[[], object]) -> float:
    """Of a call, with no garbage of the one before."""
    gc.collect()
    begun = time.perf_counter()
    kept = work()
    took = time.perf_counter() - begun
    del kept
    return took


def shop(count: int) -> tuple[Any, Any]:
    """An application with one service that holds so many objects."""
    from shelves import Shelf

    application = tapdaemon.Application("shop")
    shelf = Shelf(count)
    shelf.setServiceParent(service.IServiceCollection(application))
    return application, shelf


class Life:
    """An application whose service is filled while it runs, up to the moment when it has stopped."""

    def __init__(self) -> None:
        self.application, self.shelf = shop(0)
        self.baseline = Baseline(self.application)
        self.baseline.take_ready()
        self.shelf.items = shop(COUNT)[1].items
        self.payload = b""

    def save(self) -> None:
        self.baseline.take_last()
        self.baseline.take_stopped()
        changes = saving.save(self.baseline, is_running=False)
        if changes.left_out:
            raise RuntimeError(str(changes.left_out))
        self.payload = changes.payload


def apply(payload: bytes) -> object:
    """On a fresh base; returns the application, so that taking it apart is no part of the time."""
    application, shelf = shop(0)
    applying.apply(payload, application, Baseline(application))
    if len(shelf.items) != COUNT:
        raise RuntimeError(f"{len(shelf.items)} objects came back")
    return application


def measure() -> dict[str, float]:
    """Median seconds of each, taken in turns, without the collector."""
    life = Life()
    items = life.shelf.items
    life.save()
    plain = pickle.dumps(items, 5)
    work: dict[str, Callable[[], object]] = {
        "pickle, saving": lambda: pickle.dumps(items, 5),
        "tap, saving": life.save,
        "pickle, loading": lambda: pickle.loads(plain),
        "tap, loading": lambda: apply(life.payload),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    gc.freeze()
    gc.disable()  # as in a start; in a stop's fork likewise
    for _ in range(ROUNDS):
        for name, one in work.items():
            times[name].append(seconds(one))
    gc.enable()
    return {name: statistics.median(found) for name, found in times.items()}


def beside(told: dict[str, float], what: str) -> list[str]:
    ours, plain = told[f"tap, {what}"], told[f"pickle, {what}"]
    return [f"{ours:.2f} s", f"pickle {plain:.2f} s, ratio {ours / plain:.2f}"]


def baselines(count: int) -> list[str]:
    """What the four moments of an application with a base of that size cost, in milliseconds."""
    application, _ = shop(count)
    gc.collect()
    gc.freeze()
    gc.disable()
    begun = time.perf_counter()
    baseline = Baseline(application)
    times = [time.perf_counter() - begun]
    for take in (baseline.take_ready, baseline.take_last, baseline.take_stopped):
        begun = time.perf_counter()
        take()
        times.append(time.perf_counter() - begun)
    gc.enable()
    gc.unfreeze()
    built, ready, last, stopped = (f"{one * 1000:.1f} ms" for one in times)
    return [f"baselines of {count} objects", f"Built {built}", f"Ready {ready}, Last {last}, Stopped {stopped}"]


def web_tap(folder: Path) -> list[list[str]]:
    """The sizes of a web.tap and of what is in it, in bytes."""
    command = [sys.executable, "-P", "-m", "tapdaemon.cli.mktap", "-o", folder / "web.tap", "web", "--path", "/srv/www"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with TapFile(str(folder / "web.tap"), None) as tap:
        payload = sum(member.size for member in tap.manifest.members)
    return [
        ["web.tap, bytes", str((folder / "web.tap").stat().st_size), f"its members before they are packed {payload}"]
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "shelves.py").write_text(MODULE)
        sys.path.insert(0, str(folder))
        told = measure()
        rows = [[f"{what} a change set of {COUNT} objects", *beside(told, what)] for what in ("saving", "loading")]
        both = {f"{whose}, both": told[f"{whose}, saving"] + told[f"{whose}, loading"] for whose in ("tap", "pickle")}
        rows.append(["both", *beside(both, "both")])
        rows += [baselines(count) for count in SIZES]
        rows += web_tap(folder)
    note = f"{COUNT} objects of four attributes, medians of {ROUNDS}."
    publish("A large change set, and a small tap", note, ["what", "ours", "beside"], rows)


if __name__ == "__main__":
    main()
