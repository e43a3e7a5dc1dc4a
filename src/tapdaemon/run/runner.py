"""Runs a loaded application on a reactor from start to end: ready, drained, stopped, saved; it finds and loads nothing.

The phases are those of `phases`.  All of a stop happens in the reactor's "before shutdown" trigger, so that a signal,
a failed start and an application that calls reactor.stop() itself end the same orderly way.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapdaemon.core import tree
from tapdaemon.core.starting import ServiceStartError, Starter
from tapdaemon.core.stopping import Stopper
from tapdaemon.errors import StartError, TapError
from tapdaemon.run.adoption import Listening
from tapdaemon.run.drain import Drain, disconnect
from tapdaemon.run.notify import Notifier
from tapdaemon.run.phases import ANNOUNCEMENTS, Event, Phase, after
from tapdaemon.run.sockets import address_error

log = Logger("tapd")
EXTENSION = 30.0
"""Seconds that each EXTEND_TIMEOUT_USEC asks for while a snapshot is written."""
EXTENSIONS_MAX = 20


class Limits(NamedTuple):
    """Seconds: to become ready, for what is in flight, for idle HTTP connections, and for each service to stop."""

    start: float
    drain: float
    grace: float
    stop: float


class Runner:
    """One application's life.

    :param save: writes the snapshot and returns its path; None saves nothing.
    :param ready: told once, when the application is.
    :param reopen: opens the log file anew.
    """

    def __init__(
        self,
        application: Any,
        reactor: Any,
        *,
        listening: Listening,
        notifier: Notifier,
        limits: Limits,
        save: Callable[[], str] | None,
        ready: Callable[[], None],
        reopen: Callable[[], None],
        watchdog: float | None,
        hangup_stops: bool = False,
    ) -> None:
        self._application = application
        self._reactor = reactor
        self._listening = listening
        self._notifier = notifier
        self._limits = limits
        self._save = save
        self._tell_ready = ready
        self._reopen = reopen
        self._watchdog = watchdog
        self._hangup_stops = hangup_stops
        self._starter = Starter(application)
        self._drain = Drain(listening, reactor, limits.drain, limits.grace)
        self._stopper = Stopper(application, reactor, limits.stop, _report_stop)
        self._services = sum(1 for _ in tree.walk(application))
        self.phase = Phase.LOADING
        self.error: TapError | None = None

    def run(self, loop: Callable[[], None]) -> None:
        """Run to the end; `error` then says what went wrong.

        :param loop: runs the reactor: its run method, or a profiler's or debugger's way to call it.
        """
        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        loop()
        self._notifier.status(ANNOUNCEMENTS[Phase.ENDED])

    # ---- starting

    def _start(self) -> None:
        self._handle_signals()
        self._go(Event.LOADED, services=f"{self._services} services")
        patience = self._reactor.callLater(self._limits.start, self._timed_out)
        started = self._starter.start()
        started.addBoth(_cancelling(patience))
        started.addCallbacks(self._started, self._start_failed)
        started.addErrback(self._ready_failed)

    def _timed_out(self) -> None:
        if self.phase is Phase.STARTING:
            waiting = ", ".join(self._starter.waiting_for()) or "the tree"
            reason = f"not ready within {self._limits.start:g} s"
            self._fail(StartError(waiting, reason, "see its log, or allow more with --start-timeout"), None)

    def _started(self, _: None) -> None:
        if self.phase is not Phase.STARTING:  # a stop overtook it
            return
        for held in self._listening.unclaimed():
            log.warn("no service listens on {address}, which was passed or bound; closed", address=held.address)
        addresses = self._addresses()
        self._go(Event.STARTED, addresses=", ".join(addresses) or "no addresses")
        log.info("ready: {addresses}", addresses=", ".join(addresses) or "it listens nowhere")
        if self._watchdog is not None:
            # From the reactor itself: a thread would hide a stuck one.
            LoopingCall(self._notifier.ping).start(self._watchdog / 2)
        self._tell_ready()

    def _addresses(self) -> list[str]:
        return sorted({_address(port.getHost()) for port in self._listening.ports})

    def _start_failed(self, failure: Failure) -> None:
        if self.phase is not Phase.STARTING:  # it took too long, or a stop overtook it
            return
        error: TapError
        value = failure.value
        cause: Failure | None = None
        if isinstance(value, TapError):
            error = value
        elif isinstance(value, ServiceStartError):
            cause = value.failure
            error = _start_error(value.path, value.failure.value)
        else:
            error = StartError("tapd", f"failed to start: {value}")
            cause = failure
        self._fail(error, None if isinstance(cause and cause.value, CannotListenError) else cause)

    def _ready_failed(self, failure: Failure) -> None:
        """What was started could not be called ready: it must not pass for a start."""
        if isinstance(failure.value, TapError):
            self._fail(failure.value, None)
        else:
            self._fail(StartError("tapd", f"failed to start: {failure.value}"), failure)

    def _fail(self, error: TapError, failure: Failure | None) -> None:
        if failure is not None:
            log.failure("the start failed", failure)
        if self.error is None:
            self.error = error
        if self.phase is Phase.STARTING:
            self._go(Event.FAILED, services=f"{self._services} services")
        self._end()

    # ---- signals

    def _handle_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_stop if self._hangup_stops else self._on_reopen)
        signal.signal(signal.SIGUSR1, self._on_reopen)

    def _on_stop(self, number: int, _: object) -> None:
        name = signal.Signals(number).name
        self._reactor.callFromThread(self._stop, name)

    def _on_reopen(self, number: int, _: object) -> None:
        self._reactor.callFromThread(self._reopen_log, signal.Signals(number).name)

    def _reopen_log(self, name: str) -> None:
        self._reopen()
        log.info("{name}: log reopened", name=name)

    def _stop(self, name: str) -> None:
        if self.phase in (Phase.STARTING, Phase.READY):
            log.info("{name}: stopping", name=name)
            self._end()
        else:
            log.info("{name}: hurrying", name=name)
            if self.phase is Phase.DRAINING:
                self._drain.hurry()
            else:
                self._stopper.hurry()

    def _end(self) -> None:
        with contextlib.suppress(ReactorNotRunning):  # it stops already
            self._reactor.stop()

    # ---- stopping

    def _shut_down(self) -> Deferred[None]:
        self._listening.leaving = True
        done: Deferred[None]
        if self.phase is Phase.READY:
            self._notifier.stopping(ANNOUNCEMENTS[Phase.DRAINING].format(connections="connections"))
            self._go(Event.STOP, connections=f"{self._drain.count()} connections")
            done = self._drain.start().addCallback(self._drained)
        else:
            if self.phase is Phase.STARTING:
                self._go(Event.STOP, services=f"{self._services} services")
            done = self._stop_tree()
            done.addCallback(lambda _: self._stopped(was_ready=False))
        return done.addErrback(self._stop_failed)

    def _drained(self, cut: int) -> Deferred[None]:
        if cut:
            log.warn("{cut} connections still in flight are cut", cut=cut)
        self._go(Event.DRAINED, services=f"{self._services} services")
        return self._stop_tree().addCallback(lambda _: self._stopped(was_ready=True))

    def _stop_tree(self) -> Deferred[None]:
        return self._stopper.stop().addCallback(lambda _: disconnect(self._listening, self._reactor))

    def _stopped(self, *, was_ready: bool) -> None:
        if self.phase is not Phase.STOPPING:
            return
        self._go(Event.STOPPED, snapshot="the snapshot")
        if was_ready and self._save is not None:
            with extended(self._notifier):
                log.info("saved {path}", path=self._save())
        self._go(Event.SAVED)

    def _stop_failed(self, failure: Failure) -> None:
        if isinstance(failure.value, TapError):
            self.error = failure.value
        else:
            log.failure("the stop failed", failure)
            self.error = StartError("tapd", f"failed to stop in order: {failure.value}", "see the log")

    def _go(self, event: Event, **facts: str) -> None:
        self.phase = after(self.phase, event)
        status = ANNOUNCEMENTS[self.phase].format(**facts)
        if self.phase is Phase.READY:
            self._notifier.ready(status)
        else:
            self._notifier.status(status)


@contextlib.contextmanager
def extended(notifier: Notifier) -> Iterator[None]:
    """Ask for more time before the manager's patience ends, again and again while the block runs, up to ten minutes."""
    done = threading.Event()

    def ask() -> None:
        for _ in range(EXTENSIONS_MAX):
            if done.wait(EXTENSION / 2):
                return
            notifier.extend(EXTENSION)

    notifier.extend(EXTENSION)
    asking = threading.Thread(target=ask, name="extend-timeout", daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


def _report_stop(path: str, what: object) -> None:
    if isinstance(what, Failure):
        log.failure("{path} failed to stop", what, path=path)
    else:
        log.error("{path} {what}", path=path, what=what)


def _cancelling(call: Any) -> Callable[[Any], Any]:
    def cancel(result: Any) -> Any:
        if call.active():
            call.cancel()
        return result

    return cancel


def _start_error(path: str, cause: BaseException | None) -> TapError:
    if isinstance(cause, TapError):
        return cause
    if isinstance(cause, CannotListenError):
        host, port = cause.interface or "", cause.port
        address = f"tcp4:{host or '0.0.0.0'}:{port}" if isinstance(port, int) else f"unix:{port}"  # noqa: S104 - shown
        if ":" in host:
            address = f"tcp6:[{host}]:{port}"
        reason = cause.socketError
        return address_error(path, address, reason if isinstance(reason, OSError) else OSError(str(reason)))
    text = " ".join(str(cause).split())
    return StartError(path, f"failed to start with {type(cause).__name__}: {text}", "the log has the traceback")


def _address(host: Any) -> str:
    name = getattr(host, "name", None)
    if name is not None:
        return f"unix:{name.decode() if isinstance(name, bytes) else name}"
    family = "tcp6" if ":" in host.host else "tcp4"
    shown = f"[{host.host}]" if ":" in host.host else host.host
    return f"{family}:{shown}:{host.port}"
