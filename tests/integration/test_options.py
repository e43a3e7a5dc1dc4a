"""Options that do something: twistd's, and mktap's, each by its effect."""

from __future__ import annotations

import http.client
import json
import os
import pickle
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import clean_environment, command, free_port, manifest, mktap, rewrite, run, until


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def web(tmp_path: Path, port: int) -> str:
    (tmp_path / "index.html").write_text("hello")
    mktap("web", "--path", ".", "--listen", f"tcp:{port}:interface=127.0.0.1", cwd=tmp_path)
    return "web.tap"


def get(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


# ---- tapd


@pytest.mark.parametrize("name", ["select", "poll", "epoll", "asyncio"])
def test_each_reactor_runs_a_tap(web, port, tapd, name):
    """-r; a snapshot of one reactor resumes under another."""
    server = tapd("-r", name, web)
    assert get(port) == b"hello"
    assert server.stop() == 0, server.log
    server = tapd(web)
    assert "resumed" in server.log
    assert get(port) == b"hello"


def test_help_reactors_and_version(tmp_path):
    """They print and exit 0; --help shows every option and an example."""
    assert "epoll" in run("tapd", "--help-reactors", cwd=tmp_path).stdout
    assert "Twisted" in run("tapd", "--version", cwd=tmp_path).stdout
    shown = run("tapd", "--help", cwd=tmp_path).stdout
    assert "-n, --nodaemon" in shown
    assert "tapd -ny site.tac" in shown
    assert "Twisted" in run("mktap", "--version", cwd=tmp_path).stdout
    for arguments in (["show", "--help"], ["list", "--help"], ["--version"]):
        assert run("tapctl", *arguments, cwd=tmp_path).returncode == 0


def test_completion_comes_from_the_same_table(tmp_path):
    """click's completion of tapd offers its options."""
    environment = {"_TAPD_COMPLETE": "bash_complete", "COMP_WORDS": "tapd --drain", "COMP_CWORD": "1"}
    assert "--drain-timeout" in run("tapd", cwd=tmp_path, env=environment).stdout


def test_a_profile_is_written(tmp_path, web, tapd):
    """-p FILE."""
    server = tapd("-p", "out.txt", web)
    assert server.stop() == 0, server.log
    assert "function calls" in (tmp_path / "out.txt").read_text()


def test_run_folder_umask_and_log_file(tmp_path, web, port, tapd):
    """-d changes folder, --umask applies, -l FILE logs there."""
    folder = tmp_path / "there"
    folder.mkdir()
    server = tapd("-d", "there", "--umask=027", "-l", "x.log", str(tmp_path / web), ready=False)
    until(lambda: (folder / "x.log").exists() and "ready" in (folder / "x.log").read_text(), "ready")
    assert os.readlink(f"/proc/{server.process.pid}/cwd") == str(folder)
    assert "Umask:\t0027" in Path(f"/proc/{server.process.pid}/status").read_text()
    assert stat.S_IMODE((folder / "x.log").stat().st_mode) == 0o640
    assert server.stop() == 0
    assert (folder / "web-shutdown.tap").exists()


def test_a_logger_of_ones_own(tmp_path, web, tapd):
    """--logger names an observer factory."""
    (tmp_path / "mylog.py").write_text(
        "def observer():\n    file = open('mine.log', 'w', buffering=1)\n"
        "    return lambda event: file.write('mine: %s\\n' % event.get('log_format'))\n"
    )
    server = tapd("--logger", "mylog.observer", web, ready=False, env={"PYTHONPATH": str(tmp_path)})
    until(lambda: (tmp_path / "mine.log").exists() and "ready" in (tmp_path / "mine.log").read_text(), "ready")
    assert server.stop() == 0


def test_spew_traces(web, tapd):
    """--spew writes what happens."""
    server = tapd("--spew", web)
    assert server.stop() == 0
    assert "method" in server.log or "function" in server.log


def test_a_tac_runs_as_with_twistd(tmp_path, port, tapd):
    """-ny: the application is made anew each time and no snapshot is left."""
    (tmp_path / "site.tac").write_text(
        "from twisted.application import service, strports\nfrom twisted.web import server, static\n"
        "application = service.Application('site')\n"
        f"strports.service('tcp:{port}:interface=127.0.0.1', server.Site(static.Data(b'x', 'text/plain')))"
        ".setServiceParent(application)\n"
    )
    server = tapd("-y", "site.tac")
    assert server.stop() == 0
    assert not list(tmp_path.glob("*-shutdown*"))


RAW = """
import sys
from twisted.application import internet, service
from twisted.internet import reactor
from twisted.protocols.wire import Echo
from twisted.internet.protocol import Factory
from twisted.persisted import sob
class EchoFactory(Factory):
    pass
application = service.Application('echo')
factory = Factory()
factory.protocol = Echo
internet.TCPServer(%d, factory, interface='127.0.0.1').setServiceParent(application)
sob.IPersistable(application).setStyle(%r)
sob.IPersistable(application).save(filename=%r)
"""


@pytest.mark.parametrize(("style", "name", "option"), [("pickle", "echo.tap", "-f"), ("source", "echo.tas", "-s")])
def test_what_stock_sob_wrote_runs(tmp_path, port, tapd, style, name, option):
    """A raw pickle and a .tas: run, and from then on kept as our snapshots."""
    subprocess.run([sys.executable, "-c", RAW % (port, style, name)], cwd=tmp_path, check=True)
    (tmp_path / name).chmod(0o600)
    stock = f"from twisted.persisted import sob; sob.load({name!r}, {style!r})"
    if subprocess.run([sys.executable, "-c", stock], cwd=tmp_path, capture_output=True, check=False).returncode:
        # Twisted 22.4 cannot read its own .tas under Python 3.11; then neither can we, and say so.
        server = tapd(option, name, ready=False)
        assert server.process.wait(20) == 65
        assert "tapd: echo.tas: loading it failed with TypeError" in server.log
        return
    for resumed in (False, True):
        server = tapd(option, name)
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"ping")
            assert client.recv(10) == b"ping"
        assert server.stop() == 0, server.log
        assert ("resumed" in server.log) == resumed
    assert manifest(tmp_path / "echo-shutdown.tap")["lineage"]["generation"] == 2


