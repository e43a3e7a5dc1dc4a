"""State over stops and starts: what is kept, which snapshot a start takes, what is moved aside and never lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from counters import ask, one_round

from conftest import LIMIT, free_port, manifest, mktap, ok, run


def test_what_changed_is_kept(tmp_path, counter, port, tapd):
    """A count that clients raise goes on, over three generations, of which three are kept."""
    for count in range(1, 6):
        one_round(tapd, port, answers=b"%d hello" % count)
    (tmp_path / ".counter-shutdown.tap.0123abcd.tmp").write_text("left by a process that was killed while it saved")
    one_round(tapd, port, "-o", answers=b"6 hello")
    assert not list(tmp_path.glob(".counter*"))
    names = sorted(path.name for path in tmp_path.glob("*-shutdown*"))
    assert names == ["counter-shutdown.1.tap", "counter-shutdown.2.tap", "counter-shutdown.tap"]
    generations = [manifest(tmp_path / name)["lineage"]["generation"] for name in names]
    assert generations == [4, 3, 5]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names} == {0o600}


def test_no_save_keeps_nothing(tmp_path, counter, port, tapd):
    """-o writes no snapshot."""
    one_round(tapd, port, "-o", answers=b"1 hello")
    assert not list(tmp_path.glob("*-shutdown*"))


def test_making_the_same_tap_again_keeps_the_state(tmp_path, counter, port, tapd):
    """Lineage is content: the same .tac, made at another time, goes on."""
    one_round(tapd, port, answers=b"1 hello")
    counter()
    assert "resumed" in one_round(tapd, port, answers=b"2 hello")


def test_a_new_base_takes_the_state_of_the_older_one(tmp_path, counter, port, tapd):
    """Another port, another greeting: what the base declares is the new one's, what clients changed goes on."""
    one_round(tapd, port, answers=b"1 hello")
    one_round(tapd, port, answers=b"2 hello")
    other = free_port()
    counter(greeting=b"goodbye", port=other)
    assert "resumed" in one_round(tapd, other, answers=b"3 goodbye")
    told = counter("--keep-state", "counter.tap", greeting=b"welcome", port=other)
    assert "its .tac runs at each start" in told
    one_round(tapd, other, answers=b"4 welcome")


def test_keep_state_says_that_it_is_not_needed(tmp_path, counter):
    """The option is accepted, so that no script breaks."""
    done = run("mktap", "--keep-state", "counter.tap", "-y", "counter.tac", cwd=tmp_path)
    assert done.returncode == 0
    assert "--keep-state is not needed any more: a new base takes the state of the older one by itself" in done.stderr


def test_another_application_of_the_same_name_starts_anew_and_loses_nothing(tmp_path, counter, port, tapd):
    """Its snapshots are moved aside, under a name that says why."""
    one_round(tapd, port, answers=b"1 hello")
    one_round(tapd, port, answers=b"2 hello")
    mktap("-o", "counter.tap", "socks", "--interface", "127.0.0.1", "--port", str(free_port()), cwd=tmp_path)
    server = tapd("counter.tap")
    assert server.stop() == 0
    assert "it is of another application of this name; moved to" in server.log
    aside = sorted(tmp_path.glob("counter-shutdown.other-application-*.tap"))
    assert [manifest(path)["lineage"]["generation"] for path in aside] == [2, 1]


def test_a_snapshot_can_be_the_new_base(tmp_path, counter, port, tapd):
    """mv counter-shutdown.tap counter.tap: the state is in the base now, and the older generations do not undo it."""
    one_round(tapd, port, answers=b"1 hello")
    one_round(tapd, port, answers=b"2 hello")
    (tmp_path / "counter-shutdown.tap").rename(tmp_path / "counter.tap")
    one_round(tapd, port, answers=b"3 hello")
    one_round(tapd, port, answers=b"4 hello")


def test_a_snapshot_runs_by_its_own_path(tmp_path, counter, port, tapd):
    """tapd counter-shutdown.tap runs it as the base; it becomes the older generation, and so on."""
    one_round(tapd, port, answers=b"1 hello")
    for count in (2, 3):
        server = tapd("counter-shutdown.tap")
        assert ask(port) == b"%d hello" % count
        assert server.stop() == 0
        assert f"passed over {tmp_path / 'counter-shutdown.tap'}" not in server.log
        assert manifest(tmp_path / "counter-shutdown.tap")["lineage"]["generation"] == count
        assert (tmp_path / "counter-shutdown.1.tap").exists()


