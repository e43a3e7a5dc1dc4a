"""The files that an application reads when it starts, as far as stock objects name them; it opens none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from tapdaemon.core.tree import walk
from tapdaemon.persist.rules.rebuild import DESCRIPTION

FILE_ARGUMENTS = frozenset({"privateKey", "certKey", "extraCertChain", "dhParameters", "caCertsDir", "trustRoots"})
"""Arguments of Twisted's ssl: and tls: endpoints that name a file (`twisted.internet.endpoints`)."""
_TLS = frozenset({"ssl", "tls"})
"""Kinds of endpoint; one of them may stand behind another (haproxy:ssl:...)."""
_CONTEXT_ATTRIBUTES = ("privateKeyFileName", "certificateFileName")
"""Of `twisted.internet.ssl.DefaultOpenSSLContextFactory`, which reads both when it is loaded, too."""


def absolute(description: str) -> str:
    """An endpoint's description whose files are named from the root: the tap runs in another folder.

    ``ssl:443:privateKey=key.pem`` → ``ssl:443:privateKey=/srv/key.pem``.
    """
    if not any(f"{name}=" in description for name in FILE_ARGUMENTS):
        return description
    return ":".join(_absolute(part) for part in _parts(description))


def _absolute(part: str) -> str:
    name, mark, value = part.partition("=")
    if not mark or name not in FILE_ARGUMENTS or not value:
        return part
    from twisted.internet.endpoints import quoteStringArgument

    return f"{name}={quoteStringArgument(os.path.abspath(_unquoted(value)))}"


def _parts(description: str) -> list[str]:
    """The arguments, still quoted: a colon behind a backslash is none between arguments."""
    parts, start, index = [], 0, 0
    while index < len(description):
        if description[index] == "\\":
            index += 1
        elif description[index] == ":":
            parts.append(description[start:index])
            start = index + 1
        index += 1
    return [*parts, description[start:]]


def _unquoted(value: str) -> str:
    found, quoted = "", False
    for char in value:
        if char == "\\" and not quoted:
            quoted = True
        else:
            found, quoted = found + char, False
    return found


def files(application: Any) -> tuple[str, ...]:
    """Absolute paths, sorted."""
    return tuple(sorted({path for node in walk(application) for path in _of_service(node.service)}))


def modules(application: Any) -> frozenset[str]:
    """Modules that only the parsing of an endpoint's description will import: those for TLS."""
    described = (getattr(getattr(node.service, "endpoint", None), DESCRIPTION, None) for node in walk(application))
    secure = any(found is not None and _TLS & {*_parts(found[1])[:2]} for found in described)
    return frozenset({"twisted.internet.ssl"} if secure else ())


def _of_service(service: Any) -> Iterator[str]:
    described = getattr(getattr(service, "endpoint", None), DESCRIPTION, None)
    if described is not None:
        for part in _parts(described[1]):
            name, _, value = part.partition("=")
            if name in FILE_ARGUMENTS and value:
                yield os.path.abspath(_unquoted(value))
    arguments = getattr(service, "args", ())
    for part in (*(arguments if isinstance(arguments, tuple) else ()), getattr(service, "factory", None)):
        yield from _of_context(part)
        yield from _of_site(part)


def _of_context(factory: Any) -> Iterator[str]:
    for name in _CONTEXT_ATTRIBUTES:
        path = getattr(factory, name, None)
        if isinstance(path, str):
            yield os.path.abspath(path)


def _of_site(factory: Any) -> Iterator[str]:
    """The folder of a `twisted.web.static.File` at a site's root."""
    resource: Any = getattr(factory, "resource", None)
    if any(kind.__name__ == "FilePath" for kind in type(resource).__mro__):
        yield os.path.abspath(os.fsdecode(resource.path))
