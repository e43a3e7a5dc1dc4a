"""The running tap's side of a reload: a successor is started beside it, made ready, and takes over; or nothing changed.

The law: whatever fails before `main` was said is undone: newcomers are accepted again, idle connections read again.
Afterwards nothing of this process is saved any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapdaemon.errors import EX_SOFTWARE, StartError, TapError, words
from tapdaemon.run.adoption import Listening
from tapdaemon.run.channels import channel_of, is_portable
from tapdaemon.run.drain import disconnect, in_flight
from tapdaemon.run.handover import VARIABLE, Channel, Message, Say
from tapdaemon.run.notify import Notifier

log = Logger("tapd")
HANDOVER_LIMIT = 0.5
"""Seconds for which newcomers wait, at most, so that short requests are part of the state that is handed over."""
INTERVAL = 0.002
DISCONNECT_LIMIT = 0.2
Outcome = Callable[[TapError | None], None]


class Reload:
    """One attempt.

    :param command: what starts the successor.
    :param environ: its environment.
    :param save: leaves the snapshot that it goes on from; None where no state is kept.
    :param limit: seconds until the successor has to be ready.
    :param done: told the outcome, once: None if this process is to leave.
    """

    def __init__(
        self,
        reactor: Any,
        listening: Listening,
        notifier: Notifier,
        *,
        command: Sequence[str],
        environ: Mapping[str, str],
        save: Callable[[], str] | None,
        limit: float,
        done: Outcome,
    ) -> None:
        self._reactor = reactor
        self._listening = listening
        self._notifier = notifier
        self._save = save
        self._done = done
        self._frozen: set[Any] = set()
        self._pid = 0
        self._over = False
        self._channel, theirs = Channel.pair()
        try:
            # It forks once more, so that PID 1 is its parent before MAINPID= names it.
            self._process = subprocess.Popen(  # noqa: S603 - ourselves again
                list(command), env=dict(environ) | {VARIABLE: str(theirs)}, pass_fds=[theirs]
            )
        finally:
            os.close(theirs)
        reactor.addReader(self)
        self._patience = reactor.callLater(limit, self._too_late, limit)

    def abort(self, reason: str) -> None:
        """Do without the successor."""
        self._fail(StartError("reload", reason))

    # ---- what the successor says

    def fileno(self) -> int:
        return self._channel.fileno()

    def doRead(self) -> None:  # noqa: N802 - IReadDescriptor's name
        message = self._channel.receive()
        if self._over:  # it took over, and has ended before us
            self._reactor.removeReader(self)
        elif message is None:
            self._fail(StartError("reload", "the successor ended before it was ready", "see the journal"))
        else:
            try:
                self._heard(message)
            except OSError as error:  # it went away while we talked to it
                self._fail(StartError("reload", f"the successor cannot be reached: {error}"))

    def _heard(self, message: Message) -> None:
        if message.say is Say.HELLO:
            self._pid = int(message.value["pid"])
            self._process.wait()
        elif message.say is Say.PREPARED:
            self._freeze()
        elif message.say is Say.READY:
            self._switch()
        elif message.say is Say.FAILED:
            error = StartError("", str(message.value["reason"]))
            error.status = int(message.value["status"]) or EX_SOFTWARE
            self._fail(error)

    # ---- handing over

    def _freeze(self) -> None:
        self._listening.close()
        self._end = self._reactor.seconds() + HANDOVER_LIMIT
        self._settle()

    def _settle(self) -> None:
        """Wait until no short request is in flight; what is between two requests is not read from any more."""
        if self._over:
            return
        busy = False
        for connection in list(self._listening.connections):
            if connection in self._frozen:
                continue
            if is_portable(connection):
                connection.stopReading()
                self._frozen.add(connection)
            elif in_flight(connection):
                busy = True
        if busy and self._reactor.seconds() < self._end:
            self._reactor.callLater(INTERVAL, self._settle)
            return
        # A session that only this process knows would be a ghost in the state: the application sees it go.
        sessions = [
            connection
            for connection in list(self._listening.connections)
            if channel_of(connection) is None and connection.connected and not in_flight(connection)
        ]
        if sessions:
            disconnect(sessions, self._reactor, DISCONNECT_LIMIT).addCallback(lambda _: self._hand_over())
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._over:
            return
        try:
            if self._save is not None:
                log.info("handing {path} over", path=self._save())
            passed = self._listening.descriptors()
            self._channel.send(Say.GO, [fd for fd, _ in passed], names=[name for _, name in passed])
        except TapError as error:
            self._fail(error)
        except OSError as error:
            self._fail(StartError("reload", f"the successor cannot be reached: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, newcomers must not wait for ever
            log.failure("handing over failed")
            self._fail(StartError("reload", f"handing over failed with {words(error)}"))

    def _switch(self) -> None:
        # The manager has to know before the successor speaks to it.
        self._notifier.hand_over(self._pid)
        movable = [connection for connection in self._frozen if connection.connected]
        names = [self._listening.port_name(connection) for connection in movable]
        self._channel.send(Say.MAIN, [connection.fileno() for connection in movable], names=names)
        self._finish()
        self._listening.let_go()
        for connection in movable:
            connection._shouldShutdown = False  # noqa: SLF001 - the successor has it, and shutdown(2) would end it there
            connection.connectionLost(Failure(ConnectionDone()))
        log.info("process {pid} has taken over", pid=self._pid)
        self._done(None)

    # ---- or not

    def _too_late(self, limit: float) -> None:
        self._fail(StartError("reload", f"the successor was not ready within {limit:g} s", "see the journal"))

    def _fail(self, error: TapError) -> None:
        if self._over:
            return
        self._finish()
        self._reactor.removeReader(self)
        self._channel.close()
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        else:
            self._process.kill()
            self._process.wait()
        self._listening.open()
        for connection in self._frozen:
            if connection.connected:
                connection.startReading()
        self._done(error)

    def _finish(self) -> None:
        self._over = True
        if self._patience.active():
            self._patience.cancel()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - IReadDescriptor's name
        """The reactor ends."""

    def logPrefix(self) -> str:  # noqa: N802 - IReadDescriptor's name
        return "successor"
