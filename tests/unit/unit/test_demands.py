"""Units as data: what a manifest asks of systemd, directive by directive."""

from __future__ import annotations

import os

import pytest

import tapdaemon
from tapdaemon.persist import images
from tapdaemon.tapfile.manifest import Listen, Process, Recipe, Step
from tapdaemon.unit import demands, host, unitfile
from tapdaemon.unit.demands import Tap
from tapdaemon.unit.unitfile import Option


@pytest.fixture
def image():
    return images.make(tapdaemon.Application("web"))


def test_a_unit_file_is_ordered_data():
    """Sections once, options in order, % doubled."""
    options = [
        Option("Service", "ExecStart", unitfile.escape("/bin/x 100%")),
        Option("Unit", "After", "a"),
        Option("Service", "ExecStart", "/bin/y"),
    ]
    assert unitfile.text(options, "made") == (
        "# made\n\n[Service]\nExecStart=/bin/x 100%%\nExecStart=/bin/y\n\n[Unit]\nAfter=a\n"
    )


def tap(manifest, size: int = 1, **more) -> Tap:
    return Tap("web", "/etc/tap/web.tap", size, manifest, **more)


def with_needs(image, *listens, **needs):
    found = tuple(Listen(kind, "web", **where) for kind, where in listens)
    return image.manifest._replace(needs=image.manifest.needs._replace(listen=found, **needs))


def values(options, name: str) -> list[str]:
    return [option.value for option in options if option.name == name]


def test_a_small_tap_is_a_credential_and_a_large_one_is_staged(image):
    """The limit is the 1 MB of all credentials."""
    small = demands.service(tap(image.manifest, 2**20))
    assert small == [Option("Service", "LoadCredential", "tap:/etc/tap/web.tap")]
    large = demands.service(tap(image.manifest, 2**20 + 1))
    assert [(option.name, option.value) for option in large] == [
        ("ExecStartPre", "+/usr/lib/tapdaemon/tap-stage %i"),
        ("ExecStopPost", "+/usr/lib/tapdaemon/tap-stage --remove %i"),
    ]


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (Process("x"), []),
        (Process("x", "www-data"), [("DynamicUser", "no"), ("User", "www-data")]),
        (Process("x", 33, 33), [("DynamicUser", "no"), ("User", "33"), ("Group", "33")]),
        (Process("x", 0), [("DynamicUser", "no"), ("User", "0")]),
        (Process("x", None, "www"), [("Group", "www")]),
    ],
)
def test_the_user_is_the_manifests(image, process, expected):
    """DynamicUser where the tap names nobody."""
    options = demands.service(tap(image.manifest._replace(process=process)))[1:]
    assert [(option.name, option.value) for option in options] == expected


def test_addresses_are_written_out_in_full(image):
    """Every kind that a socket unit holds, once; not a port that the kernel chooses, nor a UNIX datagram socket."""
    manifest = with_needs(
        image,
        ("tcp4", {"host": "0.0.0.0", "port": 80}),
        ("tcp4", {"host": "0.0.0.0", "port": 80}),
        ("tcp6", {"host": "::", "port": 80}),
        ("tcp6", {"host": "fe80::1%eth0", "port": 81}),
        ("udp4", {"host": "127.0.0.1", "port": 53}),
        ("udp6", {"host": "::1", "port": 53}),
        ("unix", {"path": "/run/50%.sock", "mode": 0o660}),
        ("unix", {"path": "/run/b", "mode": 0o666}),
        ("tcp4", {"host": "0.0.0.0", "port": 0}),
        ("unixgram", {"path": "/run/c"}),
    )
    options = demands.socket(tap(manifest))
    assert values(options, "ListenStream") == [
        "0.0.0.0:80", "[::]:80", "[fe80::1%%eth0]:81", "/run/50%%.sock", "/run/b",
    ]  # fmt: skip
    assert values(options, "ListenDatagram") == ["127.0.0.1:53", "[::1]:53"]
    assert values(options, "SocketMode") == ["0660"]
    assert demands.left_out(tap(manifest)) == ["its UNIX sockets have several modes; they all get what each allows"]
    service = demands.service(tap(manifest))
    assert values(service, "Requires") == values(service, "After") == ["tap@web.socket"]
    owned = demands.socket(tap(manifest._replace(process=Process("x", "www-data"))))
    assert values(owned, "SocketUser") == ["www-data"]
    assert demands.socket(tap(with_needs(image))) == []


