"""tapconvert, tapctl diff and edit, and sealed taps: through the commands, on real files."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from counters import ask, one_round
from twisted.application import service

from conftest import LIMIT, clean_environment, command, manifest, mktap, ok, run

MARK = """
import os
class Mark:
    def __reduce__(self):
        return os.mkdir, ("mark",)
os.mkdir("mark")
application = None
"""


@pytest.fixture
def secret(tmp_path):
    """--passphrase-file with a passphrase; a folder beside it has another."""
    for name, text in (("passphrase", "correct horse\n"), ("another", "battery staple\n")):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(text)
    return ["--passphrase-file", "passphrase"]


def edit(folder, script: str, tap: str = "counter.tap", *options: str) -> subprocess.CompletedProcess[str]:
    """tapctl edit with an editor that does what a sed script says, and is asked nothing."""
    return run("tapctl", "edit", tap, *options, cwd=folder, env={"EDITOR": f"sed -i -e '{script}'"})


# ---- between styles


def test_there_and_back_is_the_same_tap(tmp_path, counter):
    """Pickle to source to pickle: equal applications, the same content, so the same snapshots."""
    ok("tapconvert", "-i", "counter.tap", "-o", "text.tap", "-t", "source", cwd=tmp_path)
    ok("tapconvert", "-i", "text.tap", "-o", "back.tap", "-t", "pickle", cwd=tmp_path)
    assert ok("tapctl", "diff", "counter.tap", "back.tap", cwd=tmp_path) == ""
    first, text, back = (manifest(tmp_path / f"{name}.tap") for name in ("counter", "text", "back"))
    assert text["style"] == "source"
    assert [one["lineage"]["reason"] for one in (first, text, back)] == ["made", "converted", "converted"]
    shown = [ok("tapctl", "show", "--json", f"./{name}.tap", cwd=tmp_path) for name in ("counter", "text", "back")]
    assert len({json.loads(one)["content"] for one in shown}) == 1


def test_a_converted_base_goes_on_from_its_snapshots(tmp_path, counter, port, tapd):
    """State is kept over a change of style, of a base and of a snapshot."""
    one_round(tapd, port, answers=b"1 hello")
    ok("tapconvert", "-i", "counter.tap", "-o", "counter.tap", "-t", "source", cwd=tmp_path)
    assert "resumed" in one_round(tapd, port, answers=b"2 hello")
    ok("tapconvert", "-i", "counter-shutdown.tap", "-o", "counter-shutdown.tap", "-t", "source", cwd=tmp_path)
    assert "resumed" in one_round(tapd, port, answers=b"3 hello")


def test_an_appended_tap_goes_on_too(tmp_path, counter, port, tapd):
    """Its recipe has both now."""
    mktap("-a", "counter.tap", "socks", "--port", "0", "--interface", "127.0.0.1", cwd=tmp_path)
    one_round(tapd, port, answers=b"1 hello")
    ok("tapconvert", "-i", "counter.tap", "-o", "counter.tap", "-t", "source", cwd=tmp_path)
    assert "resumed" in one_round(tapd, port, answers=b"2 hello")


def test_converting_imports_nothing(tmp_path):
    """A tap whose payload and code would leave a mark is shown, compared, converted and edited without one."""
    (tmp_path / "mark.py").write_text(MARK)
    with zipfile.ZipFile(tmp_path / "web.tap", "w") as _:
        pass
    mktap("-o", "web.tap", "web", "--path", ".", "--listen", "tcp:0", cwd=tmp_path)
    script = (
        "import sys\n"
        "from tapdaemon.tapfile.container import TapFile, encode, seal_members\n"
        "with TapFile('web.tap', None) as tap: image = tap.image()\n"
        "payload = b'cmark\\nMark\\ncos\\nmkdir\\n(Vmark\\ntR0.'\n"
        "members = {'application.pickle': payload, 'code/mark.py': open('mark.py', 'rb').read()}\n"
        "needs = image.manifest.needs._replace(modules=('mark', 'os'))\n"
        "image = seal_members(image.manifest._replace(needs=needs, base='graph'), members)\n"
        "open('web.tap', 'wb').write(encode(image))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env=clean_environment())
    ok("tapctl", "show", "./web.tap", cwd=tmp_path)
    ok("tapctl", "show", "--graph", "./web.tap", cwd=tmp_path)
    ok("tapconvert", "-i", "web.tap", "-o", "text.tap", "-t", "source", cwd=tmp_path)
    ok("tapctl", "diff", "web.tap", "text.tap", cwd=tmp_path)
    edit(tmp_path, "s/Mark/Other/", "text.tap")
    ok("tapctl", "unit", "./web.tap", cwd=tmp_path)
    arguments = ["-q", "-m", "Ann Example <ann@example.org>", "--unit-only", "web.tap"]
    ok("tap2deb", *arguments, cwd=tmp_path)
    ok("tap2rpm", *arguments, cwd=tmp_path)
    script = "import sys; from tapdaemon.unit import generator; list(generator.generate('units', taps=['.']))"
    subprocess.run([sys.executable, "-P", "-c", script], cwd=tmp_path, check=True, env=clean_environment())
    assert not (tmp_path / "mark").exists()
    assert run("tapd", "-n", "web.tap", cwd=tmp_path).returncode == 65
    # The mark is one: who loads the payload has it.
    load = "import pickle, zipfile; pickle.loads(zipfile.ZipFile('web.tap').read('application.pickle'))"
    subprocess.run(
        [sys.executable, "-c", load], cwd=tmp_path, check=False, env=clean_environment(), capture_output=True
    )
    assert (tmp_path / "mark").exists()


def test_what_stock_sob_wrote_becomes_a_tap(tmp_path):
    """Both its styles, guessed; and the tap has a manifest."""
    application = service.Application("old", uid=7)
    for style, name in (("pickle", "old.pickle"), ("source", "old.tas")):
        persistent = service.IProcess(application), __import__("twisted").persisted.sob.IPersistable(application)
        persistent[1].setStyle(style)
        persistent[1].save(filename=str(tmp_path / name))
    ok("tapconvert", "-i", "old.pickle", "-o", "old.tap", cwd=tmp_path)
    told = manifest(tmp_path / "old.tap")
    assert (told["process"]["name"], told["process"]["uid"], told["lineage"]["reason"]) == ("old", 7, "converted")
    assert told["recipe"] is None


def test_a_strangers_pickle_is_not_loaded(tmp_path):
    """77: it would run."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: only root can make a file that is a stranger's")
    (tmp_path / "x.pickle").write_bytes(b"\x80\x02cos\nmkdir\nX\x04\x00\x00\x00mark\x85R.")
    os.chown(tmp_path / "x.pickle", 1234, 1234)
    done = run("tapconvert", "-i", "x.pickle", "-o", "x.tap", cwd=tmp_path)
    assert done.returncode == 77
    assert "not trusted" in done.stderr
    assert not (tmp_path / "mark").exists()
    assert not (tmp_path / "x.tap").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["-i", "nowhere.tap", "-o", "x.tap"], 66, "nowhere.tap: no such tap"),
        (["-i", "counter.tap", "-o", "x.txt"], 64, "name it x.txt.tap"),
        (
            ["-i", "counter.tap", "-o", "x.tap", "-t", "xml"],
            64,
            "known are: pickle, source, stock-pickle, stock-source",
        ),
        (["-i", "counter.tap", "-o", "x.tap", "-f", "source"], 64, "counter.tap is in style pickle"),
        (["-i", "counter.tap", "-o", "x.tap", "-f", "stock-pickle"], 65, "counter.tap"),
        (["-i", "counter.tap", "-o", "x.tap", "-d"], 64, "counter.tap is not sealed"),
        (["-i", "counter.tap", "-o", "x", "-t", "stock-pickle", "-e"], 64, "stock sob seals nothing"),
        (["-i", "counter.tap", "-o", "x", "-t", "stock-pickle"], 70, "cannot pickle 'select.epoll'"),
        (["-i", "counter.tap", "-o", "nowhere/x.tap"], 73, "nowhere/x.tap: cannot be written"),
        (["-i", "counter.tap"], 64, "-o"),
        (["-i", "counter.tac", "-o", "x.tap"], 65, "not a tap"),
    ],
)
def test_a_wrong_request(tmp_path, counter, arguments, status, part):
    """One message, the right status, and nothing written."""
    before = {path.name for path in tmp_path.iterdir()}
    done = run("tapconvert", *arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


# ---- diff


def test_what_a_client_changed_shows(tmp_path, counter, port, tapd):
    """A base and its snapshot; diff(1)'s status."""
    assert run("tapctl", "diff", "counter.tap", "counter.tap", cwd=tmp_path).returncode == 0
    one_round(tapd, port, answers=b"1 hello")
    done = run("tapctl", "diff", "counter.tap", "counter-shutdown.tap", cwd=tmp_path)
    assert done.returncode == 1
    assert "--- counter.tap\n+++ counter-shutdown.tap\n" in done.stdout
    assert "@@ counter/StreamServerEndpointService[0].factory.count @@\n+1\n" in done.stdout
    told = json.loads(run("tapctl", "diff", "--json", "counter.tap", "counter-shutdown.tap", cwd=tmp_path).stdout)
    assert {"where": "counter/StreamServerEndpointService[0].factory.count", "before": [], "after": ["1"]} in told
    shown = ok("tapctl", "show", "./counter-shutdown.tap", cwd=tmp_path)
    assert "changed  counter/StreamServerEndpointService[0].factory.count: 1\n" in shown
    value = json.loads(ok("tapctl", "show", "--json", "./counter-shutdown.tap", cwd=tmp_path))
    assert value["changed"] == ["counter/StreamServerEndpointService[0].factory.count: 1"]
    drawn = ok("tapctl", "show", "--graph", "./counter-shutdown.tap", cwd=tmp_path)
    assert "changed counter/StreamServerEndpointService[0].factory attributes: {}\n  ['count']: 1\n" in drawn


def test_two_snapshots_are_compared(tmp_path, counter, port, tapd):
    """By what each has at a place."""
    one_round(tapd, port, answers=b"1 hello")
    one_round(tapd, port, answers=b"2 hello")
    done = run("tapctl", "diff", "counter-shutdown.1.tap", "counter-shutdown.tap", cwd=tmp_path)
    assert done.stdout.endswith("@@ counter/StreamServerEndpointService[0].factory.count @@\n-1\n+2\n")
    assert run("tapctl", "diff", "counter-shutdown.tap", "counter-shutdown.tap", cwd=tmp_path).returncode == 0


def test_manifest_and_code_show_too(tmp_path, counter):
    """Another port and another greeting: what is declared, what is saved, and the line of the module."""
    counter("-o", "other.tap", greeting=b"goodbye", port=9)
    done = run("tapctl", "diff", "counter.tap", "other.tap", cwd=tmp_path)
    assert "@@ manifest: listens on @@\n" in done.stdout
    assert "+tcp4:127.0.0.1:9 counter/StreamServerEndpointService[0]\n" in done.stdout
    assert "factory.greeting @@\n-b'hello'\n+b'goodbye'\n" in done.stdout
    assert "-factory.greeting = b'hello'\n" in done.stdout
    assert "+factory.greeting = b'goodbye'\n" in done.stdout


def test_a_missing_or_damaged_tap_is_told(tmp_path, counter):
    (tmp_path / "cut.tap").write_bytes((tmp_path / "counter.tap").read_bytes()[:400])
    for name, status in (("nowhere.tap", 66), ("cut.tap", 65)):
        done = run("tapctl", "diff", "counter.tap", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (status, "")
        assert f"tapctl: {name}: " in done.stderr


# ---- edit


def test_an_edited_snapshot_goes_on(tmp_path, counter, port, tapd):
    """State that an administrator changed by hand is what the next start resumes."""
    one_round(tapd, port, answers=b"1 hello")
    done = edit(tmp_path, r"s/\x27count\x27: 1/\x27count\x27: 41/", "counter-shutdown.tap")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" bytes, whose changes the next start resumes\n")
    assert "resumed" in one_round(tapd, port, answers=b"42 hello")


def test_a_slip_in_a_change_set_changes_nothing(tmp_path, counter, port, tapd):
    """65, the line and what is wrong with it; an editor that cannot be started is told as well."""
    one_round(tapd, port, answers=b"1 hello")
    snapshot = tmp_path / "counter-shutdown.tap"
    before, names = snapshot.read_bytes(), {path.name for path in tmp_path.iterdir()}
    for script, part in (
        ("s/change(/change(1, /", "source: line 3: only change(PLACE, FACET=...) stands here; mend that line"),
        ("s/^change(.counter/change(\\x27nowhere/", "line 3: the base has no place 'nowhere"),
        ("s/^places/place/", "the table of places is missing; mend the text"),
    ):
        done = edit(tmp_path, script, "counter-shutdown.tap")
        assert (done.returncode, part in done.stderr) == (65, True), done.stderr
    done = run("tapctl", "edit", "counter-shutdown.tap", cwd=tmp_path, env={"EDITOR": "sed '", "VISUAL": ""})
    assert (done.returncode, "No closing quotation" in done.stderr) == (64, True), done.stderr
    assert snapshot.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_tap_without_a_graph_has_none_to_edit(tmp_path):
    """65, and what to do."""
    (tmp_path / "held.tac").write_text(
        "from twisted.application import service\n"
        "application = service.Application('held')\n"
        "one = service.Service()\n"
        "one.setName('one')\n"
        "class Held:\n"
        "    def __reduce_ex__(self, _):\n"
        "        raise TypeError('it is held')\n"
        "one.held = Held()\n"
        "one.setServiceParent(application)\n"
    )
    mktap("-y", "held.tac", cwd=tmp_path)
    assert "application.pickle" not in [one["name"] for one in manifest(tmp_path / "held.tap")["members"]]
    for arguments in (["edit", "held.tap"], ["show", "--graph", "./held.tap"]):
        done = run("tapctl", *arguments, cwd=tmp_path, env={"EDITOR": "true"})
        assert done.returncode == 65, done.stderr
        assert "held.tap: it has no graph, for its objects could not be saved; tapctl show names" in done.stderr
    shown = ok("tapctl", "show", "./held.tap", cwd=tmp_path)
    assert "its recipe is followed at each start; it has no graph beside that" in shown
    assert "left out  held" in shown


def test_an_edited_port_is_served_and_declared(tmp_path, counter, port, tapd):
    """The manifest follows, so units and tapd bind what the graph says."""
    other = port - 1 if port > 2000 else port + 1
    done = edit(tmp_path, f"s/_port={port}/_port={other}/")
    assert (
        done.stdout == f"{tmp_path}/counter.tap: {(tmp_path / 'counter.tap').stat().st_size} bytes, "
        f"tcp4:127.0.0.1:{other}; each start loads this graph now, and its recipe is no longer followed\n"
    )
    told = manifest(tmp_path / "counter.tap")
    assert [one["port"] for one in told["needs"]["listen"]] == [other]
    assert told["lineage"]["writer"].startswith("tapctl edit")
    server = tapd("counter.tap")
    assert ask(other) == b"1 hello"
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("s/_port=/_port=!/", ": invalid syntax; mend that line"),
        ("s/obj(/eval(/", "eval(...) is none of"),
        ("$ d", "source: line"),
        ("d", "source: nothing is called application"),
        ("s/^multiservice_1 = /nothing_1 = /", "nothing is called multiservice_1"),
    ],
)
def test_a_slip_changes_nothing(tmp_path, counter, script, part):
    """65, the line and what is wrong with it; the tap keeps its bytes and nothing lies beside it."""
    before = (tmp_path / "counter.tap").read_bytes()
    names = {path.name for path in tmp_path.iterdir()}
    done = edit(tmp_path, script)
    assert done.returncode == 65, done.stderr
    assert part in done.stderr
    assert (tmp_path / "counter.tap").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == names


