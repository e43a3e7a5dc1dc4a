"""The recipe, followed at each start: settings, calls and names of modules are there as under twistd."""

from __future__ import annotations

import os
import shutil
import stat

import pytest
from variants import fetch

from conftest import free_port, manifest, mktap, ok, run, until

PLUGIN = """
from twisted.application.service import ServiceMaker
settled = ServiceMaker("settled", "settled", "A daemon with settings at module level", "settled")
"""
# As carbon and its kin: the options parser fills a module's dict, and the service reads it when it starts.
SETTLED = """
from twisted.application import internet, service
from twisted.python import usage
from twisted.web import resource, server

SETTINGS = {}

class Options(usage.Options):
    optParameters = [["word", "w", "none", "What to say."], ["port", "p", 0, "Where.", int]]
    def postOptions(self):
        SETTINGS.update(self)

class Page(resource.Resource):
    isLeaf = True
    def __init__(self, visits):
        super().__init__()
        self.visits = visits
    def render_GET(self, request):
        self.visits.append(1)
        return f"{SETTINGS['word']} {len(self.visits)}".encode()

MORE

def makeService(options):
    visits = []
    site = internet.TCPServer(options["port"], server.Site(Page(visits)), interface="127.0.0.1")
    return wrap(site, visits)
"""
PLAIN = "def wrap(site, visits):\n    return site\n"
KEEPING = """
class Keeping(service.MultiService):
    pass

def wrap(site, visits):
    found = Keeping()
    found.visits = visits
    site.setServiceParent(found)
    return found
"""


@pytest.fixture
def settled(tmp_path):
    """A plugin on the path; its environment."""

    def make(more: str) -> dict[str, str]:
        plugins = tmp_path / "path" / "twisted" / "plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        (plugins / "settled_plugin.py").write_text(PLUGIN)
        (tmp_path / "path" / "settled.py").write_text(SETTLED.replace("MORE", more))
        return {"PYTHONPATH": str(tmp_path / "path")}

    return make


def test_settings_at_module_level_are_made_at_each_start(tmp_path, tapd, settled):
    """The maker runs at each start, so they are there; and what changed beside them is state."""
    env, port = settled(PLAIN), free_port()
    told = mktap("settled", "--word", "hello", "--port", str(port), cwd=tmp_path, env=env)
    assert "its maker runs at each start, which resumes what changed" in told
    assert manifest(tmp_path / "settled.tap")["base"] == "recipe"
    shown = run("tapctl", "show", "settled.tap", cwd=tmp_path).stdout
    assert "base  its recipe is followed at each start; in style pickle\n" in shown
    for count in (1, 2):
        server = tapd("settled.tap", env=env)
        assert fetch(port) == b"hello %d" % count
        assert server.stop() == 0, server.log


def test_a_makers_own_state_goes_on(tmp_path, tapd, settled):
    """What its objects became is in the snapshot, and is there again."""
    env, port = settled(KEEPING), free_port()
    mktap("settled", "--word", "hello", "--port", str(port), cwd=tmp_path, env=env)
    for count in (1, 2, 3):
        server = tapd("settled.tap", env=env)
        assert fetch(port) == b"hello %d" % count
        assert server.stop() == 0, server.log
        assert ("resumed" in server.log) == (count > 1)


def test_a_makers_own_plugin_travels(tmp_path, tapd, settled):
    """A recipe is followed where neither the plugin nor the module exists; nothing of either is left on the path."""
    env, port = settled(KEEPING), free_port()
    mktap("settled", "--word", "there", "--port", str(port), cwd=tmp_path, env=env)
    shutil.rmtree(tmp_path / "path")
    names = {member["name"] for member in manifest(tmp_path / "settled.tap")["members"]}
    assert names >= {"code/tap_plugins/settled_plugin.py", "code/settled.py"}
    for count in (1, 2):
        server = tapd("settled.tap")
        assert fetch(port) == b"there %d" % count
        assert server.stop() == 0, server.log
    assert "its maker runs" in mktap("--rebuild", "settled.tap", "-o", "again.tap", cwd=tmp_path)
    server = tapd("again.tap")
    assert fetch(port) == b"there 1"


SETTING = """
from twisted.application import service
from twisted.python import usage
import os

class Options(usage.Options):
    def postOptions(self):
        # As carbon's: a umask of its own where twistd was given none, and its files by name.
        if self.parent["umask"] is None:
            self.parent["umask"] = 0o027
        self.parent["pidfile"] = "settled.pid"
        self.parent["uid"], self.parent["gid"] = 0, 0

class Writer(service.Service):
    def startService(self):
        super().startService()
        open("written", "w").close()

def makeService(options):
    assert options.parent["nodaemon"] in (0, False)
    return Writer()
"""


