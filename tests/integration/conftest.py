"""Fixtures: the commands as real processes, in a folder of their own, on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from counters import COUNTER_TAC

LIMIT = 20.0
"""Seconds after which a thing that should have happened has not."""


def clean_environment(**more: str) -> dict[str, str]:
    """An environment without the service manager that may run these tests."""
    dropped = ("NOTIFY_SOCKET", "SYSTEMD_EXEC_PID", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID", "STATE_DIRECTORY")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def command(name: str, *arguments: str | Path, python: str = sys.executable) -> list[str]:
    """As the installed command runs: -P keeps the current folder off the path."""
    return [python, "-P", "-m", f"tapdaemon.cli.{name}", *map(str, arguments)]


def run(
    name: str, *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None, limit: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run one of the commands to its end.

    All but tapd run in a fork of this process, which has imported Twisted already: half a second less each.  What
    wants another hash seed, or brings plugins of its own, is started from scratch.
    """
    environment = clean_environment(**(env or {}))
    plugins = Path(environment.get("PYTHONPATH", "/nowhere"), "twisted", "plugins")
    if name != "tapd" and "PYTHONHASHSEED" not in (env or {}) and not plugins.exists():
        return forked(name, [str(argument) for argument in arguments], cwd, environment)
    return subprocess.run(
        command(name, *arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=limit, check=False
    )


def forked(name: str, arguments: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command's main in a child of this process."""
    import importlib

    from tapdaemon.core.makers import find_makers

    module = importlib.import_module(f"tapdaemon.cli.{name}")
    find_makers()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
                sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)
                os.chdir(cwd)
                os.environ.clear()
                os.environ.update(env | {"PYTHONHASHSEED": "0"})
                sys.path[:0] = [path for path in env.get("PYTHONPATH", "").split(":") if path]
                sys.argv = [name, *arguments]
                module.main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:  # noqa: BLE001 - what a person would see is what the test looks at
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([name, *arguments], status, out.read(), err.read())


def mktap(*arguments: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Make a tap; its closing line."""
    done = run("mktap", *arguments, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ok(name: str, *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run one of the commands, which is to succeed; what it prints."""
    done = run(name, *arguments, cwd=cwd, env=env)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def manifest(path: Path) -> dict:
    """A tap's manifest, as JSON has it."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


def rewrite(path: Path, change: Callable[[dict, dict[str, bytes]], object], *, honest: bool = False) -> None:
    """Change the manifest and the members of a tap.

    :param honest: whether the manifest then lists the members as they have become.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(members.pop("manifest.json"))
    change(told, members)
    if honest:
        told["members"] = [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(told))
        for name, data in members.items():
            archive.writestr(name, data)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    end = time.monotonic() + limit
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen in {limit} s"
        time.sleep(0.01)


class Tapd:
    """A tapd in the foreground, with its log in a file."""

    def __init__(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        before: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:
        self.cwd = cwd
        self.log_path = cwd / f"tapd-{time.monotonic_ns()}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, *command("tapd", "-n", *arguments, python=python)],
                cwd=cwd,
                env=clean_environment(**(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_ready(self) -> Tapd:
        until(lambda: "ready: " in self.log or self.process.poll() is not None, "ready")
        assert self.process.poll() is None, self.log
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(LIMIT)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(LIMIT)


@pytest.fixture
def tapd(tmp_path: Path) -> Iterator[Callable[..., Tapd]]:
    """Start tapds; whatever still runs at the end is ended by pid."""
    started: list[Tapd] = []

    def start(*arguments: str | Path, cwd: Path = tmp_path, ready: bool = True, **more) -> Tapd:
        one = Tapd(*arguments, cwd=cwd, **more)
        started.append(one)
        return one.wait_ready() if ready else one

    yield start
    for one in started:
        one.kill()


class Manager:
    """A service manager's end of sd_notify(3)."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(0.1)
        self.messages: list[str] = []

    def read(self) -> list[str]:
        try:
            while True:
                data, fds, _, _ = socket.recv_fds(self.socket, 4096, 1)
                for fd in fds:
                    os.close(fd)  # a barrier is answered by closing it
                self.messages.append(data.decode())
        except TimeoutError:
            return self.messages

    def has(self, part: str) -> bool:
        return any(part in message for message in self.read())

    def main_pid(self) -> int:
        """The main process that was told last."""
        told = [found for one in self.read() for found in re.findall(r"^MAINPID=(\d+)", one, re.MULTILINE)]
        return int(told[-1]) if told else 0


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path)
    yield one
    one.socket.close()


def built_twice(tap: Path, arguments: Sequence[str | Path], names: Sequence[str]) -> set[tuple[str, ...]]:
    """Digests of what a packager makes of a tap under two umasks, time zones, folders, homes and times.

    :param names: of the files it makes.
    """
    digests = set()
    for umask, zone in ((0o022, "UTC"), (0o077, "Asia/Tokyo")):
        folder = tap.parent / f"folder-{umask:o}"
        folder.mkdir()
        shutil.copy(tap, folder)
        environment = clean_environment(TZ=zone, HOME=str(folder))
        subprocess.run([*arguments, tap.name], cwd=folder, env=environment, umask=umask, check=True)
        digests.add(tuple(hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names))
        time.sleep(1.1)
    return digests


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def counter(tmp_path: Path, port: int):
    """Make counter.tap anew; with other values on request."""

    def make(*options: str, greeting: bytes = b"hello", port: int = port) -> str:
        (tmp_path / "counter.tac").write_text(COUNTER_TAC.format(port=port, greeting=greeting))
        return mktap(*options, "-y", "counter.tac", cwd=tmp_path)

    make()
    return make
