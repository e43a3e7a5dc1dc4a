"""Bad input: one clear message that names thing, reason and remedy; the right status; nothing left behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from conftest import mktap, ok, rewrite, run


@pytest.fixture
def web(tmp_path: Path) -> Path:
    mktap("web", "--path", ".", "--listen", "tcp:0:interface=127.0.0.1", cwd=tmp_path)
    return tmp_path / "web.tap"


def refused(done, status: int, *parts: str) -> None:
    """One message on standard error, with these parts, and that status."""
    assert done.returncode == status, done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def leftovers(folder: Path, *known: str) -> set[str]:
    return {path.name for path in folder.iterdir()} - set(known)


# ---- taps


def test_a_missing_tap(tmp_path):
    """66, with the path."""
    refused(run("tapd", "-n", "nowhere.tap", cwd=tmp_path), 66, "nowhere.tap", "no such tap")


def test_an_empty_tap(tmp_path):
    """65."""
    (tmp_path / "x.tap").touch()
    (tmp_path / "x.tap").chmod(0o600)
    refused(run("tapd", "-n", "x.tap", cwd=tmp_path), 65, "x.tap: empty")


@pytest.mark.parametrize("kept", [3, 40, 600, -1])
def test_a_cut_tap(tmp_path, web, kept):
    """65, wherever it is cut."""
    web.write_bytes(web.read_bytes()[:kept])
    refused(run("tapd", "-n", "web.tap", cwd=tmp_path), 65, "web.tap: ", "make it again with mktap")
    assert leftovers(tmp_path, "web.tap") == set()


def test_an_altered_tap(tmp_path, web):
    """65, with the member whose digest is not the manifest's."""
    name = "application.pickle"
    rewrite(web, lambda _, members: members.update({name: members[name].replace(b"web", b"wob")}))
    refused(run("tapd", "-n", "web.tap", cwd=tmp_path), 65, "application.pickle was altered")


def test_another_schema(tmp_path, web):
    """65, with both versions."""
    rewrite(web, lambda manifest, _: manifest.update(tap=99))
    for arguments in (["tapd", "-n", "web.tap"], ["tapctl", "show", "./web.tap"]):
        refused(run(*arguments, cwd=tmp_path), 65, "schema version 99 is not the version 2")


def test_a_member_that_is_not_listed(tmp_path, web):
    """65."""
    with zipfile.ZipFile(web, "a") as archive:
        archive.writestr("code/evil.py", "raise SystemExit")
    refused(run("tapd", "-n", "web.tap", cwd=tmp_path), 65, "'code/evil.py' is not listed")


def test_a_tap_that_others_may_write(tmp_path, web):
    """77, with who could have written it, and no advice to go round it."""
    web.chmod(0o666)
    refused(run("tapd", "-n", "web.tap", cwd=tmp_path), 77, "not trusted: everybody may write it")