def test_what_a_maker_sets_among_twistds_options_is_kept(tmp_path, tapd, settled):
    """Umask, pidfile, user: they are the tap's, and the command line has the last word."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the maker asks for root, which only root can be")
    env = settled(PLAIN)
    (tmp_path / "path" / "settled.py").write_text(SETTING)
    mktap("settled", cwd=tmp_path, env=env)
    process = manifest(tmp_path / "settled.tap")["process"]
    assert process["options"] == {"pidfile": "settled.pid", "umask": "027"}
    assert (process["uid"], process["gid"]) == (0, 0)
    shown = run("tapctl", "show", "settled.tap", cwd=tmp_path).stdout
    assert "with  --pidfile=settled.pid\n                --umask=027\n" in shown
    for more, mode in ([], 0o640), (["--umask", "077"], 0o600):
        server = tapd(*more, "settled.tap")
        assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == mode
        assert (tmp_path / "settled.pid").read_text().strip() == str(server.process.pid)
        assert server.stop() == 0
        assert not (tmp_path / "settled.pid").exists()
        (tmp_path / "written").unlink()


def test_a_maker_that_ends_the_program(tmp_path, settled):
    """It is a failure like any other; and where it was asked for its version, it is none."""
    env = settled(PLAIN)
    ending = SETTING.replace(
        '        self.parent["pidfile"]', '        raise SystemExit(3)\n        self.parent["pidfile"]'
    )
    (tmp_path / "path" / "settled.py").write_text(ending)
    done = run("mktap", "settled", cwd=tmp_path, env=env)
    assert done.returncode == 70
    assert done.stderr == "mktap: maker settled: ended with 3; what it said before tells why\n"
    assert run("mktap", "settled", "--version", cwd=tmp_path, env=env).returncode == 0


def test_a_recipe_that_cannot_be_followed(tmp_path, settled):
    """Without the plugin and without its graph the start ends in one message that names it."""
    unsavable = PLAIN.replace("return site", "site.opened = open(__file__); site.opened.close(); return site")
    mktap("--no-include", "settled", "--port", str(free_port()), cwd=tmp_path, env=settled(unsavable))
    done = run("tapd", "-n", "settled.tap", cwd=tmp_path)
    assert done.returncode == 65
    assert "settled.tap: maker 'settled': unknown; install the distribution that has it" in done.stderr
    assert "Traceback" not in done.stderr


GLOBALS = """
import tapdaemon
from twisted.application import internet
from twisted.internet import reactor
from twisted.web import resource, server

visits = []
woken = []

def wake(word):
    woken.append(word)

class Page(resource.Resource):
    isLeaf = True
    def __init__(self):
        super().__init__()
        self.seen = visits
        self.woken = woken
    def render_GET(self, request):
        visits.append(1)
        return f"{len(visits)} {len(self.seen)} {self.woken}".encode()

reactor.callWhenRunning(wake, "once")
application = tapdaemon.Application("globals")
site = internet.TCPServer(PORT, server.Site(Page()), interface="127.0.0.1")
site.setServiceParent(application)
"""


def test_module_names_are_the_applications_own_objects(tmp_path, tapd):
    """A .tac's list that functions read and services hold is one list at each start, with all that was put into it.

    What its top level asked of the reactor is asked once a start, as under twistd.
    """
    port = free_port()
    (tmp_path / "globals.tac").write_text(GLOBALS.replace("PORT", str(port)))
    mktap("-y", "globals.tac", cwd=tmp_path)
    for count in (1, 2, 3):
        server = tapd("globals.tap")
        assert fetch(port).decode() == f"{count} {count} ['once']"
        assert server.stop() == 0, server.log


@pytest.mark.parametrize("made_of", [["web", "--path", "/tmp"], ["-y", "globals.tac"]])
def test_a_tap_is_made_anew_from_its_recipe(tmp_path, made_of):
    """mktap --rebuild: the same content where nothing changed, so that the state is kept; the .tac is not needed."""
    (tmp_path / "globals.tac").write_text(GLOBALS.replace("PORT", "1"))
    mktap("-o", "app.tap", *made_of, cwd=tmp_path)
    (tmp_path / "globals.tac").unlink()
    before = run("tapctl", "show", "app.tap", cwd=tmp_path).stdout
    assert "at each start" in mktap("--rebuild", "app.tap", cwd=tmp_path)
    after = run("tapctl", "show", "app.tap", cwd=tmp_path).stdout
    for name in ("content", "recipe", "services"):
        lines = [[line for line in shown.splitlines() if line.strip().startswith(name)] for shown in (before, after)]
        assert lines[0] == lines[1]


KEPT_METHODS = """
from twisted.application import service
from twisted.internet import reactor

running = reactor.callWhenRunning
application = service.Application("kept")


class Caller(service.Service):
    later = staticmethod(reactor.callLater)
    def __init__(self):
        self.own = reactor.callLater
        self.calls = []
    def startService(self):
        running(self.called, "module")
        self.later(0, self.called, "class")
        self.own(0, self.called, "attribute")
    def called(self, by):
        self.calls.append(by)
        print("called by", by, len(self.calls), flush=True)


Caller().setServiceParent(application)
"""


def test_methods_of_the_reactor_that_somebody_keeps(tmp_path, tapd):
    """They are the reactor's own once the application runs, and in the tap, though mktap looked at their calls."""
    (tmp_path / "kept.tac").write_text(KEPT_METHODS)
    mktap("-y", "kept.tac", cwd=tmp_path)
    assert "tapdaemon.persist.make.quiet" not in ok("tapctl", "show", "--graph", "./kept.tap", cwd=tmp_path)
    for _ in range(2):
        server = tapd("kept.tap")
        until(lambda server=server: " 3\n" in server.log, "three calls, which each start makes")
        for by in ("module", "class", "attribute"):
            assert f"called by {by} " in server.log
        assert server.stop() == 0, server.log
