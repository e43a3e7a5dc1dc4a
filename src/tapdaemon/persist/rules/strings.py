"""Endpoint descriptions as `twisted.internet.endpoints` reads them: their arguments, and the files that they name."""

from __future__ import annotations

import os

from tapdaemon.tapfile.addresses import parts, unquoted

__all__ = ["FILE_ARGUMENTS", "absolute", "parts", "unquoted"]

FILE_ARGUMENTS = frozenset({"privateKey", "certKey", "extraCertChain", "dhParameters", "caCertsDir", "trustRoots"})
"""Arguments of Twisted's ssl: and tls: endpoints that name a file (`twisted.internet.endpoints`)."""


def absolute(description: str) -> str:
    """An endpoint's description whose files are named from the root: the tap runs in another folder.

    ``ssl:443:privateKey=key.pem`` → ``ssl:443:privateKey=/srv/key.pem``.
    """
    if not any(f"{name}=" in description for name in FILE_ARGUMENTS):
        return description
    return ":".join(_absolute(part) for part in parts(description))


def _absolute(part: str) -> str:
    name, mark, value = part.partition("=")
    if not mark or name not in FILE_ARGUMENTS or not value:
        return part
    from twisted.internet.endpoints import quoteStringArgument

    return f"{name}={quoteStringArgument(os.path.abspath(unquoted(value)))}"
