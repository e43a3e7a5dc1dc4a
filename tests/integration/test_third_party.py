"""Applications of others, which know nothing of tapdaemon: under twistd, as a tap, stopped and resumed, reloaded.

They are installed by `make soak` (the dependency groups "others" and "others-…"); what is not here is skipped by name.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

ENTRIES = sorted(path.stem for path in Path(__file__).parent.glob("third_party_*.py"))
pytest.register_assert_rewrite("third_party", *ENTRIES)  # a client that is surprised says by what

from third_party import LIMIT, REGISTRY, Other, Place, found  # noqa: E402 - after what rewrites its asserts

from conftest import Manager, Tapd, clean_environment, command, free_port, manifest, until  # noqa: E402 - the same

for _name in ENTRIES:
    importlib.import_module(_name)

HEADER = ["application", "version", "base", "kept", "left out (named)", "reload"]


@pytest.fixture(params=list(REGISTRY))
def name(request):
    return request.param


@pytest.fixture
def other(name) -> Other:
    one = REGISTRY[name]
    if found(one.distribution) is None:
        pytest.skip(f"SKIPPED: {one.distribution} is not installed; make soak does that")
    return one


@pytest.fixture
def place(other, tmp_path):
    python, _ = found(other.distribution)
    one = Place(tmp_path, [free_port() for _ in range(4)], python=python)
    with one.around:
        yield one


@pytest.fixture
def row(name, other, table):
    """Fill in cells of this application's row."""

    def fill(base: str = "", kept: str = "", left_out: str = "", reload: str = "") -> None:
        cells = [name, found(other.distribution)[1], base, kept, left_out, reload]
        table("third-party", "Applications of others", HEADER, cells, key=2)

    return fill


def talk(other: Other, place: Place, times: int = 2) -> None:
    """Clients come, one after the other."""
    for _ in range(times):
        other.talk(place)
        place.rounds += 1


def make(other: Other, place: Place) -> dict:
    """Make its tap; the manifest."""
    arguments = other.arguments(place)
    env = clean_environment(**place.env)
    made = subprocess.run(
        [*place.before, *command("mktap", "-o", "app.tap", *arguments, python=place.python)],
        cwd=place.folder, env=env, capture_output=True, text=True, timeout=2 * LIMIT, check=False,
    )  # fmt: skip
    assert made.returncode == 0, f"{made.stdout}\n{made.stderr}"
    return manifest(place.folder / "app.tap")


def left_out(snapshot: dict, shown: int = 4) -> str:
    """What the snapshot names as left out: place and type of the first few, as a table's cell."""
    every = snapshot["left_out"]
    named = [f"`{one['place']}` ({one['type']})" for one in every[:shown]]
    more = [f"and {len(every) - shown} more"] if len(every) > shown else []
    return "; ".join(named + more).replace("|", "/") or "nothing"


@contextlib.contextmanager
def under_twistd(other: Other, place: Place, arguments: list[str]):
    """The witness: twistd, told to stop at the end."""
    log = place.folder / f"twistd-{place.rounds}.log"
    start = [*place.before, place.python, place.script("twistd"), "-n", "--pidfile=", *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(
            start,
            cwd=place.folder,
            env=clean_environment(**place.env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield
        assert process.poll() is None, log.read_text(errors="replace")
    except BaseException:
        print(log.read_text(errors="replace")[-8000:])
        raise
    finally:
        process.terminate()
        process.wait(LIMIT)


def test_twistd_runs_it(other, place):
    """The witness: the client's conversation goes through under twistd, and after a restart what is kept in files."""
    arguments = other.arguments(place)
    with under_twistd(other, place, arguments):
        talk(other, place)
    if not other.keeps:
        with under_twistd(other, place, arguments):
            talk(other, place)


def test_it_comes_back_after_a_stop(other, place, tapd, row):
    """From its tap, and from the snapshots of two stops: a client finds what it changed before."""
    base = make(other, place)["base"]
    for start in range(3):
        server = tapd("app.tap", cwd=place.folder, env=place.env, before=place.before, python=place.python)
        try:
            talk(other, place)
        except BaseException:
            print(server.log[-8000:])
            raise
        assert server.stop() == 0, server.log
        assert "tapd#critical" not in server.log, server.log
        assert ("resumed" in server.log) == (start > 0), server.log
    kept = other.keeps or "in its own files"
    row(base=base, kept=kept, left_out=left_out(manifest(place.folder / "app-shutdown.tap")))


def stop(manager: Manager, server: Tapd) -> None:
    """End whoever is the main process, by its pid."""
    pid = manager.main_pid() or server.process.pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until(lambda: manager.read() is not None and is_gone(pid), "the end", LIMIT)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_is_reloaded(other, place, tapd, manager, row):
    """Two reloads, by a stand-in for systemd: the client finds what it changed before, in another process."""
    make(other, place)
    env = {**place.env, "NOTIFY_SOCKET": str(manager.path)}
    server = tapd("app.tap", cwd=place.folder, env=env, before=place.before, python=place.python, ready=False)
    until(lambda: manager.has("READY=1") or server.process.poll() is not None, "READY", LIMIT)
    assert server.process.poll() is None, server.log
    try:
        talk(other, place)
        for number in range(2):
            before = manager.main_pid()
            os.kill(before, signal.SIGHUP)
            until(
                lambda before=before, number=number: (
                    (manager.main_pid() != before and server.log.count("ready: ") > number + 1)
                    or manager.has("the last reload failed")
                ),
                "the reload",
                LIMIT,
            )
            assert manager.main_pid() != before, server.log
            talk(other, place)
    except BaseException:
        print(server.log[-8000:])
        raise
    finally:
        stop(manager, server)
    assert "tapd#critical" not in server.log, server.log
    row(reload="yes")
