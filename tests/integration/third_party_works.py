"""What does work for others: Buildbot's master and worker, Scrapyd, ncolony, and Mimic, which plays a cloud."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import uuid
import zipfile
from pathlib import Path

from third_party import Place, eventually, of
from variants import LOOPBACK

MASTER = """
from buildbot.plugins import changes, schedulers, steps, util, worker
c = BuildmasterConfig = {}
c["workers"] = [worker.Worker("name", "secret")]
c["protocols"] = {"pb": {"port": "tcp:PORT0:interface=127.0.0.1"}}
c["change_source"] = [changes.PBChangeSource()]
c["schedulers"] = [schedulers.AnyBranchScheduler(name="all", treeStableTimer=None, builderNames=["builder"])]
factory = util.BuildFactory([steps.ShellCommand(command=["true"])])
c["builders"] = [util.BuilderConfig(name="builder", workernames=["name"], factory=factory, collapseRequests=False)]
c["db"] = {"db_url": "sqlite:///state.sqlite"}
c["buildbotNetUsageData"] = None
c["title"], c["titleURL"], c["buildbotURL"] = "x", "http://127.0.0.1/", "http://127.0.0.1/"
"""


def master(place: Place) -> None:
    place.write("master/master.cfg", MASTER)
    place.run(place.script("buildbot"), "create-master", "-q", "-n", "master")


def worker(place: Place) -> None:
    place.run(place.script("buildbot-worker"), "create-worker", "worker", f"{LOOPBACK}:{place.port}", "name", "secret")


def builds(place: Place) -> None:
    """A change that a client announces is built by a worker, once."""
    place.connect().close()
    address = ["--master", f"{LOOPBACK}:{place.port}", "--auth", "change:changepw"]
    who = ["--who", "a client", "--branch", "master", "--revision", str(place.rounds)]

    def announced() -> bool:
        with contextlib.suppress(AssertionError):  # it listens before it takes changes
            place.run(place.script("buildbot"), "sendchange", *address, *who, "a-file")
            return True
        return False

    eventually(announced, "the change was taken")

    def built() -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{place.folder}/master/state.sqlite?mode=ro", uri=True)) as db:
            return db.execute("select count(*) from builds where results = 0").fetchone()[0] == place.rounds + 1

    eventually(built, f"{place.rounds + 1} builds")


@of("buildbot", builds)
def _(place: Place) -> list[str]:
    """A master with a worker beside it: its start goes on long after it has begun to listen."""
    master(place)
    worker(place)
    place.beside(place.script("twistd"), "-n", "--pidfile=", "-y", "worker/buildbot.tac")
    return ["-y", "master/buildbot.tac"]


@of("buildbot-worker", builds)
def _(place: Place) -> list[str]:
    """A client that comes back to its master, which runs beside it."""
    master(place)
    worker(place)
    place.beside(place.script("twistd"), "-n", "--pidfile=", "-y", "master/buildbot.tac")
    return ["-y", "worker/buildbot.tac"]


SPIDER = """
import scrapy

class Spider(scrapy.Spider):
    name = "spider"
    start_urls = []
"""


def egg() -> bytes:
    """A project with one spider, as Scrapyd wants it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.0\nName: project\nVersion: 1\n")
        archive.writestr("EGG-INFO/entry_points.txt", "[scrapy]\nsettings = project.settings\n")
        archive.writestr("project/__init__.py", "")
        archive.writestr("project/settings.py", 'SPIDER_MODULES = ["project.spiders"]\nTELNETCONSOLE_ENABLED = False\n')
        archive.writestr("project/spiders/__init__.py", "")
        archive.writestr("project/spiders/spider.py", SPIDER)
    return data.getvalue()