def test_nothing_edited_is_nothing_written(tmp_path, counter):
    before = (tmp_path / "counter.tap").stat()
    assert edit(tmp_path, "").stdout.endswith("counter.tap: unchanged\n")
    assert (tmp_path / "counter.tap").stat().st_mtime_ns == before.st_mtime_ns


def test_a_tap_that_changed_meanwhile_stays(tmp_path, counter):
    """An application that stops while its snapshot is edited is not undone, and neither is what was typed lost."""
    before = (tmp_path / "counter.tap").read_bytes()
    (tmp_path / "newer").write_bytes(before)
    editor = tmp_path / "ed"
    editor.write_text('#!/bin/sh\nsed -i s/hello/welcome/ "$1" && mv newer counter.tap\n')
    editor.chmod(0o755)
    done = run("tapctl", "edit", "counter.tap", cwd=tmp_path, env={"EDITOR": str(editor)})
    assert (done.returncode, done.stdout) == (75, "")
    assert (tmp_path / "counter.tap").read_bytes() == before
    kept = Path(done.stderr.split("what you wrote is kept in ")[1].strip())
    assert "welcome" in kept.read_text()
    kept.unlink()


def test_an_editor_that_fails_changes_nothing(tmp_path, counter):
    """It is named, with where it comes from."""
    before = (tmp_path / "counter.tap").read_bytes()
    for editor in ("false", "/nowhere/ed"):
        done = run("tapctl", "edit", "counter.tap", cwd=tmp_path, env={"EDITOR": editor, "VISUAL": ""})
        assert done.returncode == 64
        assert f"{editor}: Editing failed" in done.stderr
        assert (tmp_path / "counter.tap").read_bytes() == before


