"""The life of a running tap as a table; it does nothing itself.

The law: `after` says where an event leads.  An event that a phase does not name is an error of ours; a stop in any
phase before `stopping` leads there, and only a tap that was ready goes through `saving`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    LOADING = "loading"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    SAVING = "saving"
    ENDED = "ended"


class Event(StrEnum):
    LOADED = "loaded"
    STARTED = "started"
    FAILED = "failed"
    STOP = "stop"
    DRAINED = "drained"
    STOPPED = "stopped"
    SAVED = "saved"


_TABLE: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.LOADING, Event.LOADED): Phase.STARTING,
    (Phase.LOADING, Event.FAILED): Phase.ENDED,
    (Phase.STARTING, Event.STARTED): Phase.READY,
    # What was started is stopped in order; a process that was never ready writes no snapshot.
    (Phase.STARTING, Event.FAILED): Phase.STOPPING,
    (Phase.STARTING, Event.STOP): Phase.STOPPING,
    (Phase.READY, Event.STOP): Phase.DRAINING,
    # A second signal hurries: it ends the drain, and what is being stopped or saved goes on to its bound.
    (Phase.DRAINING, Event.STOP): Phase.STOPPING,
    (Phase.DRAINING, Event.DRAINED): Phase.STOPPING,
    (Phase.STOPPING, Event.STOP): Phase.STOPPING,
    (Phase.STOPPING, Event.FAILED): Phase.STOPPING,
    (Phase.STOPPING, Event.STARTED): Phase.STOPPING,
    (Phase.STOPPING, Event.STOPPED): Phase.SAVING,
    (Phase.SAVING, Event.STOP): Phase.SAVING,
    (Phase.SAVING, Event.SAVED): Phase.ENDED,
    (Phase.ENDED, Event.STOP): Phase.ENDED,
}

ANNOUNCEMENTS: Mapping[Phase, str] = {
    Phase.LOADING: "Loading {tap}",
    Phase.STARTING: "Starting {services}",
    Phase.READY: "Serving {addresses}",
    Phase.DRAINING: "Draining {connections}",
    Phase.STOPPING: "Stopping {services}",
    Phase.SAVING: "Saving {snapshot}",
    Phase.ENDED: "Stopped",
}
"""STATUS= of sd_notify(3), as `systemctl status` shows it."""


def after(phase: Phase, event: Event) -> Phase:
    """The phase that an event leads to.

    :raises ValueError: the event cannot happen in that phase.
    """
    following = _TABLE.get((phase, event))
    if following is None:
        raise ValueError(f"{event} while {phase}")
    return following
