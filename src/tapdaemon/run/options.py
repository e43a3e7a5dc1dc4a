"""What a run was asked for, as a value; it parses no command line."""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


class Options(NamedTuple):
    """tapd's options, under twistd's names.  Times in seconds; umask as a number; paths as given."""

    tap: str | None = None
    nodaemon: bool = False
    file: str = "twistd.tap"
    python: str | None = None
    source: str | None = None
    encrypted: bool = False
    passphrase_file: str | None = None
    instance: str | None = None
    logfile: str | None = None
    logger: str | None = None
    syslog: bool = False
    prefix: str = "twisted"
    rundir: str = "."
    chroot: str | None = None
    pidfile: str | None = None
    late_pidfile: str | None = None  # no option: a maker's own
    umask: int | None = None
    uid: str | None = None
    gid: str | None = None
    euid: bool = False
    reactor: str | None = None
    no_save: bool = False
    originalname: bool = False
    profile: str | None = None
    profiler: str = "cprofile"
    savestats: bool = False
    debug: bool = False
    spew: bool = False
    state_dir: str | None = None
    fresh: bool = False
    check: bool = False
    drain_timeout: float = 10.0
    keepalive_grace: float = 1.0
    start_timeout: float = 60.0
    stop_timeout: float = 20.0


def with_settings(options: Options, settings: Iterable[tuple[str, str]], *, systemd: bool) -> Options:
    """The options, with those that the tap's makers have set where the command line says nothing.

    :param settings: see `tapdaemon.tapfile.manifest.SETTABLE`.
    :param systemd: whether the manager decides where the process is and what it logs to; the umask is still its own.
    """
    defaults = Options()
    given: dict[str, Any] = {
        name: _READ.get(name, str)(text)
        for name, text in settings
        if getattr(options, name) == getattr(defaults, name) and (name == "umask" or not systemd)
    }
    return options._replace(**given)


_READ: Mapping[str, Callable[[str], object]] = {
    "umask": lambda text: int(text, 8),
    "nodaemon": lambda text: text == "True",
}
