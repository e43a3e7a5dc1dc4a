"""Runs a loaded application on a reactor from start to end: ready, drained, stopped, saved; it finds and loads nothing.

The phases are those of `phases`.  All of a stop happens in the reactor's "before shutdown" trigger, so that a signal,
a failed start and an application that calls reactor.stop() itself end the same orderly way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapdaemon.core import tree
from tapdaemon.core.starting import Starter
from tapdaemon.core.stopping import Stopper
from tapdaemon.errors import AlreadyRunningError, StartError, TapError
from tapdaemon.run import signals
from tapdaemon.run.adoption import Listening
from tapdaemon.run.caller import Caller
from tapdaemon.run.drain import Drain, disconnect
from tapdaemon.run.failures import address, start_error
from tapdaemon.run.notify import Notifier, extended
from tapdaemon.run.phases import ANNOUNCEMENTS, Event, Phase, after
from tapdaemon.run.predecessor import Precursor

if TYPE_CHECKING:
    from tapdaemon.run.loading import State
    from tapdaemon.run.successor import Reload

log = Logger("tapd")


TRIAL_DELAY = 2.0
"""Seconds after READY until it is tried what can be kept: what a start does late is there by then."""


class Limits(NamedTuple):
    """Seconds: to become ready, for what is in flight, for idle HTTP connections, and for each service to stop."""

    start: float
    drain: float
    grace: float
    stop: float


class Hooks(NamedTuple):
    """What the rest of the house does for a running application.

    :param state: what is kept of it; None keeps nothing.
    :param ready: told once, when the application is.
    :param reopen: opens the log file anew.
    :param reload: begins a reload and tells its outcome; None where there can be none.
    :param caller: whoever asked for that reload, to be told its verdict.
    """

    state: State | None
    ready: Callable[[], None]
    reopen: Callable[[], None]
    reload: Callable[[Callable[[TapError | None], None]], Reload] | None
    caller: Callable[[], Caller]


class Runner:
    """One application's life.

    :param precursor: the process that it succeeds, if there is one.
    :param hooks: what the rest of the house does for it.
    :param hangup_stops: whether SIGHUP is a terminal that went away.
    """

    def __init__(
        self,
        application: Any,
        reactor: Any,
        *,
        listening: Listening,
        notifier: Notifier,
        precursor: Precursor,
        limits: Limits,
        hooks: Hooks,
        watchdog: float | None,
        hangup_stops: bool = False,
    ) -> None:
        self._application = application
        self._reactor = reactor
        self._listening = listening
        self._notifier = notifier
        self._limits = limits
        self._precursor = precursor
        self._hooks = hooks
        self._state = hooks.state
        self._has_last = False
        self._retake: Callable[[], signals.Taken]
        self._reload: Reload | None = None
        self._watchdog = watchdog
        self._hangup_stops = hangup_stops
        self._starter = Starter(application)
        self._drain = Drain(listening, reactor, limits.drain, limits.grace, precursor.lives)
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
        with _later_when_running(self._reactor) as calls:
            started = self._starter.start()
        for call in calls:
            call()
        started.addBoth(_cancelling(patience))
        started.addCallbacks(self._started, self._start_failed)
        started.addErrback(self._ready_failed)

    def _timed_out(self) -> None:
        if self.phase is Phase.STARTING:
            waiting = ", ".join(self._starter.waiting_for()) or "the tree"
            reason = f"not ready within {self._limits.start:g} s"
            self._fail(StartError(waiting, reason, "see its log, or allow more with --start-timeout"), None)

    def _started(self, _: None) -> None:
        if self.phase is Phase.STARTING:  # no stop overtook it
            self._precursor.take_over(self._reactor, self._count, self._unwanted)

    def _unwanted(self) -> None:
        if self.phase is Phase.STARTING:
            self._fail(StartError("reload", "the running process goes on by itself"), None)

    def _count(self, connections: list[tuple[int, str]]) -> None:
        """From here on this is the process that counts."""
        if self.phase is not Phase.STARTING:
            return
        try:
            self._serve(connections)
        except Exception:  # noqa: BLE001 - what was started could not be called ready: it must not pass for a start
            self._ready_failed(Failure())

    def _serve(self, connections: list[tuple[int, str]]) -> None:
        self._notifier.speak()
        for held in self._listening.unclaimed():
            log.warn("no service listens on {address}, which was passed or bound; closed", address=held.address)
        addresses = self._addresses()
        self._listening.open()
        self._listening.adopt_connections(connections)
        self._go(Event.STARTED, addresses=", ".join(addresses) or "no addresses")
        log.info("ready: {addresses}", addresses=", ".join(addresses) or "it listens nowhere")
        if self._watchdog is not None:
            # From the reactor itself: a thread would hide a stuck one.
            LoopingCall(self._notifier.ping).start(self._watchdog / 2)
        self._retake_signals()
        self._hooks.ready()
        if self._state is not None:
            # After the calls that services made for at once: what they do is still the start.
            self._reactor.callLater(0, self._reactor.callLater, 0, self._state.ready)
            self._reactor.callLater(TRIAL_DELAY, self._try_to_save)

    def _try_to_save(self) -> None:
        if self.phase is Phase.READY and self._reload is None and self._state is not None:
            self._state.trial(self._reactor)

    def _addresses(self) -> list[str]:
        return sorted({address(port.getHost()) for port in self._listening.ports})

    def _start_failed(self, failure: Failure) -> None:
        if self.phase is not Phase.STARTING:  # it took too long, or a stop overtook it
            return
        self._fail(*start_error(failure))

    def _ready_failed(self, failure: Failure) -> None:
        """What was started could not be called ready: it must not pass for a start."""
        self._fail(*start_error(failure))

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
        hangup = self._begin_reload if self._hooks.reload is not None else self._reopen_log
        hangup = self._stop if self._hangup_stops else hangup
        self._retake = signals.handle(
            self._reactor,
            stop=self._stop,
            hangup=hangup,
            reopen=self._reopen_log,
            is_ours=self._hooks.reload is not None,
        )

    def _retake_signals(self) -> None:
        """What the application's start has set: a reload stays ours, and its own stop begins with the last moment."""
        taken = self._retake()
        if taken.hangup:
            log.warn("SIGHUP is a reload of tapd's here; the application's own handler of it is not called")
        for number in taken.stops:
            log.info("the application handles {name} itself", name=number.name)
            signals.before(number, self._take_last)

    def _take_last(self) -> None:
        """The moment before services are told to stop, once."""
        if self._state is not None and not self._has_last:
            self._has_last = True
            self._state.last()

    def _reopen_log(self, name: str) -> None:
        self._hooks.reopen()
        log.info("{name}: log reopened", name=name)

    def _stop(self, name: str) -> None:
        if self.phase in (Phase.STARTING, Phase.READY):
            log.info("{name}: stopping", name=name)
            if self._reload is not None:
                self._reload.abort("the running process was told to stop")
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

    # ---- reloading

    def _begin_reload(self, name: str) -> None:
        assert self._hooks.reload is not None
        caller = self._hooks.caller()
        if self.phase is not Phase.READY or self._reload is not None:
            why = "another one is under way" if self._reload is not None else f"the process is {self.phase}"
            error = AlreadyRunningError("reload", why, "try again when it is ready")
            log.warn("{name}: {error}", name=name, error=str(error))
            caller.tell(error)
            return
        log.info("{name}: starting a successor", name=name)
        try:
            self._reload = self._hooks.reload(lambda error: self._reloaded(error, caller))
        except OSError as error:
            self._reloaded(StartError("reload", f"no successor can be started: {error}"), caller)

    def _reloaded(self, error: TapError | None, caller: Caller) -> None:
        self._reload = None
        caller.tell(error)
        if error is not None:
            log.error("not reloaded, and nothing has changed: {error}", error=str(error))
            self._notifier.status(f"Serving {', '.join(self._addresses())}; the last reload failed: {error}")
            return
        self._state = None  # it is the successor's
        self._end()

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
        self._take_last()
        return self._stop_tree().addCallback(lambda _: self._stopped(was_ready=True))

    def _stop_tree(self) -> Deferred[None]:
        return self._stopper.stop().addCallback(lambda _: disconnect(self._listening.connections, self._reactor))

    def _stopped(self, *, was_ready: bool) -> None:
        if self.phase is not Phase.STOPPING:
            return
        self._go(Event.STOPPED, snapshot="the snapshot")
        if was_ready and self._state is not None:
            with extended(self._notifier):
                log.info("saved {path}", path=self._state.save(False))
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
def _later_when_running(reactor: Any) -> Iterator[list[Callable[[], Any]]]:
    """While open, callWhenRunning waits, as it does under twistd, which starts services before its reactor runs."""
    calls: list[Callable[[], Any]] = []
    own = vars(reactor).get("callWhenRunning")

    def wait(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        calls.append(partial(function, *arguments, **keywords))

    reactor.callWhenRunning = wait
    try:
        yield calls
    finally:
        if own is None:
            del reactor.callWhenRunning
        else:
            reactor.callWhenRunning = own


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
