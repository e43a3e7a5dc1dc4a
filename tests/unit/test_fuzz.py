"""Altered taps: every byte flipped, cut at every length; each is the right application, or a clear error."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import zipfile
from collections import Counter
from collections.abc import Iterator

import livelihood
import pytest
from saved import loaded, payload
from twisted.application import internet, service
from twisted.web import server, static

import tapdaemon
from tapdaemon import errors
from tapdaemon.cli import graph
from tapdaemon.persist import images, sealing
from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.tapfile.container import TapFile, decode, encode
from tapdaemon.tapfile.graph import comparison, graphs, listing, symbols
from tapdaemon.tapfile.manifest import Lineage, Member, Recipe, Step, dump

BITS = range(8) if os.environ.get("TAPDAEMON_SOAK") else (0,)
LIMIT = 512 * 1024 * 1024
"""Bytes of memory more than before: an altered size asks for more than this, and gets none of it."""


@pytest.fixture(scope="module")
def tap() -> bytes:
    """A web site's, with a recipe."""
    application = tapdaemon.Application("web")
    site = server.Site(static.Data(b"hello", "text/plain"))
    internet.TCPServer(8080, site).setServiceParent(application)
    service.Service().setServiceParent(application)
    recipe = Recipe((Step("web", ("--path", "/srv/www")),), folder="/")
    return encode(images.make(application, recipe=recipe, lineage=Lineage(time=1_700_000_000, writer="tapdaemon 1")))


@pytest.fixture(scope="module")
def right(tap, tmp_path_factory) -> bytes:
    """The payload of the application that it holds."""
    return outcome(tap, tmp_path_factory.mktemp("right") / "web.tap")[1]


def outcome(data: bytes, path, lock: sealing.Lock | None = None) -> tuple[str, bytes]:
    """What becomes of a file: `loaded` and the application's payload, or the error's name."""
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        with TapFile(str(path), path.stat().st_uid) as opened:
            image = opened.image()
            if lock is not None:
                image = sealing.unseal(image, lock, str(path))
            application = images.load(image, str(path))
    except errors.TapError as error:
        # The status says whose fault it is, the message names the file; anything else is an outcome of its own.
        is_clear = error.status in (65, 77) and str(path) in str(error)
        return type(error).__name__ if is_clear else f"unclear: {error}", b""
    return "loaded", payload(application)


def flipped(data: bytes, right: bytes, path, lock: sealing.Lock | None = None) -> Counter[str]:
    """What becomes of a tap with one bit flipped, for each of its bytes; never another application than the right."""
    outcomes: Counter[str] = Counter()
    for place in range(len(data)):
        for bit in BITS:
            altered = bytearray(data)
            altered[place] ^= 1 << (bit or place % 8)
            what, found = outcome(bytes(altered), path, lock)
            assert what != "loaded" or found == right, (place, bit)
            assert not what.startswith("unclear"), (place, bit, what)
            outcomes[what] += 1
    return outcomes


