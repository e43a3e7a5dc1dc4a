"""What a recipe reads is declared and warned of, it runs once, and tapd --check says what a start will miss."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from counters import ask, one_round

from conftest import manifest, mktap, ok, run, until

READING = """
import os, time
with open(os.path.join(os.path.dirname(__file__), "count"), "a") as file:
    file.write("once\\n")
def first(path):
    with open(path) as file:
        return file.read()
"""
MAKING = """
    found.read = [first("settings.ini"), first(ROOM + "/data/one"), first(os.path.expanduser("~/mine"))]
    found.read += [sorted(os.listdir("data")), os.environ["SHOP_KEY"], os.environ.get("SHOP_UNSET")]
    found.made = time.time()
    with open(ROOM + "/made", "w") as file:
        file.write(repr(found.made))
"""
TAC = """
from twisted.application import service
class Shop(service.Service):
    pass
def fill(found):
MAKING
found = Shop()
fill(found)
application = service.Application("shop")
found.setServiceParent(application)
"""
MAKER = """
from twisted.application import service
from twisted.python import usage
Options = usage.Options
class Shop(service.Service):
    pass
def makeService(options):
    found = Shop()
MAKING
    return found
"""
PLUGIN = """
from twisted.application.service import ServiceMaker
shop = ServiceMaker("shop", "shop", "A shop", "shop")
"""


@pytest.fixture(autouse=True)
def _no_word_of_twisteds(monkeypatch):
    """Twisted 22.4 says where six is missing that it has no service_identity; that is not what is looked at."""
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:You do not have a working installation:UserWarning")


@pytest.fixture
def room(tmp_path):
    """A folder with what the application reads, a home folder in it, and the application as a .tac and as a maker."""
    for folder in ("data", "home", "path/twisted/plugins"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("settings.ini", "data/one", "home/mine"):
        (tmp_path / name).write_text(name)
    making = MAKING.replace("ROOM", repr(str(tmp_path)))
    (tmp_path / "shop.tac").write_text(READING + TAC.replace("MAKING", making))
    (tmp_path / "path" / "shop.py").write_text(READING + MAKER.replace("MAKING", making))
    (tmp_path / "path" / "twisted" / "plugins" / "shop_plugin.py").write_text(PLUGIN)
    return tmp_path


def _environment(room: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(room / "home"), "SHOP_KEY": "secret"} | more


@pytest.fixture(params=["tac", "maker"])
def made(request, room):
    """The tap, made of one or the other: what mktap wrote on both streams, and the file that counts the runs."""
    is_tac = request.param == "tac"
    env = _environment(room) | ({} if is_tac else {"PYTHONPATH": str(room / "path")})
    done = run("mktap", *(("-y", "shop.tac") if is_tac else ("shop",)), cwd=room, env=env)
    assert done.returncode == 0, done.stderr
    return done, (room if is_tac else room / "path") / "count"


def test_what_it_reads_is_declared(room, made):
    """In the manifest and by tapctl show: files as absolute paths, variables whether they were set or not."""
    needs = manifest(room / "shop.tap")["needs"]
    assert needs["files"] == [str(room / name) for name in ("data", "data/one", "home/mine", "settings.ini")]
    assert needs["environment"] == ["SHOP_KEY", "SHOP_UNSET"]
    shown = ok("tapctl", "show", "shop.tap", cwd=room)
    for line in (f"files  {room}/data\n", f"  {room}/settings.ini\n", "reads  $SHOP_KEY\n", "  $SHOP_UNSET\n"):
        assert line in shown


def test_what_may_be_otherwise_where_it_starts_is_warned_of(room, made):
    """Each relative path, each file of the home folder, each variable that is set, and what it writes, by name."""
    warnings = [line.removeprefix("mktap: warning: ") for line in made[0].stderr.splitlines()]
    assert f"it reads settings.ini, a relative path: each start reads it from {room}" in warnings
    assert f"it reads data, a relative path: each start reads it from {room}" in warnings
    assert [line for line in warnings if line.startswith("it reads ~/mine: ")]
    assert "it reads $SHOP_KEY: put it into /etc/default/tap-shop for the unit" in warnings
    assert f"it writes {room}/made while it is made: name its folder with --writable" in warnings
    assert not [line for line in warnings if "SHOP_UNSET" in line or "data/one" in line]


def test_a_maker_or_a_tac_runs_once(made):
    """Its file counts the runs."""
    assert made[1].read_text() == "once\n"


def test_the_unit_reads_the_variables_and_binds_the_files(room, made):
    """/tmp and the home folders are hidden from a unit, so what is declared there is bound."""
    printed = ok("tapctl", "unit", "shop.tap", cwd=room)
    shipped = (Path(__file__).parents[2] / "systemd" / "tap@.service").read_text()
    assert "\nEnvironmentFile=-/etc/default/tap-%i\n" in shipped
    if str(room).startswith("/tmp/"):
        bound = [line for line in printed.splitlines() if line.startswith("BindReadOnlyPaths=")]
        assert {line.rpartition("/")[2] for line in bound} == {"data", "one", "mine", "settings.ini"}


def test_the_time_that_the_tap_names_is_not_the_applications(room):
    """SOURCE_DATE_EPOCH is in the manifest alone: the application's clock is the real one."""
    before = time.time()
    mktap("-y", "shop.tac", cwd=room, env=_environment(room, SOURCE_DATE_EPOCH="1000000000"))
    assert manifest(room / "shop.tap")["lineage"]["time"] == 1_000_000_000
    assert before <= float((room / "made").read_text()) <= time.time()


