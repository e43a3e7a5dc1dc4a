"""Runs a group of the living table's rows: under twistd, under tapd, and as a tap that is stopped and reloaded."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from living import CONTROL, Group, Row, Setting, tac

from conftest import Manager, Tapd, clean_environment, command, free_port, manifest, until

LATER = ("after a stop", "after a reload", "after a change of code")

Answers = dict[str, str]
"""What a row's commands were answered: by command."""


class Living:
    """A folder with the application of some rows in it, and whoever runs it.

    :ivar told: what a phase's rows answered before and after they were used, by phase; or why it did not come to that.
    """

    def __init__(self, folder: Path, group: Group, rows: Sequence[Row | Setting]) -> None:
        self.folder, self.group, self.rows = folder, group, rows
        self.ports = [free_port() for _ in range(10)]
        self.told: dict[str, dict[str, list[Answers]] | str] = {}
        folder.mkdir()
        for name, text in {"control.py": CONTROL, **group.files}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        self.write(1)

    @property
    def env(self) -> dict[str, str]:
        """Modules beside the .tac are found by whoever runs it."""
        return {"PYTHONPATH": os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))}

    def write(self, version: int) -> None:
        (self.folder / "living.tac").write_text(tac(self.group, self.rows, version, self.ports))

    def mktap(self) -> None:
        """In a process of its own: this one has threads, and a fork of it would have their locks."""
        words = command("mktap", "-y", "living.tac")
        done = subprocess.run(
            words, cwd=self.folder, env=clean_environment(**self.env), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def connected(self, alive: Callable[[], bool]) -> Iterator[Callable[..., str]]:
        """A function that commands the services."""

        def connect() -> bool:
            # Refused before it listens; reset where for a moment the port is that of another test beside this one.
            with contextlib.suppress(ConnectionError), contextlib.ExitStack() as stack:
                one = stack.enter_context(socket.create_connection(("127.0.0.1", self.ports[0]), 10))
                one.sendall(b"version ask\n")
                if one.recv(1, socket.MSG_PEEK):
                    stack.pop_all()
                    opened.append(one)
            return bool(opened) or not alive()

        opened: list[socket.socket] = []
        until(connect, "a connection")
        assert opened, "it ended"
        with opened[0] as one, one.makefile("rw") as lines:

            def ask(*words: str) -> str:
                lines.write(" ".join(words) + "\n")
                lines.flush()
                return lines.readline().rstrip("\n")

            lines.readline()
            yield ask

    def phase(self, name: str, version: int, alive: Callable[[], bool]) -> None:
        """Ask every row, use it, and ask it again."""
        told: dict[str, list[Answers]] = {}
        with self.connected(alive) as ask:
            found = ask("version", "ask")
            assert found == str(version), f"version {found} of the code runs, not {version}"
            for row in self.rows:
                asked = (*row.ask, *row.lost)
                before = {one: ask(row.name, one) for one in asked}
                used = {one: ask(row.name, one) for one in row.use}
                after = {one: ask(row.name, one) for one in asked}
                told[row.name] = [before, {k: v for k, v in used.items() if v.startswith("!")} | after]
        self.told[name] = told

    @contextlib.contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """What goes wrong in a phase is what its rows answer."""
        try:
            yield
        except (AssertionError, OSError, subprocess.SubprocessError) as why:
            self.told.setdefault(name, f"{type(why).__name__}: {why}"[-600:])

    def witness(self) -> None:
        """Twistd, which uses the rows once for each phase and never stops."""
        words = [sys.executable, "-P", "-c", "from twisted.scripts.twistd import run; run()"]
        words += ["-n", "--pidfile=", "-oy", "living.tac"]
        with (self.folder / "twistd.log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=self.folder, env=clean_environment(**self.env), stdout=log, stderr=subprocess.STDOUT
            )
        try:
            with self.trying("0"):
                for number in range(len(LATER) + 1):
                    self.phase(str(number), 1, lambda: process.poll() is None)
        finally:
            process.terminate()
            process.wait(20)

    def plain(self) -> None:
        """A .tac that tapd runs as twistd does."""
        one = Tapd("-y", "living.tac", cwd=self.folder, env=self.env)
        try:
            with self.trying("tapd -ny"):
                self.phase("tapd -ny", 1, lambda: one.process.poll() is None)
                one.stop()
        finally:
            one.kill()

    def tap(self) -> None:
        """A tap: made, used, stopped, resumed, reloaded, stopped, made of changed code and resumed."""
        manager = Manager(self.folder)
        started: list[Tapd] = []

        def start() -> Tapd:
            manager.messages.clear()
            one = Tapd(
                "--keepalive-grace=1",
                "--drain-timeout=2",
                "living.tap",
                cwd=self.folder,
                env=self.env | {"NOTIFY_SOCKET": str(manager.path)},
            )
            started.append(one)
            until(lambda: manager.has("READY=1") or one.process.poll() is not None, "READY")
            assert one.process.poll() is None, one.log
            return one

        def main_pid() -> int:
            assert started, "nothing was started"
            told = [found for one in manager.read() for found in re.findall(r"^MAINPID=(\d+)", one, re.MULTILINE)]
            return int(told[-1]) if told else started[-1].process.pid

        def stop() -> None:
            pid = main_pid()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            until(lambda: manager.read() is not None and is_gone(pid), "the end")
            started[-1].process.wait(20)

        def reload() -> None:
            before = main_pid()
            os.kill(before, signal.SIGHUP)
            until(lambda: main_pid() != before or manager.has("the last reload failed"), "the switch")
            assert main_pid() != before, f"the reload failed: {self.log}"

        def alive() -> bool:
            return not is_gone(main_pid())

        try:
            with self.trying("tap"):
                self.mktap()
                start()
                self.phase("tap", 1, alive)
            with self.trying(LATER[0]):
                stop()
                start()
                self.phase(LATER[0], 1, alive)
            with self.trying(LATER[1]):
                reload()
                self.phase(LATER[1], 1, alive)
            with self.trying(LATER[2]):
                stop()
                self.write(2)
                self.mktap()
                start()
                self.phase(LATER[2], 2, alive)
                stop()
        finally:
            with contextlib.suppress(ProcessLookupError, AssertionError):
                os.kill(main_pid(), signal.SIGKILL)
            for one in started:
                one.kill()
            manager.socket.close()

    @property
    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("tapd-*.log")))

    @property
    def left_out(self) -> list[str]:
        """The places that snapshots and the journal tell as left out."""
        places = self.log.splitlines()
        for path in self.folder.glob("living-shutdown*.tap*"):
            places += [str(one["place"]) for one in manifest(path).get("left_out", ())]
        return places


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def lived(group: Group, rows: Sequence[Row | Setting], folder: Path) -> dict:
    """Run the rows under twistd, under tapd and as a tap, side by side."""
    folder.mkdir()
    ways = {name: Living(folder / name, group, rows) for name in ("twistd", "tapd", "tap")}
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(ways["twistd"].witness),
            pool.submit(ways["tapd"].plain),
            pool.submit(ways["tap"].tap),
        ]
        for one in runs:
            one.result()
    told = ways["tapd"].told | ways["tap"].told
    return {"twistd": ways["twistd"].told, "told": told, "left_out": ways["tap"].left_out}
