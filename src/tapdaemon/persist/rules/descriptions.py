"""Lets endpoints remember the strings they were made from, and contexts their options; it knows nothing of taps.

`watch` must run before the modules that import serverFromString by name are imported.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from tapdaemon.persist.rules.rebuild import DESCRIPTION, OPTIONS
from tapdaemon.persist.rules.strings import absolute


class LateServerEndpoint:
    """A server endpoint that is parsed when it listens: systemd: looks its descriptor up when parsed."""

    def __init__(self, reactor: Any, description: str) -> None:
        self._reactor = reactor
        self._description = description
        setattr(self, DESCRIPTION, ("server", description))

    def listen(self, factory: Any) -> Any:
        return _ORIGINALS["serverFromString"](self._reactor, self._description).listen(factory)


_ORIGINALS: dict[str, Any] = {}


def watch() -> None:
    """From here on every endpoint made from a string remembers it.  Safe to call again."""
    from twisted.internet import endpoints, interfaces
    from zope.interface import classImplements

    if _ORIGINALS:
        return
    classImplements(LateServerEndpoint, interfaces.IStreamServerEndpoint)
    for name, ours in (("serverFromString", server_from_string), ("clientFromString", client_from_string)):
        original = _ORIGINALS[name] = getattr(endpoints, name)
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get(name) is original:
                setattr(module, name, ours)
    _watch_contexts(sys.modules.get("twisted.internet._sslverify"))


def _watch_contexts(module: Any) -> None:
    """Before Twisted 26 a client's settings of TLS hold a context alone, and that has no value."""
    if module is None:
        return
    make = module.OpenSSLCertificateOptions._makeContext  # noqa: SLF001 - the only place where a context is made

    def made(options: Any) -> Any:
        context = make(options)
        setattr(context, OPTIONS, options)
        return context

    module.OpenSSLCertificateOptions._makeContext = made  # noqa: SLF001 - the same


def server_from_string(reactor: Any, description: str) -> Any:
    """`twisted.internet.endpoints.serverFromString`, remembered."""
    watch()
    description = absolute(description)
    if description.startswith("systemd:"):
        return LateServerEndpoint(reactor, description)
    return _remember(_ORIGINALS["serverFromString"](reactor, description), "server", description)


def client_from_string(reactor: Any, description: str) -> Any:
    """`twisted.internet.endpoints.clientFromString`, remembered."""
    watch()
    description = absolute(description)
    return _remember(_ORIGINALS["clientFromString"](reactor, description), "client", description)


def _remember(endpoint: Any, side: str, description: str) -> Any:
    # A third party's endpoint with slots is saved by value instead.
    with contextlib.suppress(AttributeError, TypeError):
        setattr(endpoint, DESCRIPTION, (side, description))
    return endpoint