def test_a_making_that_names_a_folder_writable_is_not_warned(room):
    """It was asked for already."""
    done = run("mktap", "--writable", room, "-y", "shop.tac", cwd=room, env=_environment(room))
    assert (done.returncode, "it writes" in done.stderr) == (0, False)


# ---- --check


def _listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_tap_that_can_be_started_is_said_to(room):
    """Nothing is said but that; the recipe ran once, as a start does it."""
    mktap("-y", "shop.tac", cwd=room, env=_environment(room))
    (room / "count").unlink()
    done = run("tapd", "--check", "shop.tap", cwd=room, env=_environment(room, SHOP_UNSET="set"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "shop.tap: it can be started\n", "")
    assert (room / "count").read_text() == "once\n"


def test_what_the_making_read_and_is_not_here_is_said(room):
    """By name, before the error that ends the start; the status is that of the start."""
    mktap("-y", "shop.tac", cwd=room, env=_environment(room))
    (room / "home" / "mine").unlink()
    done = run("tapd", "--check", "shop.tap", cwd=room, env={"HOME": str(room / "home")})
    assert done.stdout.splitlines() == [
        f"{room}/home/mine: no such file, and its making read it",
        "its making looked at variables that are not set here: $SHOP_KEY, $SHOP_UNSET",
    ]
    assert done.stderr.startswith("tapd: shop.tap: ")
    assert "home/mine" in done.stderr
    assert done.returncode == run("tapd", "-n", "shop.tap", cwd=room, env={"HOME": str(room / "home")}).returncode


def test_a_tac_is_checked_as_well(room):
    """-y: made, not run."""
    done = run("tapd", "--check", "-y", "shop.tac", cwd=room, env=_environment(room))
    assert (done.returncode, done.stdout) == (0, f"{room}/shop.tac: it can be started\n")
    (room / "shop.tac").write_text("application = 1\n")
    done = run("tapd", "--check", "-y", "shop.tac", cwd=room, env=_environment(room))
    assert (done.returncode, done.stdout) == (65, "")
    assert "its 'application' is 1" in done.stderr


def test_a_check_binds_and_writes_nothing(tmp_path, tapd, counter, port):
    """The application serves meanwhile; its snapshots, and what else lies there, stay as they are."""
    one_round(tapd, port, answers=b"1 hello")
    server = tapd("counter.tap")
    before = _listing(tmp_path)
    done = run("tapd", "--check", "counter.tap", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "counter.tap: it can be started\n", "")
    assert _listing(tmp_path) == before
    assert ask(port) == b"2 hello"
    assert server.stop() == 0, server.log


def test_what_a_snapshot_could_not_keep_is_said(tmp_path, tapd, counter, port):
    """The generator that was left out at the stop."""
    server = tapd("counter.tap")
    assert ask(port, b"spoil") == b"1 hello"
    assert server.stop() == 0, server.log
    done = run("tapd", "--check", "counter.tap", cwd=tmp_path)
    first, last = done.stdout.splitlines()
    assert first.startswith("not kept: ")
    assert "builtins.generator" in first
    assert (done.returncode, last) == (0, "counter.tap: it can be started")


def test_a_snapshot_of_another_application_is_said_and_not_moved(tmp_path, tapd, counter, port):
    """The start would move it aside."""
    one_round(tapd, port, answers=b"1 hello")
    (tmp_path / "other.tac").write_text(
        "from twisted.application import service\napplication = service.Application('other')\n"
    )
    mktap("-y", "other.tac", "-o", "counter.tap", cwd=tmp_path)
    before = _listing(tmp_path)
    done = run("tapd", "--check", "counter.tap", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"{tmp_path}/counter-shutdown.tap is not resumed: it is of another application of this name",
        "counter.tap: it can be started",
    ]
    assert (done.returncode, _listing(tmp_path)) == (0, before)


def test_what_has_no_place_any_more_is_said(tmp_path, tapd):
    """A service that the new code does not have; no copy of the snapshot is kept for that."""
    code = """
from twisted.application import service
from twisted.internet import reactor
class Kept(service.Service):
    def startService(self):
        super().startService()
        reactor.callLater(0.1, self.change)
    def change(self):
        self.count = 1
        open("changed", "w").close()
application = service.Application("app")
for name in NAMES:
    one = Kept()
    one.setName(name)
    one.setServiceParent(application)
"""
    (tmp_path / "app.tac").write_text(code.replace("NAMES", "('a', 'b')"))
    mktap("-y", "app.tac", cwd=tmp_path)
    server = tapd("app.tap")
    until((tmp_path / "changed").exists, "a change")
    assert server.stop() == 0, server.log
    (tmp_path / "app.tac").write_text(code.replace("NAMES", "('a',)"))
    mktap("-y", "app.tac", cwd=tmp_path)
    before = _listing(tmp_path)
    done = run("tapd", "--check", "app.tap", cwd=tmp_path)
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path}/app-shutdown.tap: not resumed: app/b is no longer there")
    assert (done.returncode, last, _listing(tmp_path)) == (0, "app.tap: it can be started", before)


