"""The life of a tap, in every order: made, appended to, converted, sealed, edited, run, promoted, damaged, copied.

A model knows what each tap and its snapshot should hold; after every step the files are read and compared with it.
Whatever is done to a damaged copy ends with a documented status and without a traceback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conftest import Tapd, ok, run

SOAK = bool(os.environ.get("TAPDAEMON_SOAK"))
NAMES = ("one", "two")
APPLICATION = """
from twisted.application import service

class Starter(service.Service):
    def __init__(self):
        self.starts = 0

    def startService(self):
        service.Service.startService(self)
        self.starts += 1

application = service.Application("life")
starter = Starter()
starter.setName("starter")
starter.setServiceParent(application)
"""
DOCUMENTED = {0, 1, 64, 65, 66, 70, 73, 77}
STYLES = st.sampled_from(["pickle", "source"])


@dataclass
class Held:
    """What a tap should hold.

    :param more: services that were appended.
    """

    starts: int
    more: int
    style: str
    sealed: bool


class Life(RuleBasedStateMachine):
    """Two taps of one application in one folder."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bases: dict[str, Held] = {}
        self.snapshots: dict[str, Held] = {}
        self.goes_on: dict[str, bool | None] = {}  # whether the base goes on from the snapshot; None: either may be
        (self.folder / "life.tac").write_text(APPLICATION)
        for name, text in (("secret", "correct horse"), ("wrong", "another")):
            (self.folder / name).touch(0o600)
            (self.folder / name).write_text(text)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def do(self, command: str, *arguments: str, **more: dict[str, str]) -> str:
        return ok(command, *arguments, cwd=self.folder, **more)

    @initialize()
    def begin(self) -> None:
        for name in NAMES:
            self.make(name, "pickle", sealed=False)

    # ---- what is done to it

    @rule(name=st.sampled_from(NAMES), style=STYLES, sealed=st.booleans())
    def make(self, name: str, style: str, *, sealed: bool) -> None:
        secret = ["--passphrase-file", "secret"] if sealed else []
        self.do("mktap", "-o", f"{name}.tap", "-t", style, *secret, "-y", "life.tac")
        before = self.bases.get(name)
        if before is None or before.more or before.starts:
            self.goes_on[name] = None
        self.bases[name] = Held(0, 0, style, sealed)

    @rule(name=st.sampled_from(NAMES))
    def append(self, name: str) -> None:
        base = self.bases[name]
        secret = ["--passphrase-file", "secret"] if base.sealed else []
        maker = ["socks", "--port", "0", "--interface", "127.0.0.1"]
        self.do("mktap", "-a", f"{name}.tap", *secret, *maker)
        self.bases[name] = Held(base.starts, base.more + 1, "pickle", base.sealed)
        self.goes_on[name] = None

    @rule(name=st.sampled_from(NAMES), style=STYLES, sealed=st.booleans(), snapshot=st.booleans())
    def convert(self, name: str, style: str, *, sealed: bool, snapshot: bool) -> None:
        held = (self.snapshots if snapshot else self.bases).get(name)
        if held is None:
            return
        path = f"{name}-shutdown.tap" if snapshot else f"{name}.tap"
        options = [*(["-d"] if held.sealed else []), *(["-e"] if sealed else []), "-t", style]
        self.do("tapconvert", *options, "--passphrase-file", "secret", "-i", path, "-o", path)
        held.style, held.sealed = style, sealed

    @rule(name=st.sampled_from(NAMES), starts=st.integers(100, 999), snapshot=st.booleans())
    def edit(self, name: str, starts: int, *, snapshot: bool) -> None:
        held = (self.snapshots if snapshot else self.bases).get(name)
        if held is None:
            return
        path = f"./{name}-shutdown.tap" if snapshot else f"./{name}.tap"
        script = f"sed -i s/starts={held.starts},/starts={starts},/"
        self.do("tapctl", "edit", "--passphrase-file", "secret", path, env={"EDITOR": script})
        if not snapshot and starts != held.starts:
            self.goes_on[name] = None
        held.starts = starts

    @rule(name=st.sampled_from(NAMES))
    def run(self, name: str) -> None:
        base, snapshot = self.bases[name], self.snapshots.get(name)
        server = Tapd("--passphrase-file", "secret", f"{name}.tap", cwd=self.folder)
        try:
            server.wait_ready()
            assert server.stop(signal.SIGTERM) == 0, server.log
        finally:
            server.kill()
        if snapshot is not None and snapshot.sealed and not base.sealed:
            return
        resumed = "resumed" in server.log
        if self.goes_on.get(name) is not None:
            assert resumed == self.goes_on[name], server.log
        begun = snapshot if resumed else base
        assert begun is not None
        self.snapshots[name] = Held(begun.starts + 1, begun.more, base.style, base.sealed)
        self.goes_on[name] = True

    @precondition(lambda self: self.snapshots)
    @rule(name=st.sampled_from(NAMES))
    def promote(self, name: str) -> None:
        """A snapshot is a base like any other."""
        if name in self.snapshots:
            shutil.move(self.folder / f"{name}-shutdown.tap", self.folder / f"{name}.tap")
            self.bases[name] = self.snapshots.pop(name)
            self.goes_on[name] = None

    # ---- what must fail, and how

    @rule(name=st.sampled_from(NAMES), data=st.data(), cut=st.booleans())
    def damage(self, name: str, data: st.DataObject, *, cut: bool) -> None:
        """A copy that is cut or has a bit flipped: every command ends in order."""
        whole = (self.folder / f"{name}.tap").read_bytes()
        # Not bounded by the size, which the times in a tap change: hypothesis draws the same in each run.
        place = data.draw(st.integers(0, 2**20)) % len(whole)
        altered = bytearray(whole)
        altered[place] ^= 1 << data.draw(st.integers(0, 7))
        (self.folder / "bad.tap").write_bytes(whole[:place] if cut else altered)
        (self.folder / "bad.tap").chmod(0o600)
        secret = ["--passphrase-file", "secret"]
        for command in (
            ("tapctl", "show", "--graph", *secret, "./bad.tap"),
            ("tapctl", "diff", *secret, "./bad.tap", f"./{name}.tap"),
            ("tapctl", "edit", *secret, "./bad.tap"),
            ("tapconvert", *secret, "-i", "bad.tap", "-o", "out.tap"),
            ("mktap", *secret, "-a", "bad.tap", "-o", "out.tap", "socks", "--port", "0"),
        ):
            self.ends_in_order(command, {"EDITOR": "true"})
        self.remove("bad.tap", "out.tap")

    @precondition(lambda self: any(base.sealed for base in self.bases.values()))
    @rule()
    def guess(self) -> None:
        """With another passphrase nothing opens."""
        name = next(name for name, base in self.bases.items() if base.sealed)
        for command in (
            ("tapctl", "show", "--graph", "--passphrase-file", "wrong", f"./{name}.tap"),
            ("tapconvert", "-d", "--passphrase-file", "wrong", "-i", f"{name}.tap", "-o", "out.tap"),
        ):
            assert self.ends_in_order(command, {}) == 77
        assert not (self.folder / "out.tap").exists()

    def ends_in_order(self, command: tuple[str, ...], env: dict[str, str]) -> int:
        done = run(*command, cwd=self.folder, env=env)
        assert done.returncode in DOCUMENTED, (command, done.stderr)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        if done.returncode > 1:
            assert done.stderr.count("\n") == 1, done.stderr
        return done.returncode

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    # ---- what always holds

    @invariant()
    def files_hold_what_the_model_says(self) -> None:
        for name in NAMES:
            if name in self.bases:
                self.check(f"{name}.tap", self.bases[name])
            if name in self.snapshots:
                self.check(f"{name}-shutdown.tap", self.snapshots[name])
        left = {path.suffix for path in self.folder.iterdir()} - {".tap", ".tac", ".log", ""}
        assert not left, left

    def check(self, path: str, held: Held) -> None:
        manifest = json.loads(self.do("tapctl", "show", "--json", f"./{path}"))
        assert (manifest["style"], manifest["seal"] is not None) == (held.style, held.sealed)
        graph = json.loads(self.do("tapctl", "show", "--graph", "--json", "--passphrase-file", "secret", f"./{path}"))
        kinds = [one["is"] for one in graph["objects"]]
        assert kinds.count("twisted.application.internet.TCPServer") == held.more
        (starter,) = (one for one in graph["objects"] if one["is"] == "tac_life.Starter")
        assert dict(map(tuple, starter["parts"]))["starts"] == held.starts


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=30 if SOAK else 3,
    stateful_step_count=12,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=list(HealthCheck),
)