def test_a_raw_pickle_of_a_strangers_is_refused(tmp_path):
    """The owner check stands before any unpickling."""

    class Mark:
        def __reduce__(self):
            return os.mkdir, ("mark",)

    (tmp_path / "x.tap").write_bytes(pickle.dumps(Mark()))
    (tmp_path / "x.tap").chmod(0o666)
    done = run("tapd", "-n", "x.tap", cwd=tmp_path)
    assert done.returncode == 77
    assert not (tmp_path / "mark").exists()


def test_twistd_tap_is_the_default(tmp_path, web, port, tapd):
    """tapd without a name runs twistd.tap, as twistd does."""
    (tmp_path / web).rename(tmp_path / "twistd.tap")
    tapd()
    assert get(port) == b"hello"


# ---- mktap


def test_append_adds_a_service(tmp_path, web, port, tapd):
    """-a: both services run, both makers are in the recipe, the file is the same."""
    other = free_port()
    mktap("-a", web, "socks", "--interface", "127.0.0.1", "--port", str(other), cwd=tmp_path)
    told = manifest(tmp_path / web)
    assert [step["maker"] for step in told["recipe"]["steps"]] == ["web", "socks"]
    assert [listen["port"] for listen in told["needs"]["listen"]] == [port, other]
    tapd(web)
    assert get(port) == b"hello"
    socket.create_connection(("127.0.0.1", other), 10).close()


def test_name_user_and_group_are_declared(tmp_path):
    """-n, -u and -g, by name and by number."""
    mktap("-n", "relay", "-u", "nobody", "-g", "65534", "-o", "x.tap", "socks", cwd=tmp_path)
    assert manifest(tmp_path / "x.tap")["process"] == {
        "name": "relay",
        "uid": "nobody",
        "gid": 65534,
        "options": {},
    }
    assert manifest(tmp_path / "x.tap")["services"][0]["path"] == "relay"


