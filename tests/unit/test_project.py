"""What the project ships beside its code: units, manual pages, versions; and what its pages show."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import tapdaemon
from tapdaemon.cli import mktap, tap2deb, tap2rpm, tapctl, tapd_options
from tapdaemon.cli.show import page
from tapdaemon.persist import images
from tapdaemon.tapfile.manifest import Process
from tapdaemon.unit import state, templates

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def image():
    return images.make(tapdaemon.Application("web"))


@pytest.mark.parametrize("name", list(templates.FILES))
def test_the_shipped_units_are_those_of_the_code(name):
    """`make units` writes them."""
    assert (PROJECT / "systemd" / name).read_text() == templates.FILES[name]()


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


@pytest.mark.parametrize(
    ("name", "file"), [("tap@.service", "/etc/default/tap-%i"), ("user/tap@.service", "%E/tap/%i.env")]
)
def test_the_units_read_the_variables_that_an_application_looks_at(name, file):
    """From a file that may be absent, and that the manual page names."""
    assert f"\nEnvironmentFile=-{file}\n" in (PROJECT / "systemd" / name).read_text()
    page = (PROJECT / "docs" / "man" / "tap@.service.5").read_text().replace("\\-", "-")
    assert file.replace("%E", "~/.config").replace("%i", "NAME") in page
