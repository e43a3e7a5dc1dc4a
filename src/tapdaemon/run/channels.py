"""What Twisted's HTTP channels say of themselves: whether a request is open, and which request is to be the last.

Everything here reads attributes of `twisted.web.http.HTTPChannel` and its HTTP/2 sibling that have no public name; they
are the same from Twisted 22.4 on.
"""

from __future__ import annotations

from typing import Any


def channel_of(connection: Any) -> Any:
    """The HTTP channel that a connection carries, in TLS or plain; None for any other protocol."""
    protocol: Any = getattr(connection, "protocol", None)
    while hasattr(protocol, "wrappedProtocol"):  # TLS and policy wrappers
        protocol = protocol.wrappedProtocol
    channel = getattr(protocol, "_channel", None)
    return channel if hasattr(channel, "requests") or hasattr(channel, "streams") else None


def is_busy(channel: Any) -> bool:
    """Whether an answer is owed, or part of a request has come."""
    if hasattr(channel, "streams"):  # HTTP/2
        return bool(channel.streams)
    return bool(channel.requests or channel._buffer or channel._dataBuffer)  # noqa: SLF001 - see above


def is_portable(connection: Any) -> bool:
    """Whether another process can go on with a connection, having only its descriptor.

    That is HTTP/1 without TLS, between two requests, with nothing left to send.
    """
    channel = getattr(getattr(connection, "protocol", None), "_channel", None)
    return (
        hasattr(channel, "requests")
        and bool(connection.connected)
        and not (connection.disconnecting or is_busy(channel))
        and not (connection.dataBuffer or getattr(connection, "_tempDataBuffer", None))
    )


def make_last(channel: Any) -> None:
    """Answer the request at hand, or the next one, with ``Connection: close`` (RFC 9112, 9.6).

    A response whose headers are out already promised that the connection stays: then it is the next one.
    """
    if not hasattr(channel, "requests"):
        return  # HTTP/2 says GOAWAY when it is closed
    channel.checkPersistence = _refuse_to_persist
    if channel.requests and not channel.requests[-1].startedWriting:
        _refuse_to_persist(channel.requests[-1], b"HTTP/1.1")
        channel.persistent = False


def _refuse_to_persist(request: Any, version: bytes) -> bool:
    del version
    request.responseHeaders.setRawHeaders(b"connection", [b"close"])
    return False