def test_files_that_the_service_cannot_read_are_credentials(image):
    """Bound to where the application looks for them; below a hidden folder others are bound as well."""
    manifest = with_needs(
        image, files=("/etc/ssl/k%y.pem", "/home/bob/www", "/srv/www", "/etc/a b"), writable=("/srv/mail", "/tmp/spool")
    )
    found = tap(manifest, secret=lambda path: path.startswith("/etc"), closed=lambda _: ["/etc/ssl"])
    options = demands.service(found)
    assert values(options, "LoadCredential") == ["tap:/etc/tap/web.tap", "file-0:/etc/ssl/k%%y.pem"]
    assert values(options, "BindReadOnlyPaths") == ["-%d/file-0:/etc/ssl/k%%y.pem", "-/home/bob/www"]
    assert values(options, "TemporaryFileSystem") == ["/etc/ssl:ro,mode=0755"]
    assert values(options, "ProtectHome") == ["tmpfs"]
    assert values(options, "ReadWritePaths") == ["-/srv/mail"]
    assert values(options, "BindPaths") == ["-/tmp/spool"]
    assert demands.left_out(found)[0].startswith("/etc/a b: its name cannot stand in a unit")


def test_directives_follow_the_running_systemd(image):
    """PrivateTmp=disconnected is 257's; where the tap needs something below /tmp it stays connected."""
    assert values(demands.service(tap(image.manifest), version=252), "PrivateTmp") == []
    assert values(demands.service(tap(image.manifest), version=257), "PrivateTmp") == ["disconnected"]
    assert values(demands.service(tap(with_needs(image, files=("/tmp/x",))), version=257), "PrivateTmp") == []


def test_families_are_as_narrow_as_the_tap_allows(image):
    """A maker that opens no socket of its own, all of whose addresses systemd holds, has AF_UNIX for the journal."""
    words = with_needs(image, ("tcp4", {"host": "0.0.0.0", "port": 6667}))._replace(recipe=Recipe((Step("words"),)))
    assert values(demands.service(tap(words)), "RestrictAddressFamilies") == ["", "AF_UNIX"]
    for other in (
        words._replace(recipe=Recipe((Step("words"), Step("web")))),
        words._replace(recipe=Recipe((Step("words"),), python="tac_x")),
        words._replace(recipe=None),
        with_needs(image, ("tcp4", {"host": "0.0.0.0", "port": 0}))._replace(recipe=words.recipe),
    ):
        assert values(demands.service(tap(other)), "RestrictAddressFamilies") == []


def test_who_may_read_a_file(tmp_path):
    """By the permission bits of the file and of every folder above it, for a user who owns nothing."""
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:3]:
        folder.chmod(0o755)
    key = tmp_path / "key"
    key.write_text("k")
    secret = host.Reader.of(Process("x")).is_barred
    key.chmod(0o644)
    assert not secret(str(key))
    key.chmod(0o640)
    assert secret(str(key))
    assert not secret(str(tmp_path / "none"))
    assert not secret(str(tmp_path))
    assert not host.Reader.of(Process("x", os.geteuid())).is_barred(str(key))
    assert not host.Reader.of(Process("x", None, os.getegid())).is_barred(str(key))
    (tmp_path / "closed").mkdir(0o700)
    (tmp_path / "closed" / "key").write_text("k")
    assert secret(str(tmp_path / "closed" / "key"))
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "closed" / "key")
    assert secret(str(link))
    assert host.Reader().closed(str(link)) == [str(tmp_path / "closed")]