@pytest.fixture(autouse=True)
def bounded():
    """A size that an altered byte claims is not believed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_every_byte_flipped(tap, right, tmp_path, table):
    """No flip loads another application, and none ends in anything but one of our errors."""
    outcomes = flipped(tap, right, tmp_path / "web.tap")
    assert outcomes["TapDamagedError"] > outcomes.total() * 0.5
    for what, count in outcomes.most_common():
        table("altered", TITLE, ["tap", "outcome", "count"], ["one bit flipped", what, count])


TITLE = "Altered taps"


def test_a_sealed_tap_flipped_and_cut(tap, right, tmp_path, table, monkeypatch):
    """The same of a sealed one, whose clear manifest counts as well: what loads is what was sealed."""
    monkeypatch.setattr(sealing, "COST_N", 2)
    sealed = encode(sealing.seal(decode(tap, "web.tap"), sealing.Lock(b"horse")))
    path = tmp_path / "web.tap"
    cut = Counter(outcome(sealed[:length], path, sealing.Lock(b"horse"))[0] for length in range(len(sealed)))
    assert set(cut) == {"TapDamagedError"}
    for done, outcomes in (
        ("sealed, one bit flipped", flipped(sealed, right, path, sealing.Lock(b"horse"))),
        ("sealed, cut off", cut),
    ):
        for what, count in outcomes.most_common():
            table("altered", TITLE, ["tap", "outcome", "count"], [done, what, count])


def test_cut_at_every_length(tap, tmp_path, table):
    """Nothing that was cut loads."""
    path = tmp_path / "web.tap"
    outcomes = Counter(outcome(tap[:length], path)[0] for length in range(len(tap)))
    assert set(outcomes) == {"TapDamagedError"}
    for what, count in outcomes.most_common():
        table("altered", TITLE, ["tap", "outcome", "count"], ["cut off", what, count])


def keeping() -> tapdaemon.Application:
    """An application with a container of each kind."""
    application = tapdaemon.Application("app")
    keeper = livelihood.Keeper({"list": [1, 2], "set": {1}, "bytes": bytearray(b"x")})
    keeper.setName("keeper")
    keeper.setServiceParent(application)
    return application


def changed() -> bytes:
    """The payload of a change set with a row of each facet, and references to the base."""
    application = keeping()
    (keeper,) = service.IServiceCollection(application)
    baseline = Baseline(application)
    baseline.take_ready()
    keeper.more = (keeper, [keeper.thing])
    keeper.thing["list"].append(keeper)
    keeper.thing["set"].add("y")
    keeper.thing["bytes"] += b"y"
    keeper.thing["key"] = livelihood.Keeper()
    return saving.save(baseline, is_running=True).payload


def altered(data: bytes) -> Iterator[bytes]:
    """Each byte with a bit flipped, and cut at every length."""
    for place in range(len(data)):
        for bit in BITS:
            yield data[:place] + bytes([data[place] ^ (1 << (bit or place % 8))]) + data[place + 1 :]
    for length in range(len(data)):
        yield data[:length]


def looked_at(data: bytes, style: str, root: object) -> None:
    """All that is done with a change set where nothing is run."""
    found = graphs.read_changes(data, style)
    list(listing.lines(found))
    base = listing.BaseGraph(root, found.entries)
    for one in listing.listed(found):
        words = [comparison.words(side) for side in (base.at(one), one.after) if side is not comparison.NOTHING]
        assert all(isinstance(text, str) for text in words)
    graph.tree(*(node for _, node in listing.named(found)))
    json.dumps(graph.table(None, listing.named(found)))
    # What can be read can be written, and read again as the same.
    again = graphs.read_changes(graphs.write_changes(found, style), style)
    assert graphs.write_changes(again, "pickle") == graphs.write_changes(found, "pickle")


@pytest.mark.parametrize("style", ["pickle", "source"])
def test_an_altered_change_set_is_shown_or_refused(table, style):
    """No flip and no cut ends in anything but one of our errors, and none takes long."""
    whole = graphs.write_changes(graphs.read_changes(changed(), "pickle"), style)
    (root,) = symbols.read(payload(keeping()))
    outcomes: Counter[str] = Counter()
    for data in altered(whole):
        try:
            looked_at(data, style, root)
            outcomes["shown"] += 1
        except errors.TapError as error:
            outcomes[type(error).__name__] += 1
    assert outcomes["TapDamagedError"] > outcomes.total() * 0.3
    assert outcomes["shown"]
    for what, count in outcomes.most_common():
        table("altered", TITLE, ["tap", "outcome", "count"], [f"change set as {style}, looked at", what, count])


def test_an_altered_change_set_is_applied_or_refused(table):
    """Whatever its bytes say, a start goes on, names what it lost, or ends with one of our errors."""
    outcomes: Counter[str] = Counter()
    for data in altered(changed()):
        application = keeping()
        try:
            lost = applying.apply(data, application, Baseline(application)).lost
            outcomes["applied, and what was lost is named" if lost else "applied"] += 1
        except errors.TapError as error:
            outcomes[type(error).__name__] += 1
    assert outcomes["UnloadableError"] > outcomes.total() * 0.3
    for what, count in outcomes.most_common():
        table("altered", TITLE, ["tap", "outcome", "count"], ["change set, applied", what, count])


def test_a_bomb_is_not_unpacked(tmp_path):
    """A third of a megabyte that becomes a third of a gigabyte: refused by what the manifest and the zip claim."""
    image = images.make(tapdaemon.Application("bomb"))
    path = tmp_path / "bomb.tap"
    size = 320 * 1024**2
    manifest = image.manifest
    members = tuple(one._replace(size=size) for one in manifest.members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", dump(manifest._replace(members=members)))
        with archive.open("application.pickle", "w", force_zip64=True) as member:
            zeros = bytes(1024 * 1024)
            for _ in range(size // len(zeros)):
                member.write(zeros)
    path.chmod(0o600)
    with pytest.raises(errors.TapDamagedError, match=f"claim to unpack to {size}"):
        TapFile(str(path), path.stat().st_uid)


@pytest.mark.parametrize(
    "name", ["../up.py", "/abs.py", "code/../../up.py", "code//x.py", "code/./x.py", "code\\x.py", "code/\x1b.py"]
)
def test_a_member_outside_the_tap_is_refused(tmp_path, name):
    """By the manifest's own law, before anything is unpacked; nothing is ever written from a tap."""
    image = images.make(tapdaemon.Application("app"))
    path = tmp_path / "app.tap"
    members = (*image.manifest.members, Member(name, 1, hashlib.sha256(b"x").hexdigest()))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", dump(image.manifest._replace(members=members)))
        archive.writestr("application.pickle", image.graph)
        archive.writestr(name, b"x")
    path.chmod(0o600)
    with pytest.raises((errors.SchemaError, errors.TapDamagedError)):
        TapFile(str(path), path.stat().st_uid)


@pytest.mark.parametrize("depth", [10, 1000, 200_000])
def test_deep_nesting_ends_in_an_application_or_an_error(depth):
    """Lists in lists in lists: no crash of the interpreter, whatever the depth."""
    deep = b"]" * depth + b"a" * (depth - 1) + b"."
    found = loaded(deep)
    while found:
        (found,) = found
    assert found == []
