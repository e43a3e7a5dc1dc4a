"""The units that the project ships, as data; `systemd/` holds their text, which `make units` writes.

They use what systemd 252 knows.  What differs by tap is in `demands`; what a tap's own package or a whole unit needs is
these options with those behind them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tapdaemon.unit.unitfile import Option, text


class Places(NamedTuple):
    """Where the commands that units name are installed.

    :param library: the folder of the root steps, tap-stage and tap-reload.
    """

    tapd: str = "/usr/bin/tapd"
    library: str = "/usr/lib/tapdaemon"


USUAL = Places()


def _options(section: str, *rows: tuple[str, ...]) -> list[Option]:
    return [Option(section, *row) for row in rows]


def service(places: Places = USUAL) -> list[Option]:
    """tap@.service."""
    tapd = f"{places.tapd} --instance %i --start-timeout 75 --drain-timeout 10 --stop-timeout 20"
    return [
        *_options(
            "Unit",
            ("Description", "Twisted application %i"),
            ("Documentation", "man:tapd(1) man:tap@.service(5)"),
            ("After", "network.target"),
            ("StartLimitIntervalSec", "30s", _START_LIMIT),
            ("StartLimitBurst", "10"),
        ),
        *_options(
            "Service",
            *_life(tapd, f"+{places.library}/tap-reload %i"),
            ("EnvironmentFile", "-/etc/default/tap-%i", "For the variables that the application reads."),
            ("DynamicUser", "yes"),
            ("StateDirectory", "tap/%i"),
            ("StateDirectoryMode", "0700"),
            ("RuntimeDirectory", "tap/%i"),
            ("RuntimeDirectoryPreserve", "restart", "A UNIX socket in it outlives a restart, as the fd store does."),
            ("WorkingDirectory", "%S/tap/%i"),
            ("UMask", "0077"),
            *_SANDBOX,
        ),
        Option("Install", "WantedBy", "multi-user.target"),
    ]


def user_service(places: Places = USUAL) -> list[Option]:
    """The user manager's tap@.service, a unit of its own.

    There is no DynamicUser in a user manager, CapabilityBoundingSet= fails on 252, PrivateUsers= makes root's files
    look like nobody's, and StateDirectory= was ~/.config before 254.
    """
    state = "%h/.local/state/tap/%i"
    tapd = f"{places.tapd} --state-dir {state} --start-timeout 75 --drain-timeout 10 --stop-timeout 20"
    return [
        *_options(
            "Unit",
            ("Description", "Twisted application %i"),
            ("Documentation", "man:tapd(1) man:tap@.service(5)"),
            ("StartLimitIntervalSec", "30s", _START_LIMIT),
            ("StartLimitBurst", "10"),
        ),
        *_options(
            "Service",
            ("ExecStartPre", f"/usr/bin/mkdir -p -m 700 {state}"),
            *_life(f"{tapd} %E/tap/%i.tap", f"{places.library}/tap-reload --user %i"),
            ("EnvironmentFile", "-%E/tap/%i.env", "For the variables that the application reads."),
            ("RuntimeDirectory", "tap/%i"),
            ("RuntimeDirectoryPreserve", "restart", "A UNIX socket in it outlives a restart, as the fd store does."),
            ("UMask", "0077"),
            ("NoNewPrivileges", "yes"),
            ("RestrictRealtime", "yes"),
            ("RestrictSUIDSGID", "yes"),
            ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
            ("LockPersonality", "yes"),
            ("SystemCallArchitectures", "native"),
            ("SystemCallFilter", "@system-service"),
        ),
        Option("Install", "WantedBy", "default.target"),
    ]


def socket() -> list[Option]:
    """tap@.socket, without an address: those are the tap's."""
    return [
        *_options(
            "Unit",
            ("Description", "Sockets of the Twisted application %i"),
            ("Documentation", "man:tap@.service(5)"),
            ("StopWhenUnneeded", "yes", _UNNEEDED),
        ),
        *_options(
            "Socket",
            ("Backlog", "4096", "What waits here during a restart; the kernel's net.core.somaxconn bounds it."),
            ("RemoveOnStop", "yes"),
        ),
        Option("Install", "WantedBy", "sockets.target", "systemctl enable --now tap@NAME.socket: started on demand."),
    ]


_START_LIMIT = "Ten starts in half a minute, and it stays failed for somebody to look; restarts by hand count as well."
_UNNEEDED = (
    "The service requires it: a stop of the service closes the port, a restart or a crash keeps the same socket.\n"
    "Enabled, it is needed by sockets.target and stays."
)


def _life(tapd: str, reload: str) -> Sequence[tuple[str, ...]]:
    """Start, reload and stop: the same under both managers."""
    return (
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", tapd),
        ("ExecReload", reload, "Waits for the successor's verdict, so that a reload that fails is seen to fail."),
        ("Restart", "on-failure"),
        ("RestartSec", "1s"),
        (
            "RestartPreventExitStatus",
            "64 65 66 77 78",
            "sysexits(3): usage, data, missing input, permission, configuration. Starting again cannot help there.",
        ),
        ("WatchdogSec", "30s", "Pinged by the reactor itself: one that is stuck is killed and restarted."),
        ("TimeoutStartSec", "90s"),
        (
            "TimeoutStopSec",
            "45s",
            "More than drain and stop together; while a long snapshot is written tapd asks for more.",
        ),
        ("KillMode", "mixed", "tapd ends its own children; what is left when the time is up is killed with it."),
        ("FileDescriptorStoreMax", "64", "Sockets that the application binds itself come back after a restart."),
    )


_SANDBOX: Sequence[tuple[str, ...]] = (
    ("CapabilityBoundingSet", ""),
    ("AmbientCapabilities", ""),
    ("NoNewPrivileges", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateUsers", "yes"),
    ("PrivateMounts", "yes"),
    ("DevicePolicy", "closed"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectProc", "invisible"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ("RemoveIPC", "yes"),
    ("LockPersonality", "yes"),
    ("SystemCallArchitectures", "native", "MemoryDenyWriteExecute= is left off: it breaks TLS (cffi's callbacks)."),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    (
        "SystemCallErrorNumber",
        "EPERM",
        "What is filtered fails; the kernel's own way is to kill: importing readline calls setfsuid (ncurses 6.5).",
    ),
)

HEADER = "tap@NAME runs the Twisted application in NAME.tap, from {where}."
SYSTEM_HEADER = (
    HEADER.format(where="/etc/tap, /run/tap or /usr/lib/tap")
    + "\nThe generator adds what that tap needs (addresses, user, how it is read) after 'systemctl daemon-reload'."
)
FILES: Mapping[str, Callable[[], str]] = {
    "tap@.service": lambda: text(service(), SYSTEM_HEADER),
    "tap@.socket": lambda: text(socket(), "Holds the sockets of tap@NAME.service; the generator adds their addresses."),
    "user/tap@.service": lambda: text(user_service(), HEADER.format(where="~/.config/tap")),
}
"""Path below systemd/ and text of every unit that the project ships."""


def write(folder: str) -> None:
    """Write all of them below `folder`."""
    for name, made in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(made())


if __name__ == "__main__":
    write(sys.argv[1])