def test_root_leaves_a_snapshot_to_its_owner(tmp_path, counter, port, tapd):
    """Owner, group and mode stay, and a link stays a link."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: only root edits what is another user's")
    one_round(tapd, port, answers=b"1 hello")
    snapshot = tmp_path / "counter-shutdown.tap"
    os.chown(snapshot, 1234, 4321)
    snapshot.chmod(0o640)
    (tmp_path / "link.tap").symlink_to(snapshot.name)
    assert edit(tmp_path, "s/count=1/count=5/", "link.tap").returncode == 0
    status = snapshot.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)
    assert (tmp_path / "link.tap").is_symlink()


def test_a_snapshot_converted_in_its_place_stays_its_owners(tmp_path, counter, port, tapd):
    """Else the service could not resume what root converted."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: only root converts what is another user's")
    one_round(tapd, port, answers=b"1 hello")
    snapshot = tmp_path / "counter-shutdown.tap"
    os.chown(snapshot, 1234, 4321)
    ok("tapconvert", "-i", "counter-shutdown.tap", "-o", "counter-shutdown.tap", "-t", "source", cwd=tmp_path)
    assert (snapshot.stat().st_uid, snapshot.stat().st_gid) == (1234, 4321)
    ok("tapconvert", "-i", "counter-shutdown.tap", "-o", "other.tap", cwd=tmp_path)
    assert (tmp_path / "other.tap").stat().st_uid == 0


