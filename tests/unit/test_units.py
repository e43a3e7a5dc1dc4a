"""systemd's side: unit text, drop-ins, the generator, the staging step; and what the pages and the help say."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import click
import pytest

import tapdaemon
from tapdaemon import errors
from tapdaemon.cli import mktap, tap2deb, tap2rpm, tapctl, tapd_options
from tapdaemon.cli.show import page
from tapdaemon.persist import images
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Listen, Process, Recipe, Step
from tapdaemon.unit import demands, generator, host, reload, stage, state, templates, unitfile
from tapdaemon.unit.demands import Tap
from tapdaemon.unit.unitfile import Option

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def image():
    return images.make(tapdaemon.Application("web"))


def install(folder: Path, name: str, image) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.tap"
    path.write_bytes(encode(image))
    path.chmod(0o600)
    return path


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


def test_the_generator_serves_what_can_be_served(tmp_path, image):
    """Drop-ins for each good tap; a line for each that is not; the first folder wins."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the generator trusts root's files only, and this is not root")
    etc, usr, out = tmp_path / "etc", tmp_path / "usr", tmp_path / "out"
    listening = image._replace(manifest=with_needs(image, ("tcp4", {"host": "0.0.0.0", "port": 80})))
    install(etc, "web", listening)
    install(usr, "web", image)
    install(usr, "shop", image)
    (etc / "bad.tap").write_bytes(b"PK\x03\x04 cut")
    (etc / "bad.tap").chmod(0o600)
    install(etc, "loose", image).chmod(0o666)
    os.mkfifo(etc / "fifo.tap")
    problems = list(generator.generate(str(out), taps=[str(etc), str(usr), str(tmp_path / "none")]))
    assert sorted(entry.name for entry in out.iterdir()) == [
        "tap@shop.service.d", "tap@web.service.d", "tap@web.socket.d",
    ]  # fmt: skip
    text = (out / "tap@web.service.d" / "10-tap.conf").read_text()
    assert f"LoadCredential=tap:{etc}/web.tap" in text
    assert "ListenStream=0.0.0.0:80" in (out / "tap@web.socket.d" / "10-tap.conf").read_text()
    assert len(problems) == 3
    assert generator.main([]) == 64


def test_a_dead_link_of_a_dynamic_users_is_removed(tmp_path, image):
    """systemd leaves it, and a named user's folder could not be made; a link that leads somewhere stays."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the generator trusts root's files only, and this is not root")
    install(tmp_path / "etc", "web", image)
    install(tmp_path / "etc", "shop", image)
    run = tmp_path / "run"
    run.mkdir()
    (run / "web").symlink_to("../private/web")
    (run / "shop").symlink_to(tmp_path)
    assert list(generator.generate(str(tmp_path / "out"), taps=[str(tmp_path / "etc")], runtime=str(run))) == []
    assert [entry.name for entry in run.iterdir()] == ["shop"]


def test_a_name_with_a_unit_of_its_own(tmp_path, image):
    """The administrator's and a mask are left alone; a package's too, unless /etc/tap stands before it."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the generator trusts root's files only, and this is not root")
    etc, usr, admin, vendor, out = (tmp_path / name for name in ("etc", "usr", "admin", "vendor", "out"))
    admin.mkdir()
    vendor.mkdir()
    for name in ("own", "masked", "packaged"):
        install(etc, name, image)
    install(usr, "shipped", image)
    (admin / "tap@own.service").touch()
    (admin / "tap@masked.service").symlink_to("/dev/null")
    for name in ("packaged", "shipped"):
        (vendor / f"tap@{name}.service").touch()
    key = tmp_path / "key"
    key.touch(0o600)
    install(usr, "ours", image._replace(manifest=with_needs(image, files=(str(key),))))
    (vendor / "tap@ours.service").write_text("# Generated by tapdaemon from /usr/lib/tap/ours.tap\n")
    install(usr, "plain", image)
    (vendor / "tap@plain.service").write_text("# Generated by tapdaemon from /usr/lib/tap/plain.tap\n")
    taps = [str(etc), str(usr)]
    assert list(generator.generate(str(out), taps=taps, admin=[str(admin)], vendor=[str(vendor)])) == []
    assert sorted(entry.name for entry in out.iterdir()) == ["tap@ours.service.d", "tap@packaged.service"]
    added = (out / "tap@ours.service.d" / "10-tap.conf").read_text()
    assert f"LoadCredential=file-0:{key}" in added
    assert "LoadCredential=tap:" not in added
    text = (out / "tap@packaged.service").read_text()
    assert "ExecStart=/usr/bin/tapd --instance %i" in text
    assert f"LoadCredential=tap:{etc}/packaged.tap" in text


@pytest.mark.parametrize("name", list(templates.FILES))
def test_the_shipped_units_are_those_of_the_code(name):
    """`make units` writes them."""
    assert (PROJECT / "systemd" / name).read_text() == templates.FILES[name]()


def test_staging_makes_a_copy_that_only_its_group_reads(tmp_path, image):
    """0440 in a folder of ours; a link planted in its way is not followed; removed when asked."""
    taps, out = tmp_path / "taps", tmp_path / "out"
    path = install(taps, "big", image)
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: staging trusts root's files only, and this is not root")
    out.mkdir(0o711)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (out / "big.tap").symlink_to(victim)
    copy = Path(stage.stage("big", 12345, taps=[str(taps)], folder=str(out)))
    assert copy.read_bytes() == path.read_bytes()
    assert (stat.S_IMODE(copy.lstat().st_mode), copy.stat().st_uid, copy.stat().st_gid) == (0o440, 0, 12345)
    assert victim.read_text() == "untouched"
    assert [entry.name for entry in out.iterdir()] == ["big.tap"]
    stage.remove("big", folder=str(out))
    assert not list(out.iterdir())


