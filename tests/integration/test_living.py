"""Services with live parts and settings of the process: twistd's answers, and those after stops and reloads."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path

import pytest
from living import Row, Setting
from living_deferred import DEFERRED
from living_functions import FUNCTIONS
from living_network import NETWORK
from living_numbers import NUMBERS
from living_objects import OBJECTS
from living_process import PROCESS
from living_reactor import REACTOR
from living_run import LATER, lived
from living_settings import SETTINGS
from living_tree import TREE
from living_values import VALUES
from living_waiting import WAITING

GROUPS = {
    one.name: one
    for one in (VALUES, NUMBERS, OBJECTS, FUNCTIONS, DEFERRED, WAITING, NETWORK, PROCESS, TREE, SETTINGS, REACTOR)
}
RUNNING = ("tapd -ny", "tap")
TITLE = "Services with live parts, and settings of the whole process"
HEADER = ["service or setting", "twistd", *RUNNING, *LATER]
CASES = [pytest.param(name, row, id=f"{name}-{row.name}") for name, group in GROUPS.items() for row in group.rows]


@pytest.fixture(scope="module")
def life(request, tmp_path_factory):
    """What came of a group's rows; a group is run once, by whichever process of the tests asks first.

    Only rows whose tests were selected are run: `-k` looks at one row alone.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    here = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    picked = {item.callspec.id for item in here}

    def told(name: str) -> dict:
        group = GROUPS[name]
        rows = [row for row in group.rows if f"{name}-{row.name}" in picked]
        result = shared / f"living-{name}.json"
        with Path(f"{result}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                result.write_text(json.dumps(lived(group, rows, shared / f"living-{name}")))
        return json.loads(result.read_text())

    return told


class Compared:
    """A row's answers beside those of twistd."""

    def __init__(self, row: Row | Setting, life: dict) -> None:
        self.row, self.life = row, life

    def witness(self, number: int) -> dict[str, str]:
        """What twistd's services answered after they were used so many times."""
        told = self.life["twistd"]
        phase = told[str(max(number - 1, 0))]
        assert not isinstance(phase, str), f"twistd: {phase}"
        return phase[self.row.name][1 if number else 0]

    def works_under_twistd(self) -> None:
        """The row itself is right: no command of it fails, and its answers tell that it was used."""
        answers = [self.witness(number) for number in range(len(LATER) + 2)]
        assert not [one for answer in answers for one in answer.values() if one.startswith("!")], answers
        assert self.row.still or answers[0] != answers[1], f"nothing tells that it was used: {answers[0]}"

    def wanted(self, phase: str) -> list[dict[str, str]]:
        """What is to be answered before the row is used in a phase, and after."""
        later = LATER.index(phase) if phase in LATER else None
        uses = 0 if later is None else later + 1
        before, after = dict(self.witness(uses)), dict(self.witness(uses + 1))
        if later is not None:
            before.update(self.row.fresh)
            for command, answers in self.row.later.items():
                before[command] = after[command] = answers[later] or after[command]
        return [before, after]

    def named(self) -> bool:
        """Whether what the row loses is told, by its place."""
        place = re.compile(rf"\b{self.row.name}\b.*\b{self.row.named}\b")
        return self.row.silent or any(place.search(one) for one in self.life["left_out"])

    def cell(self, phase: str) -> str:
        """Whether a phase's answers are equal to twistd's, or what is not is named; or what is DIFFERENT."""
        found = self.life["told"].get(phase, "the phase before it failed")
        if isinstance(found, str):
            return f"DIFFERENT: {found}"
        found, lost, wrong = found[self.row.name], False, []
        for when, want, got in zip(("before", "after"), self.wanted(phase), found, strict=True):
            for command in sorted({*want, *got}):
                if got.get(command) == want.get(command):
                    continue
                lost = True
                if phase not in LATER or command not in self.row.lost or got[command].startswith("!"):
                    told = f"{want.get(command)!r:.200}, not {got.get(command)!r:.200}"
                    wrong.append(f"{command} {when} its use: {told}")
        if wrong:
            return f"DIFFERENT: {'; '.join(wrong)}"
        if lost and not self.named():
            return f"DIFFERENT: {self.row.named} is lost and not named"
        if lost:
            return "lost, by design" if self.row.silent else "named"
        return "equal"


@pytest.mark.parametrize(("group", "row"), CASES)
def test_it_is_as_if_it_had_never_stopped(group, row, life, table):
    """What twistd answers is answered by the tap, and by whoever resumes it; or what is lost is named."""
    compared = Compared(row, life(group))
    compared.works_under_twistd()
    cells = {phase: compared.cell(phase) for phase in (*RUNNING, *LATER)}
    table("living", TITLE, HEADER, [row.title, "works", *(one.partition(":")[0] for one in cells.values())])
    assert not {phase: one for phase, one in cells.items() if one.startswith("DIFFERENT")}


@pytest.mark.parametrize(
    ("resumed", "left_out", "cell"),
    [
        pytest.param("1", [], "equal", id="kept"),
        pytest.param("0", ["living/part.timer: DelayedCall"], "named", id="lost and named"),
        pytest.param("0", ["living/part.other"], "DIFFERENT: timer is lost and not named", id="lost in silence"),
        pytest.param("!KeyError: 1", ["living/part.timer"], "DIFFERENT", id="broken"),
    ],
)
def test_a_loss_counts_as_named_only_where_its_place_is_told(resumed, left_out, cell):
    """The comparison itself: what is lost in silence, or no longer works, fails."""
    row = Row("a part", "class Part(Service): ...", lost=("timer",), named="timer", ask=("get",))
    used = [[{"get": "0", "timer": "0"}, {"get": "1", "timer": "1"}], [{}, {"get": "2", "timer": "2"}]]
    stopped = {"part": [{"get": "1", "timer": resumed}, {"get": "2", "timer": "2"}]}
    life = {
        "twistd": {str(number): {"part": answers} for number, answers in enumerate(used)},
        "told": {"tap": {"part": used[0]}, "after a stop": stopped},
        "left_out": left_out,
    }
    compared = Compared(row, life)
    assert compared.cell("tap") == "equal"
    assert compared.cell("after a stop").startswith(cell)
    assert compared.cell("after a reload").startswith("DIFFERENT")
