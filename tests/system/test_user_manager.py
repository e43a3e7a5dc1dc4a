"""systemctl --user: taps of one's own in ~/.config/tap, without root."""

from __future__ import annotations

import applications
import pytest


@pytest.fixture(scope="module")
def ann(debian):
    """A user with a manager of her own, and a shell of hers."""
    debian.run("useradd -m ann && loginctl enable-linger ann")
    debian.wait_for("test -S /run/user/$(id -u ann)/systemd/private")
    debian.write("/home/ann/counter.tac", applications.counter(port=8080))

    def run(command: str, **more):
        prefix = "runuser -u ann -- env HOME=/home/ann XDG_RUNTIME_DIR=/run/user/$(id -u ann) sh -c"
        return debian.run(f"cd /home/ann && {prefix} '{command}'", **more)

    run("mkdir -p .config/tap && mktap -o .config/tap/counter.tap -y counter.tac && systemctl --user daemon-reload")
    debian.ann = run
    return debian


def get(machine, path: str = "/") -> str:
    return machine.run(f"curl -sf http://127.0.0.1:8080{path}").stdout


def test_a_life_in_the_user_manager(ann):
    """Start, restart, reload, stop: the state lies in ~/.local/state/tap, the journal is the user's."""
    ann.ann("systemctl --user start tap@counter")
    assert get(ann) == "1"
    ann.ann("systemctl --user restart tap@counter")
    assert get(ann) == "2"
    pid = get(ann, "/pid")
    ann.ann("systemctl --user reload tap@counter")
    assert get(ann, "/pid") != pid
    assert get(ann) == "5"
    ann.ann("systemctl --user stop tap@counter")
    assert "counter-shutdown.tap" in ann.run("ls /home/ann/.local/state/tap/counter").stdout
    told = ann.run("journalctl --sync; journalctl _SYSTEMD_USER_UNIT=tap@counter.service").stdout
    assert "ready: tcp4:0.0.0.0:8080" in told


def test_a_socket_of_the_users_own_outlives_a_crash(ann):
    """The fd store works there as well: the port is the same after a restart and after SIGKILL."""
    inode = "ss -Hltne sport = :8080 | grep -o ino:[0-9]*"
    ann.ann("systemctl --user start tap@counter")
    before = ann.run(inode).stdout
    ann.ann("systemctl --user restart tap@counter")
    ann.ann("kill -9 $(systemctl --user show -P MainPID tap@counter)")
    assert int(get(ann)) > 0
    assert ann.run(inode).stdout == before
    ann.ann("systemctl --user stop tap@counter")


def test_enabled_it_comes_with_the_manager(ann):
    """WantedBy=default.target."""
    ann.ann("systemctl --user enable tap@counter")
    ann.run("systemctl restart user@$(id -u ann)")
    ann.wait_for("curl -sf http://127.0.0.1:8080/")


def test_a_reload_that_fails_says_so(ann):
    """As in the system's manager: exit 1, the reason in the journal, the old process goes on."""
    ann.ann("systemctl --user start tap@counter")
    pid = get(ann, "/pid")
    ann.ann("cp .config/tap/counter.tap good && head -c 300 good >.config/tap/counter.tap")
    assert ann.ann("systemctl --user reload tap@counter", check=False).returncode == 1
    assert get(ann, "/pid") == pid
    told = ann.run("journalctl --sync; journalctl _SYSTEMD_USER_UNIT=tap@counter.service").stdout
    assert "not reloaded, and nothing has changed: /home/ann/.config/tap/counter.tap: cut off or altered" in told
    ann.ann("mv good .config/tap/counter.tap && systemctl --user stop tap@counter")