def test_included_code_travels(tmp_path, tapd):
    """--include takes a module and a package along; the tap runs where they are not."""
    (tmp_path / "helper.py").write_text("def words():\n    return 'from the helper'\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from helper import words\n")
    (tmp_path / "app.tac").write_text(
        "import tapdaemon\nfrom twisted.application.service import Service\n"
        "class Talker(Service):\n    def startService(self):\n        import pack; print('said', pack.words())\n"
        "application = tapdaemon.Application('app')\nTalker().setServiceParent(application)\n"
    )
    mktap("--include", "helper.py", "--include", "pack", "-y", "app.tac", cwd=tmp_path)
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "app.tap").rename(there / "app.tap")
    server = tapd("app.tap", cwd=there)
    assert "said from the helper" in server.log


def test_progress_says_each_step(tmp_path):
    """-p writes to standard error; the closing line stays alone on standard output."""
    done = run("mktap", "-p", "socks", cwd=tmp_path)
    assert done.stdout.count("\n") == 1
    assert "mktap: running maker socks" in done.stderr
    assert "mktap: writing socks.tap" in done.stderr


def test_the_closing_line_says_what_was_made(tmp_path):
    """File, size, addresses, how its base is made."""
    line = mktap("-o", "site.tap", "web", "--path", ".", "--listen", "tcp6:8080", cwd=tmp_path)
    size = (tmp_path / "site.tap").stat().st_size
    assert line == f"site.tap: {size} bytes, tcp6:[::]:8080; its maker runs at each start, which resumes what changed\n"


def test_what_no_manifest_can_hold_is_refused(tmp_path):
    """A control character in an option: said before anything is written."""
    done = run("mktap", "web", "--path", ".", "--add-header", "X: a\x1bb", cwd=tmp_path)
    assert done.returncode == 64
    assert "control characters" in done.stderr
    assert "\x1b" not in done.stderr
    assert not (tmp_path / "web.tap").exists()


# ---- tapctl


def test_show_prints_a_page_and_json(tmp_path, web, port):
    """The same facts both ways, from the manifest alone."""
    page = run("tapctl", "show", f"./{web}", cwd=tmp_path).stdout
    told = json.loads(run("tapctl", "show", "--json", web, cwd=tmp_path).stdout)
    assert told["recipe"]["steps"][0]["maker"] == "web"
    for part in ("web/MultiService[0]", f"tcp4:127.0.0.1:{port}", "Twisted", told["content"][:12], "made 20"):
        assert part in page


def test_show_runs_nothing(tmp_path):
    """A payload and code that would leave a mark do not."""

    class Mark:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "mark"),)

    hostile = {
        "application.pickle": pickle.dumps(Mark()),
        "code/twisted.py": f"import os; os.mkdir({str(tmp_path / 'mark')!r})".encode(),
    }
    mktap("socks", cwd=tmp_path)
    rewrite(tmp_path / "socks.tap", lambda _, members: members.update(hostile), honest=True)
    assert run("tapctl", "show", "socks.tap", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "mark").exists()


def test_a_bare_word_is_a_name(tmp_path, web):
    """Not a file of this folder."""
    (tmp_path / "web").write_bytes((tmp_path / web).read_bytes())
    done = run("tapctl", "show", "web-of-nobody", cwd=tmp_path)
    assert done.returncode == 66
    assert "/etc/tap, /run/tap, /usr/lib/tap" in done.stderr


def test_without_a_command_there_is_help(tmp_path):
    """The help text as it is, not inside an error."""
    done = run("tapctl", cwd=tmp_path)
    assert (done.stdout + done.stderr).startswith("Usage: tapctl")
    assert done.returncode in (0, 64)


def test_a_closed_pipe_is_no_error(tmp_path, web):
    """tapctl show | head."""
    show = " ".join(command("tapctl", "show", "--json", web))
    done = subprocess.run(
        ["bash", "-c", f"{show} | head -n 1"], cwd=tmp_path, env=clean_environment(), capture_output=True, check=True
    )
    assert done.stderr == b""