def test_fresh_starts_from_the_base(tmp_path, counter, port, tapd):
    """--fresh leaves the snapshot aside for this start, and it is the older generation afterwards."""
    one_round(tapd, port, answers=b"1 hello")
    assert "--fresh" in one_round(tapd, port, "--fresh", answers=b"1 hello")
    assert (tmp_path / "counter-shutdown.1.tap").exists()


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_snapshot_is_passed_over_for_an_older_one(tmp_path, counter, port, tapd, damage):
    """Only damage is passed over: the next older generation goes on, and the log says why."""
    one_round(tapd, port, answers=b"1 hello")
    one_round(tapd, port, answers=b"2 hello")
    newest = tmp_path / "counter-shutdown.tap"
    data = bytearray(newest.read_bytes())
    if damage == "altered":
        data[data.index(b"changes.pickle") + 100] ^= 1
    newest.write_bytes({"cut": data[:-50], "altered": data, "empty": b""}[damage])
    log = one_round(tapd, port, answers=b"2 hello")
    assert "resumed" in log
    assert "generation 1" in log
    assert f"passed over {newest}" in log
    assert (tmp_path / "counter-shutdown.damaged-1.tap").exists()


def test_a_killed_process_goes_on_from_the_last_good_generation(tmp_path, counter, port, tapd):
    """SIGKILL writes nothing, and nothing is lost that was saved."""
    one_round(tapd, port, answers=b"1 hello")
    server = tapd("counter.tap")
    assert ask(port) == b"2 hello"
    server.stop(signal.SIGKILL)
    one_round(tapd, port, answers=b"2 hello")


# ---- a save that fails


def test_an_object_that_cannot_be_saved_is_named(tmp_path, counter, port, tapd):
    """It alone is left out: the rest is saved, the status is 0, and log and snapshot name it by its place."""
    one_round(tapd, port, answers=b"1 hello")
    server = tapd("counter.tap")
    ask(port, b"spoil")
    assert server.stop() == 0
    place = "counter/StreamServerEndpointService[0].factory.spoilt"
    assert f"not kept: {place} (builtins.generator)" in server.log
    assert "Traceback" not in server.log
    assert [one["place"] for one in manifest(tmp_path / "counter-shutdown.tap")["left_out"]] == [place]
    assert f"left out  {place} (builtins.generator)" in ok("tapctl", "show", "./counter-shutdown.tap", cwd=tmp_path)
    one_round(tapd, port, answers=b"3 hello")


def fill(path: Path) -> None:
    """Write until the disk is full."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        for _ in range(1000):
            os.write(fd, bytes(512))
    os.close(fd)


def test_a_full_disk_leaves_the_last_snapshot(tmp_path, counter, port, tapd):
    """ENOSPC during the snapshot: status 74, the one before untouched, nothing half-written."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: mounting a small tmpfs needs root")
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", state], check=True)
    try:
        one_round(tapd, port, "--state-dir", str(state), answers=b"1 hello")
        before = (state / "counter-shutdown.tap").read_bytes()
        server = tapd("--state-dir", str(state), "counter.tap")
        filler = state / "filler"
        fill(filler)
        assert server.stop() == 74
        assert "no space left on device" in server.log
        assert "Traceback" not in server.log
        assert (state / "counter-shutdown.tap").read_bytes() == before
        assert sorted(path.name for path in state.iterdir()) == ["counter-shutdown.tap", "filler"]
    finally:
        for process in [one for one in (locals().get("server"),) if one]:
            process.kill()
        subprocess.run(["umount", state], check=True)


def test_an_unwritable_state_folder_ends_the_start(tmp_path, counter, port, tapd):
    """Not the stop but the start says that no snapshot could be left: status 73."""
    server = tapd("--state-dir", str(tmp_path / "nowhere"), "counter.tap", ready=False)
    assert server.process.wait(LIMIT) == 73
    assert "state folder" in server.log
    assert "no such folder" in server.log


def test_the_same_input_gives_the_same_bytes(tmp_path, counter):
    """SOURCE_DATE_EPOCH and another hash seed: equal files."""
    taps = []
    for seed in ("1", "2", "3"):
        environment = {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": seed}
        mktap("-y", "counter.tac", "-o", f"a{seed}.tap", cwd=tmp_path, env=environment)
        taps.append((tmp_path / f"a{seed}.tap").read_bytes())
    assert len(set(taps)) == 1


@pytest.mark.parametrize(
    "maker",
    [
        ["web", "--path", "."],
        ["portforward", "--port", "tcp:1", "--host", "h", "--dest_port", "2"],
        ["socks"],
        ["ftp"],
        ["dns", "--recursive"],
        ["words", "--irc-port", "tcp:1", "--auth", "memory:a:b"],
    ],
    ids=lambda maker: maker[0],
)
def test_every_maker_is_reproducible(tmp_path, maker):
    """The same maker with the same options gives the same content, whatever the hash seed.

    The bytes are the same as well, but for makers that write down when they ran: words and dns do.
    """
    contents, files = set(), set()
    for seed in ("1", "2"):
        mktap("-o", f"s{seed}.tap", *maker, cwd=tmp_path, env={"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": "0"})
        files.add((tmp_path / f"s{seed}.tap").read_bytes())
        contents.add(json.loads(ok("tapctl", "show", "--json", f"./s{seed}.tap", cwd=tmp_path))["content"])
    assert len(contents) == 1
    assert len(files) == 1 or maker[0] in ("words", "dns")