def form(**fields: str | bytes) -> tuple[bytes, str]:
    """A form of several parts, and its type."""
    edge, body = uuid.uuid4().hex, b""
    for name, value in fields.items():
        data = value if isinstance(value, bytes) else value.encode()
        body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"
    return body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def crawls(place: Place) -> None:
    """Each round one job more has finished: they are listed from memory."""
    if place.rounds == 0:
        body, kind = form(project="project", version="1", egg=egg())
        assert json.loads(place.ask("/addversion.json", body, **{"Content-Type": kind}))["spiders"] == 1
    name = place.names[-1]
    answer = json.loads(place.ask("/schedule.json", f"project=project&spider=spider&jobid={name}".encode()))
    assert answer["jobid"] == name

    def finished() -> list[str]:
        return [job["id"] for job in json.loads(place.ask("/listjobs.json?project=project"))["finished"]]

    eventually(lambda: name in finished(), f"the end of {name}")
    assert sorted(finished()) == place.names


@of("scrapyd", crawls, keeps="the list of finished jobs")
def _(place: Place) -> list[str]:
    """A spider's scheduler: queues in a database, processes, a web site; its txapp.py is a .tac by another name."""
    place.write(
        "scrapyd.conf", "[scrapyd]\nhttp_port = PORT0\nbind_address = 127.0.0.1\npoll_interval = 0.3\nmax_proc = 2\n"
    )
    return place.tac(
        place.client("import scrapyd, pathlib; print(pathlib.Path(scrapyd.__file__).with_name('txapp.py').read_text())")
    )


def rents(place: Place) -> None:
    """The servers that were rented stay, under an address that the maker draws anew, as under twistd.

    They are told from each other by the order of what was made, for the base is made by the same recipe.
    """
    login = {"auth": {"passwordCredentials": {"username": "name", "password": "secret"}}}
    access = json.loads(place.ask("/identity/v2.0/tokens", login))["access"]
    services = [one for one in access["serviceCatalog"] if one["name"] == "cloudServersOpenStack"]
    token, address = access["token"]["id"], services[0]["endpoints"][0]["publicURL"]
    assert place.kept.setdefault("token", token) == token
    wanted = {"server": {"name": place.names[-1], "imageRef": "an-image", "flavorRef": "2"}}
    place.ask(f"{address}/servers", wanted, **{"X-Auth-Token": token})
    servers = json.loads(place.ask(f"{address}/servers", **{"X-Auth-Token": token}))["servers"]
    assert sorted(one["name"] for one in servers) == place.names


@of("mimic", rents, keeps="tokens, and the servers that were rented")
def _(place: Place) -> list[str]:
    """A cloud that is played: its maker draws random keys, which stand in the addresses that it hands out."""
    return ["mimic", "--realtime", "--listen", place.tcp]


def keeps_running(place: Place) -> None:
    """Each round adds a process: all of them run; the first is ended when a client says so, and runs again."""

    def control(*words: str) -> None:
        place.run(place.python, "-m", "ncolony", "ctl", "--messages=messages", "--config=config", *words)

    def running(name: str) -> str:
        """The pid of a process, if it runs."""
        try:
            pid = (place.folder / f"{name}.pid").read_text().strip()
            return pid if b"sleep" in Path(f"/proc/{pid or 0}/cmdline").read_bytes() else ""
        except FileNotFoundError:
            return ""

    name = place.names[-1]
    control("add", name, "--cmd=/bin/sh", "--arg=-c", f"--arg=echo $$ > {name}.pid; exec /bin/sleep 1000")
    for one in place.names:
        eventually(lambda one=one: running(one), f"the process {one}")
    if place.rounds:
        before = running("round0")
        control("restart", "round0")
        eventually(lambda: running("round0") not in {"", before}, "the restart")


@of("ncolony", keeps_running)
def _(place: Place) -> list[str]:
    """Processes by the files of a folder; what it has seen of that folder stands in a closure."""
    for name in ("messages", "config"):
        (place.folder / name).mkdir()
    delays = ["--threshold=0.1", "--minrestartdelay=0.1", "--maxrestartdelay=1"]
    return ["ncolony", "--messages=messages", "--config=config", "--frequency=0.2", *delays]
