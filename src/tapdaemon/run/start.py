"""The way of a run, step by step, from the options to the exit status; each step's work is done in a room of its own.

surroundings read → pidfile locked → detached → base's manifest checked → sockets inherited or bound → privileges
dropped → reactor → snapshot or base chosen → loaded → sockets adopted → started → READY … STOPPING → drained →
stopped → saved.

The law: the reactor is imported after detaching, and nothing of the payload, the code or a snapshot is read before
privileges are dropped.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tapdaemon.errors import CannotCreateError, ContradictionError, TapError, os_reason
from tapdaemon.run import pidfile as pidfiles
from tapdaemon.run import signals
from tapdaemon.run.caller import Caller
from tapdaemon.run.detach import ForegroundVerdict, Verdict, detach
from tapdaemon.run.notify import Notifier, SilentNotifier, SystemdNotifier
from tapdaemon.run.options import Options, with_settings
from tapdaemon.run.predecessor import NoPredecessor, Predecessor
from tapdaemon.run.privileges import Identity, become, identify
from tapdaemon.run.surroundings import Surroundings
from tapdaemon.tapfile.manifest import Process

if TYPE_CHECKING:
    from tapdaemon.run.adoption import Listening
    from tapdaemon.run.loading import State
    from tapdaemon.run.logs import Log
    from tapdaemon.run.runner import Limits
    from tapdaemon.run.source import Source
    from tapdaemon.run.successor import Reload


class World(NamedTuple):
    """Whom a run deals with, beside the tap itself.

    :param typed: the passphrase that was asked for before detaching, if it was.
    """

    here: Surroundings
    precursor: NoPredecessor | Predecessor
    verdict: Verdict
    notifier: Notifier
    typed: bytes | None = None
    pidfile: pidfiles.Pidfile = pidfiles.NoPidfile()


DEFAULT_PIDFILE = "twistd.pid"
DAEMON_UMASK = 0o077


def run(options: Options, here: Surroundings, precursor: NoPredecessor | Predecessor) -> None:
    """Run a tap to its end.

    :param precursor: the running process that this one is to succeed, if there is one.
    :raises TapError: what went wrong, with the exit status; in a daemon the parent has been told.
    """
    from tapdaemon.run.source import settings

    options = with_settings(options, settings(options, here, os.geteuid()), systemd=here.systemd)
    typed = None
    daemon = _daemonizes(options, here)
    pidfile = _pidfile(options, daemon=daemon)
    verdict: Verdict = precursor if isinstance(precursor, Predecessor) else ForegroundVerdict()
    folder = os.path.abspath(options.rundir)
    if not os.path.isdir(folder):
        raise CannotCreateError(f"run folder {folder}", "no such folder", "make it, or name another with -d")
    if daemon:
        keep = [*pidfile.fds(), *(fd for fd, _ in here.listen_fds)]
        umask = DAEMON_UMASK if options.umask is None else options.umask
        options = _absolute(options)
        from tapdaemon.run.source import passphrase

        typed = passphrase(options.tap or options.file, options, here) if options.encrypted else None
        verdict = detach(folder=folder, umask=umask, keep=keep, limit=options.start_timeout + 5)
    notifier: Notifier = SilentNotifier()
    signals.ignore_for_now()
    try:
        try:
            pidfile.write()
            if here.notify_socket:
                notifier = SystemdNotifier(here.notify_socket, _report, muted=precursor.is_there)
            world = World(here, precursor, verdict, notifier, typed, pidfile)
            _live(options, world, daemon=daemon, folder=folder)
        finally:
            pidfile.remove()  # before the caller is told, who may start it again at once
    except TapError as error:
        cause = error.__cause__
        notifier.failed(str(error), getattr(cause, "errno", None) or 0)
        verdict.failed(error)
        raise
    finally:
        notifier.barrier()


def _daemonizes(options: Options, here: Surroundings) -> bool:
    """Whether to detach.  Under systemd never: the process that it started is the one that it watches."""
    if not here.systemd:
        return not options.nodaemon
    for given, name in ((options.pidfile, "--pidfile"), (options.syslog, "--syslog")):
        if given:
            raise ContradictionError(
                name,
                "under systemd the manager knows the process and has its log",
                f"leave {name} out of ExecStart=",
            )
    return False


def _pidfile(options: Options, *, daemon: bool) -> pidfiles.Pidfile:
    """In the foreground only where one is asked for."""
    if options.pidfile is None and options.late_pidfile:
        return pidfiles.LatePidfile(os.path.join(options.rundir, options.late_pidfile))
    path = DEFAULT_PIDFILE if options.pidfile is None and daemon else options.pidfile
    if not path:
        return pidfiles.NoPidfile()
    return pidfiles.LockedPidfile(os.path.join(options.rundir, path))


def _absolute(options: Options) -> Options:
    """Paths given on the command line mean files below the folder it was typed in, before the daemon leaves it."""

    def absolute(path: str | None) -> str | None:
        return path if path in (None, "-") else os.path.abspath(str(path))

    return options._replace(
        tap=absolute(options.tap),
        file=os.path.abspath(options.file),
        python=absolute(options.python),
        source=absolute(options.source),
        passphrase_file=absolute(options.passphrase_file),
    )


def _report(text: str) -> None:
    sys.stderr.write(f"tapd: {text}\n")


def _live(options: Options, world: World, *, daemon: bool, folder: str) -> None:
    """Everything from the manifest to the end, in the process that stays."""
    here = world.here
    from tapdaemon.run import sockets
    from tapdaemon.run.source import find

    held = sockets.inherit(here.listen_fds)
    with contextlib.closing(find(options, here, os.geteuid(), world.typed)) as source:
        identity = whom(options, here, source)
        if source.manifest is not None and identity is not None and os.geteuid() == 0 and identity.uid != 0:
            taken = {one.key for one in held}
            listens = [
                one
                for one in source.manifest.needs.listen
                if one.kind in sockets.ADOPTED_KINDS and (one.kind, one.path or one.host, one.port) not in taken
            ]
            held += sockets.bind(listens, identity)
        enter(options, folder)
        become(identity)
        destination = _begin_log(options, here, source, daemon=daemon)
        if identity is None and os.geteuid() == 0:
            _warn("this runs as root, for neither the tap nor -u names a user; make it with mktap -u")
        try:
            _serve(options, world, source, held, destination)
        except TapError as error:
            destination.tell(error, systemd=here.systemd)
            raise
        except Exception as error:
            from tapdaemon.run.failures import unforeseen

            raise unforeseen(error) from error


def whom(options: Options, here: Surroundings, source: Source) -> Identity | None:
    """Who to become: the options' word, then the manifest's.

    Under systemd the unit has decided, unless it left us root.
    """
    decided = here.systemd and os.geteuid() != 0
    process = source.manifest.process if source.manifest is not None and not decided else Process(source.name)
    return identify(
        options.uid if options.uid is not None else process.uid,
        options.gid if options.gid is not None else process.gid,
        effective=options.euid,
    )


def enter(options: Options, folder: str) -> None:
    """Change root, umask and folder, in twistd's order."""
    try:
        if options.chroot is not None:
            os.chroot(options.chroot)
            folder = options.rundir if options.rundir != "." else "/"
        if options.umask is not None:
            os.umask(options.umask)
        os.chdir(folder)
    except OSError as error:
        what = f"chroot {options.chroot}" if options.chroot is not None else f"run folder {folder}"
        raise CannotCreateError(what, f"cannot be entered: {os_reason(error)}", "look at its path and owner") from error