def test_a_class_that_is_gone(tmp_path):
    """65, with the class and where it was."""
    (tmp_path / "shop.py").write_text("from twisted.application.service import Service\nclass Shelf(Service): pass\n")
    (tmp_path / "shop.tac").write_text(
        "import tapdaemon, shop\napplication = tapdaemon.Application('shop')\n"
        "shop.Shelf().setServiceParent(application)\n"
    )
    mktap("-y", "shop.tac", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    rewrite(tmp_path / "shop.tap", lambda _, members: members.pop("code/shop.py"), honest=True)
    said = "it failed at line 1 with ModuleNotFoundError: No module named 'shop'"
    refused(run("tapd", "-n", "shop.tap", cwd=tmp_path), 65, "shop.tap: ", said, "mktap --include")
    (tmp_path / "shop.py").write_text("")
    done = run("tapd", "-n", "shop.tap", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    refused(done, 65, "it failed at line 3 with AttributeError: module 'shop' has no attribute 'Shelf'")


ENDING = """
import os, sys
from twisted.application.service import Service

if "ENDS" in os.environ:
    sys.exit("too early")


class Shelf(Service):
    def startService(self):
        if "STARTS" in os.environ:
            sys.exit("no config")
"""


def test_code_that_ends_the_program(tmp_path):
    """sys.exit where a module is loaded or a service started: a failure like any other, told to whoever asked."""
    (tmp_path / "shop.py").write_text(ENDING)
    (tmp_path / "shop.tac").write_text(
        "import tapdaemon, shop\napplication = tapdaemon.Application('shop')\n"
        "shop.Shelf().setServiceParent(application)\n"
    )
    path = {"PYTHONPATH": str(tmp_path)}
    mktap("-y", "shop.tac", cwd=tmp_path, env=path)
    said = "it failed at line 1 with SystemExit: too early; mend the file"
    refused(run("mktap", "-y", "shop.tac", cwd=tmp_path, env=path | {"ENDS": "1"}), 65, f"mktap: shop.tac: {said}")
    refused(run("tapd", "-ny", "shop.tac", cwd=tmp_path, env=path | {"ENDS": "1"}), 65, said)
    for options in (["-n"], ["--pidfile=shop.pid", "-l", "shop.log"]):
        refused(run("tapd", *options, "shop.tap", cwd=tmp_path, env={"ENDS": "1"}), 65, said)
    done = run("tapd", "-n", "shop.tap", cwd=tmp_path, env={"STARTS": "1"})
    assert done.returncode == 70
    assert done.stderr.startswith("tapd: shop/Shelf[0]: failed to start with SystemExit: no config")
    assert 'sys.exit("no config")' in done.stdout  # a traceback shows the lines of what lies in the tap


def test_a_tap_that_is_no_application(tmp_path):
    """65: a raw pickle of something else."""
    import pickle

    (tmp_path / "x.tap").write_bytes(pickle.dumps({"not": "an application"}))
    (tmp_path / "x.tap").chmod(0o600)
    refused(run("tapd", "-n", "x.tap", cwd=tmp_path), 65, "x.tap: it holds dict")


# ---- options


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["-n", "--bogus"], 64, "option --bogus not recognized"),
        (["-n", "--umask=9", "web.tap"], 64, "--umask '9': not an octal number"),
        (["-n", "--drain-timeout=soon", "web.tap"], 64, "not a number of seconds"),
        (["-n", "--stop-timeout=nan", "web.tap"], 64, "not a number of seconds"),
        (["-n", "a.tap", "b.tap"], 64, "more than one tap"),
        (["-n", "-y", "a.tac", "b.tap"], 64, "more than one application"),
        (["-n", "-r", "nosuch", "web.tap"], 64, "reactor 'nosuch': unknown; known are: asyncio"),
        (["-n", "-e", "web.tap"], 64, "web.tap is not sealed"),
        (["-n", "--logger", "no.such", "web.tap"], 64, "logger 'no.such': unknown"),
        (["-l", "-", "web.tap"], 64, "a daemon has no standard output"),
        (["-n", "-u", "nosuchuser", "web.tap"], 67, "user 'nosuchuser': this machine has no such user"),
        (["-n", "-g", "nosuchgroup", "web.tap"], 67, "group 'nosuchgroup': this machine has no such group"),
        (["-n", "--rundir", "nowhere", "web.tap"], 73, "nowhere: no such folder"),
        (["-n", "-l", "nowhere/x.log", "web.tap"], 73, "x.log: cannot be written: no such file or directory"),
        (["-n", "--pidfile=nowhere/x", "web.tap"], 73, "cannot be written: no such file or directory"),
        (["-n", "-p", "x", "--profiler", "nosuch", "web.tap"], 64, "profiler 'nosuch': unknown"),
        (["-n", "--instance", "no/such"], 64, "name 'no/such': not a tap's name"),
        (["-n", "--instance", "nosuch"], 66, "no nosuch.tap in /etc/tap, /run/tap, /usr/lib/tap"),
        (["-n", "-y", "nowhere.tac"], 66, "nowhere.tac: no such file"),
        (["-n", "-y", "empty.tac"], 65, "empty.tac: has no 'application'"),
        (["-n", "-y", "broken.tac"], 65, "it failed at line 2 with ZeroDivisionError"),
        (["-n", "-y", "syntax.tac"], 65, "it failed at line 1 with SyntaxError"),
    ],
)
def test_tapd_options(tmp_path, web, arguments, status, part):
    """Each wrong option of tapd has its message and status."""
    (tmp_path / "empty.tac").write_text("x = 1\n")
    (tmp_path / "broken.tac").write_text("\n1 / 0\n")
    (tmp_path / "syntax.tac").write_text("def\n")
    before = leftovers(tmp_path)
    refused(run("tapd", *arguments, cwd=tmp_path), status, "tapd: ", part)
    assert leftovers(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        ([], 64, "no maker and no -y FILE"),
        (["nosuch"], 64, "maker 'nosuch': unknown; known are: "),
        (["--bogus", "web"], 64, "No such option"),
        (["-t", "nosuch", "web"], 64, "style 'nosuch': unknown; known are: pickle, source"),
        (["web", "--bogus"], 64, "option --bogus not recognized"),
        (["web", "--listen", "nosuch:1"], 64, "nosuch"),
        (["-o", "web", "web"], 64, "output web: a tap's file ends in .tap"),
        (["-o", "-x.tap", "web"], 64, "not a tap's name"),
        (["-o", "nowhere/x.tap", "socks"], 73, "nowhere/x.tap: cannot be written"),
        (["-a", "nowhere.tap", "socks"], 66, "nowhere.tap: no such tap"),
        (["-y", "nowhere.tac"], 77, "nowhere.tac: cannot be read"),
        (["-y", "empty.tac"], 65, "empty.tac: has no 'application'"),
        (["-y", "wrong.tac"], 65, "its 'application' is 'a text'"),
        (["--include", "nowhere", "socks"], 64, "--include nowhere: no such file or folder"),
    ],
)
def test_mktap_options(tmp_path, arguments, status, part):
    """Each wrong option of mktap has its message and status, and no tap is made."""
    (tmp_path / "empty.tac").write_text("x = 1\n")
    (tmp_path / "wrong.tac").write_text("application = 'a text'\n")
    before = leftovers(tmp_path)
    refused(run("mktap", *arguments, cwd=tmp_path), status, "mktap: ", part)
    assert leftovers(tmp_path) == before