# ---- sealed


def test_a_sealed_tap_runs_and_leaves_a_sealed_snapshot(tmp_path, counter, port, tapd, secret):
    """The count goes on, and no file has a word of the application."""
    counter("-e", *secret)
    for name in (b"1 hello", b"2 hello"):
        one_round(tapd, port, *secret, answers=name)
    for name in ("counter.tap", "counter-shutdown.tap"):
        data = (tmp_path / name).read_bytes()
        assert b"CounterFactory" not in data
        assert manifest(tmp_path / name)["recipe"] is None
    shown = ok("tapctl", "show", "./counter.tap", cwd=tmp_path)
    assert "sealed with AES-256-GCM" in shown
    assert f"tcp4:127.0.0.1:{port}" in shown


def test_the_same_tap_sealed_again_keeps_its_state(tmp_path, counter, port, tapd, secret):
    """Its content is compared inside, so another salt makes no other tap; nor does taking the seal off."""
    counter("-e", *secret)
    one_round(tapd, port, *secret, answers=b"1 hello")
    counter("-e", *secret)
    assert "resumed" in one_round(tapd, port, *secret, answers=b"2 hello")
    ok("tapconvert", "-d", *secret, "-i", "counter.tap", "-o", "counter.tap", cwd=tmp_path)
    ok("tapconvert", "-d", *secret, "-i", "counter-shutdown.tap", "-o", "counter-shutdown.tap", cwd=tmp_path)
    assert "resumed" in one_round(tapd, port, answers=b"3 hello")