def _begin_log(options: Options, here: Surroundings, source: Source, *, daemon: bool) -> Log:
    from tapdaemon.run import logs, title

    destination = logs.choose(
        name=source.name,
        logfile=options.logfile,
        logger=options.logger,
        syslog=options.syslog,
        prefix=options.prefix,
        daemon=daemon,
        journal_here=here.systemd or here.journal,
    )
    logs.begin(destination)
    if not options.originalname:
        title.set_title(source.name)
    return destination


def _warn(text: str) -> None:
    from twisted.logger import Logger

    Logger("tapd").warn("{text}", text=text)


def _serve(options: Options, world: World, source: Source, held: list[Any], destination: Log) -> None:
    from tapdaemon.run import loading, reactors

    here, notifier = world.here, world.notifier
    reactor = reactors.install(options.reactor)
    from tapdaemon.run.adoption import Listening
    from tapdaemon.run.runner import Hooks, Limits, Runner
    from tapdaemon.run.sockets import inherit

    notifier.status(f"Loading {source.path}")
    listening = Listening(
        reactor, held, keeper=notifier if here.notify_socket else None, closed=world.precursor.is_there
    )
    listening.install()
    loaded = loading.load(options, here, source, world.precursor, lambda passed: listening.take(inherit(passed)))
    try:
        world.pidfile.made()
    except CannotCreateError as error:  # twistd writes it as root; we are by now who serves
        _warn(str(error))

    def ready() -> None:
        loaded.settle()
        gc.freeze()
        gc.enable()
        world.verdict.ready()
        loading.watch_endpoints()

    limits = Limits(options.start_timeout, options.drain_timeout, options.keepalive_grace, options.stop_timeout)
    runner = Runner(
        loaded.application,
        reactor,
        listening=listening,
        notifier=notifier,
        precursor=world.precursor,
        limits=limits,
        hooks=Hooks(
            state=loaded.state,
            ready=ready,
            reopen=destination.reopen,
            reload=_reload(reactor, listening, world, loaded.state, limits) if here.systemd else None,
            caller=lambda: Caller(source.name, os.environ),
        ),
        watchdog=here.watchdog,
        hangup_stops=options.nodaemon and not here.systemd and sys.stdin is not None and sys.stdin.isatty(),
    )
    runner.run(reactors.loop(options, reactor))
    if runner.error is not None:
        raise runner.error


def _reload(
    reactor: Any, listening: Listening, world: World, state: State | None, limits: Limits
) -> Callable[[Callable[[TapError | None], None]], Reload]:
    """What a reload is here: this very command again, beside us."""

    def begin(done: Callable[[TapError | None], None]) -> Reload:
        from tapdaemon.run.successor import Reload  # its cost is a reload's, not a start's

        return Reload(
            reactor,
            listening,
            world.notifier,
            command=[sys.executable, *sys.orig_argv[1:]],
            environ=os.environ | world.here.environ,
            save=None if state is None else lambda: state.save(True),
            limit=limits.start,
            done=done,
        )

    return begin