def test_a_thread_of_the_making_does_not_hold_the_check(tmp_path):
    """It waits for the process's end, which no reactor tells it here."""
    (tmp_path / "app.tac").write_text(
        "import threading\nfrom twisted.application import service\n"
        "threading.Thread(target=threading.Event().wait).start()\napplication = service.Application('app')\n"
    )
    done = run("tapd", "--check", "-y", "app.tac", cwd=tmp_path, limit=20)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/app.tac: it can be started\n")


def test_a_sealed_tap_is_checked_with_its_passphrase(tmp_path, counter):
    """Without one the status is that of a start without one."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    (tmp_path / "passphrase").chmod(0o600)
    counter("--passphrase-file", "passphrase")
    done = run("tapd", "--check", "--passphrase-file", "passphrase", "counter.tap", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "counter.tap: it can be started\n"), done.stderr
    (tmp_path / "passphrase").write_text("another\n")
    done = run("tapd", "--check", "--passphrase-file", "passphrase", "counter.tap", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (77, "")


def test_what_would_end_a_start_ends_a_check(tmp_path, counter, port):
    """A tap that is not there, one that is damaged, a state folder that cannot be written, a held port not."""
    for arguments, status in (("absent.tap",), 66), (("cut.tap",), 65), (("--state-dir", "absent", "counter.tap"), 73):
        (tmp_path / "cut.tap").write_bytes((tmp_path / "counter.tap").read_bytes()[:-30])
        done = run("tapd", "--check", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert done.stderr.startswith("tapd: ")
    with socket.create_server(("127.0.0.1", port)):
        assert run("tapd", "--check", "counter.tap", cwd=tmp_path).returncode == 0
