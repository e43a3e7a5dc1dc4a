"""A failed start in words: which service, what it could not have, what to do; it stops nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapdaemon.core.starting import ServiceStartError
from tapdaemon.errors import StartError, TapError, words
from tapdaemon.run.sockets import address_error


def start_error(failure: Failure) -> tuple[TapError, Failure | None]:
    """The error to tell, and what belongs in the log with its traceback, if anything does."""
    value = failure.value
    if isinstance(value, TapError):
        return value, None
    if isinstance(value, ServiceStartError):
        cause = value.failure
        assert cause.value is not None
        return _of_service(value.path, cause.value), None if isinstance(cause.value, CannotListenError) else cause
    return StartError("tapd", f"failed to start: {value}"), failure


def unforeseen(error: Exception) -> TapError:
    """A fault of ours, being handled: its traceback goes to the log, the caller has one message."""
    Logger("tapd").failure("tapd failed")
    return StartError("tapd", f"failed with {words(error)}", "the log has the traceback; report it")


def _of_service(path: str, cause: BaseException) -> TapError:
    if isinstance(cause, TapError):
        return cause
    if isinstance(cause, CannotListenError):
        host, port = cause.interface or "", cause.port
        address = f"tcp4:{host or '0.0.0.0'}:{port}" if isinstance(port, int) else f"unix:{port}"  # noqa: S104 - shown
        if ":" in host:
            address = f"tcp6:[{host}]:{port}"
        reason = cause.socketError
        return address_error(path, address, reason if isinstance(reason, OSError) else OSError(str(reason)))
    return StartError(path, f"failed to start with {words(cause)}", "the log has the traceback")


def address(host: Any) -> str:
    """A port's own address, as a manifest writes it."""
    name = getattr(host, "name", None)
    if name is not None:
        return f"unix:{name.decode() if isinstance(name, bytes) else name}"
    family = "tcp6" if ":" in host.host else "tcp4"
    shown = f"[{host.host}]" if ":" in host.host else host.host
    return f"{family}:{shown}:{host.port}"
