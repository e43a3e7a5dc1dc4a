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
from tapdaemon.cli import mktap, tapctl, tapd_options
from tapdaemon.cli.show import page
from tapdaemon.persist import images
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Process
from tapdaemon.unit import dropin, generator, stage, state, unitfile
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


def test_a_small_tap_is_a_credential_and_a_large_one_is_staged(image):
    """The limit is the 1 MB of all credentials."""
    small = dropin.service("/etc/tap/web.tap", 2**20, image.manifest)
    assert small == [Option("Service", "LoadCredential", "tap:/etc/tap/web.tap")]
    large = dropin.service("/etc/tap/web.tap", 2**20 + 1, image.manifest)
    assert [option.name for option in large] == ["ExecStartPre", "ExecStopPost"]
    assert large[0].value.startswith("+/")


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
    options = dropin.service("/etc/tap/x.tap", 1, image.manifest._replace(process=process))[1:]
    assert [(option.name, option.value) for option in options] == expected


def test_the_generator_serves_what_can_be_served(tmp_path, image):
    """A drop-in for each good tap; a line for each that is not; the first folder wins."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the generator trusts root's files only, and this is not root")
    etc, usr, out = tmp_path / "etc", tmp_path / "usr", tmp_path / "out"
    install(etc, "web", image)
    install(usr, "web", image)
    install(usr, "shop", image)
    (etc / "bad.tap").write_bytes(b"PK\x03\x04 cut")
    (etc / "bad.tap").chmod(0o600)
    install(etc, "loose", image).chmod(0o666)
    os.mkfifo(etc / "fifo.tap")
    problems = generator.generate(str(out), taps=[str(etc), str(usr), str(tmp_path / "none")])
    assert sorted(entry.name for entry in out.iterdir()) == ["tap@shop.service.d", "tap@web.service.d"]
    text = (out / "tap@web.service.d" / "10-tap.conf").read_text()
    assert f"LoadCredential=tap:{etc}/web.tap" in text
    assert len(problems) == 3
    assert generator.main([]) == 64


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
    command = {"mktap": mktap.command, "tapctl": tapctl.command}[name]
    commands = [command, *command.commands.values()]
    return {
        flag
        for one in commands
        for parameter in one.get_params(click.Context(one))
        for flag in parameter.opts
        if flag.startswith("--")
    }


@pytest.mark.parametrize("name", ["mktap", "tapd", "tapctl"])
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