def test_tapd_says_what_it_lacks(tmp_path, counter, tapd, secret):
    """77, without a passphrase and with a wrong one; 64 where there is nothing to open."""
    counter("-e", *secret)
    for more, part in (
        ([], "neither a passphrase nor a terminal"),
        (["--passphrase-file", "another"], "does not open"),
    ):
        server = tapd(*more, "counter.tap", ready=False)
        assert server.process.wait(LIMIT) == 77, server.log
        assert part in server.log
    ok("tapconvert", "-d", *secret, "-i", "counter.tap", "-o", "plain.tap", cwd=tmp_path)
    server = tapd("-e", "plain.tap", ready=False)
    assert server.process.wait(LIMIT) == 64
    assert "-e: plain.tap is not sealed" in server.log


def test_a_passphrase_is_asked_for_before_daemonizing(tmp_path, counter, port, secret):
    """-e at a terminal: typed once, not shown, and the daemon serves."""
    counter("-e", *secret)
    arguments = command("tapd", "-e", "--pidfile=x.pid", "-l", "x.log", "counter.tap")
    told, status = at_terminal(arguments, tmp_path, [("Passphrase of", "correct horse\n")])
    assert status == 0, told
    assert "correct horse" not in told
    assert ask(port) == b"1 hello"
    os.kill(int((tmp_path / "x.pid").read_text()), 15)