def test_everything_that_cannot_be_saved_is_told_at_once(tmp_path):
    """mktap --keep graph lists all objects in the way, each with its place, type and reason: status 70.

    By its recipe the application is made all the same, and tapctl show lists what its graph would lack.
    """
    (tmp_path / "bad.tac").write_text(
        "import tapdaemon\nfrom twisted.application.service import Service\n"
        "application = tapdaemon.Application('bad')\n"
        "one, two = Service(), Service()\n"
        "one.setName('one'); two.setName('two')\n"
        "one.lines = {'deep': [(line for line in 'x')]}\n"
        "def make():\n    class Local: pass\n    return Local()\n"
        "two.thing = make()\n"
        "two.code = make.__code__\n"
        "one.setServiceParent(application); two.setServiceParent(application)\n"
    )
    done = run("mktap", "--keep", "graph", "-y", "bad.tac", cwd=tmp_path)
    assert done.returncode == 70
    first, *lines = done.stderr.splitlines()
    assert first == "mktap: application bad: 3 objects cannot be saved:"
    assert not (tmp_path / "bad.tap").exists()
    told = mktap("-y", "bad.tac", cwd=tmp_path)
    assert "its graph could not be saved (tapctl show)" in told
    shown = ok("tapctl", "show", "./bad.tap", cwd=tmp_path)
    for place, kind, reason in (
        ("bad/one.lines['deep'][0]", "builtins.generator", "it belongs to the process"),
        ("bad/two.thing", "tac_bad.make.<locals>.Local", "class make.<locals>.Local is defined inside a function"),
        ("bad/two.code", "builtins.code", "cannot pickle"),
    ):
        (line,) = [line for line in lines if line.startswith(f"  {place} ({kind}")]
        assert reason in line
        assert line.strip() in shown


def test_a_maker_that_fails_to_import_does_not_stop_the_others(tmp_path):
    """It is listed with its reason, and the others work."""
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "broken_plugin.py").write_text("import no_such_module_at_all\n")
    (plugins / "lazy_plugin.py").write_text(
        "from twisted.application.service import ServiceMaker\n"
        "lazy = ServiceMaker('lazy', 'no_such_tap_module', 'Lazily broken.', 'lazy')\n"
    )
    environment = {"PYTHONPATH": str(tmp_path)}
    done = run("mktap", "--help", cwd=tmp_path, env=environment)
    assert done.returncode == 0
    _, _, broken = done.stdout.partition("Makers that failed to import")
    assert "broken_plugin.py" in broken
    assert "no_such_module_at_all" in broken
    assert "lazy" in broken
    assert "A SOCKSv4 proxy service." in done.stdout
    refused(run("mktap", "lazy", cwd=tmp_path, env=environment), 64, "maker lazy: failed to import")
    mktap("socks", "--port", "1", cwd=tmp_path, env=environment)


def test_a_third_party_maker_is_a_subcommand(tmp_path, tapd):
    """A plugin on the path is listed, shows its own options, is made, and runs; its own module travels along."""
    plugins = tmp_path / "lib" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "pulse_plugin.py").write_text(
        "from twisted.application.service import ServiceMaker\n"
        "pulse = ServiceMaker('pulse', 'pulse_tap', 'Beats every so often.', 'pulse')\n"
    )
    (tmp_path / "lib" / "pulse_tap.py").write_text(
        "from twisted.application.internet import TimerService\nfrom twisted.python import usage\n"
        "class Options(usage.Options):\n    optParameters = [['every', 'e', 1.0, 'Seconds between beats.', float]]\n"
        "class Heart:\n    beats = 0\n    def beat(self):\n        self.beats += 1\n        print('beat', self.beats)\n"
        "def makeService(options):\n    return TimerService(options['every'], Heart().beat)\n"
    )
    environment = {"PYTHONPATH": str(tmp_path / "lib")}
    assert "Beats every so often." in run("mktap", "--help", cwd=tmp_path, env=environment).stdout
    assert "--every=" in run("mktap", "pulse", "--help", cwd=tmp_path, env=environment).stdout
    mktap("pulse", "--every", "0.05", cwd=tmp_path, env=environment)
    for first in ("beat 1\n", None):
        server = tapd("pulse.tap")
        assert server.stop() == 0
        assert "beat" in server.log
        assert ("beat 1\n" in server.log) == (first is not None)