def test_staging_refuses_a_folder_that_others_write(tmp_path, image):
    """And a tap that others could have written."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: staging trusts root's files only, and this is not root")
    taps, out = tmp_path / "taps", tmp_path / "out"
    install(taps, "big", image)
    out.mkdir()
    os.chown(out, 1000, 1000)
    with pytest.raises(errors.CannotCreateError, match="others than root may write it"):
        stage.stage("big", 0, taps=[str(taps)], folder=str(out))
    (taps / "big.tap").chmod(0o666)
    with pytest.raises(errors.TapUntrustedError):
        stage.stage("big", 0, taps=[str(taps)], folder=str(tmp_path / "other"))
    with pytest.raises(errors.CannotCreateError, match="STATE_DIRECTORY"):
        stage.service_group({})
    assert stage.main([]) == 64


def test_root_steps_say_what_is_wrong_in_one_line(monkeypatch, capsys):
    """By hand, without the unit: no traceback, and a status."""
    monkeypatch.setenv("STATE_DIRECTORY", "/nowhere")
    assert stage.main(["web"]) == 71
    assert capsys.readouterr().err == "tap-stage: [Errno 2] No such file or directory: '/nowhere'\n"
    assert reload.main(["web"]) == 64
    monkeypatch.setenv("MAINPID", "1")
    monkeypatch.setattr(reload.mounts, "enter", lambda _: None)
    assert reload.main(["web"]) == 1
    assert capsys.readouterr().err.endswith("tap-reload: [Errno 2] No such file or directory: '/nowhere'\n")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert reload.main(["--user", "web"]) == 1
    assert "XDG_RUNTIME_DIR: not set" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_for_each_tap(tmp_path, image):
    """A full /run, say: a line for each, and no traceback."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the generator trusts root's files only, and this is not root")
    install(tmp_path / "etc", "web", image)
    install(tmp_path / "etc", "shop", image)
    (tmp_path / "out").write_text("no folder")
    problems = list(generator.generate(str(tmp_path / "out"), taps=[str(tmp_path / "etc")]))
    assert len(problems) == 2


def test_states_where_no_systemd_runs(monkeypatch):
    """Unknown, not an error."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert state.states(["web"]) == {"web": "unknown"}
    assert state.states([]) == {}


def test_no_control_character_reaches_the_terminal(image):
    """A manifest is bounded already; the page escapes all the same."""
    manifest = image.manifest._replace(process=Process("evil\x1b[2J\u202e"))
    assert "\x1b" not in page("/x.tap", 1, manifest)
    assert "\u202e" not in page("/x.tap", 1, manifest)


# ---- pages and help


def options_of(name: str) -> set[str]:
    """Long options of a command, as its code has them."""
    if name == "tapd":
        return {f"--{option.name}" for option in tapd_options.TABLE}
    command = {
        "mktap": mktap.command,
        "tapctl": tapctl.command,
        "tap2deb": tap2deb.command,
        "tap2rpm": tap2rpm.command,
    }[name]
    commands = [command, *getattr(command, "commands", {}).values()]
    return {
        flag
        for one in commands
        for parameter in one.get_params(click.Context(one))
        for flag in parameter.opts
        if flag.startswith("--")
    }


@pytest.mark.parametrize("name", ["mktap", "tapd", "tapctl", "tap2deb", "tap2rpm"])
def test_the_manual_page_has_the_options_of_the_code(name):
    """No more and no fewer."""
    text = (PROJECT / "docs" / "man" / f"{name}.1").read_text().replace("\\-", "-").replace("\\fI", "")
    described = set(re.findall(r"--[a-z_-]+", text.partition(".SH OPTIONS")[2].partition(".SH ")[0]))
    assert described == options_of(name)


def test_versions_agree():
    """pyproject.toml, the package, and Debian's changelog name one version."""
    text = (PROJECT / "pyproject.toml").read_text()
    assert f'version = "{tapdaemon.__version__}"' in text
    assert (PROJECT / "debian" / "changelog").read_text().startswith(f"tapdaemon ({tapdaemon.__version__}-")
    assert f"Version:        {tapdaemon.__version__}\n" in (PROJECT / "rpm" / "tapdaemon.spec").read_text()


def test_every_module_says_what_it_is():
    """Rule 1 of the style: a first sentence."""
    for path in (PROJECT / "src").rglob("*.py"):
        assert path.read_text().startswith('"""'), path


def test_the_unit_does_not_restart_what_cannot_be_helped():
    """Statuses that a restart cannot change, and a stop that may take as long as drain and stop together."""
    text = (PROJECT / "systemd" / "tap@.service").read_text()
    assert "RestartPreventExitStatus=64 65 66 77 78\n" in text
    seconds = {name: int(value) for name, value in re.findall(r"--(\w+)-timeout (\d+)", text)}
    (limit,) = re.findall(r"TimeoutStopSec=(\d+)s", text)
    assert int(limit) > seconds["drain"] + seconds["stop"]
    (limit,) = re.findall(r"TimeoutStartSec=(\d+)s", text)
    assert int(limit) > seconds["start"]