def test_mktap_asks_twice(tmp_path, counter):
    """A slip is noticed, and nothing is written."""
    arguments = command("mktap", "-e", "-o", "x.tap", "-y", "counter.tac")
    answers = [("Passphrase of", "one\n"), ("The same again", "two\n")]
    told, status = at_terminal(arguments, tmp_path, answers)
    assert status == 64
    assert "the two are not the same" in told
    assert not (tmp_path / "x.tap").exists()
    told, status = at_terminal(arguments, tmp_path, [("Passphrase of", "one\n"), ("The same again", "one\n")])
    assert status == 0, told
    assert manifest(tmp_path / "x.tap")["seal"]["derivation"] == "scrypt"


def at_terminal(arguments: list[str], folder, answers: list[tuple[str, str]]) -> tuple[str, int]:
    """Run a command at a terminal of its own, and answer what it asks; what it showed, and its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(arguments[0], arguments, clean_environment())
    told = ""
    waiting = list(answers)
    while True:
        try:
            data = os.read(terminal, 1000)
        except OSError:  # the other end is gone
            break
        told += data.decode()
        if waiting and waiting[0][0] in told:
            os.write(terminal, waiting.pop(0)[1].encode())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert not waiting, told
    return told, status


def test_sealed_taps_are_looked_into_with_their_passphrase(tmp_path, counter, secret):
    """show --graph, diff and edit; without it 77."""
    counter("-e", "-o", "sealed.tap", *secret)
    assert "CounterFactory" in ok("tapctl", "show", "--graph", *secret, "./sealed.tap", cwd=tmp_path)
    assert ok("tapctl", "diff", *secret, "counter.tap", "sealed.tap", cwd=tmp_path) == ""
    done = edit(tmp_path, "s/hello/welcome/", "sealed.tap", *secret)
    assert done.returncode == 0, done.stderr
    assert manifest(tmp_path / "sealed.tap")["seal"] is not None
    done = run("tapctl", "diff", *secret, "counter.tap", "sealed.tap", cwd=tmp_path)
    assert "-b'hello'\n+b'welcome'\n" in done.stdout


def test_another_passphrase_takes_its_place(tmp_path, counter, secret):
    """tapconvert -d -e."""
    counter("-e", *secret)
    more = ["--new-passphrase-file", "another"]
    ok("tapconvert", "-d", "-e", *secret, *more, "-i", "counter.tap", "-o", "again.tap", cwd=tmp_path)
    done = run("tapctl", "show", "--graph", *secret, "./again.tap", cwd=tmp_path)
    assert done.returncode == 77
    ok("tapctl", "show", "--graph", "--passphrase-file", "another", "./again.tap", cwd=tmp_path)


def test_sealed_taps_are_appended_to_rebuilt_and_succeeded(tmp_path, counter, port, tapd, secret):
    """mktap -a and --rebuild open them with the passphrase that seals the new one, without it 77; state goes on."""
    counter("-e", *secret)
    one_round(tapd, port, *secret, answers=b"1 hello")
    arguments = {
        "-a": ["-a", "counter.tap", "-o", "more.tap", "socks", "--port", "0"],
        "--rebuild": ["--rebuild", "counter.tap", "-o", "again.tap"],
    }
    for one in arguments.values():
        done = run("mktap", *one, cwd=tmp_path)
        assert done.returncode == 77
        assert "counter.tap: it is sealed; give its passphrase with -e" in done.stderr
        assert "sealed" in ok("mktap", "-e", *secret, *one, cwd=tmp_path)
    counter("-e", *secret, greeting=b"goodbye")
    assert "resumed" in one_round(tapd, port, *secret, answers=b"2 goodbye")
