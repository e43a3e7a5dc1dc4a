"""The files that an application reads when it starts, as far as stock objects name them; it opens none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from tapdaemon.core.tree import walk
from tapdaemon.persist.rules import strings
from tapdaemon.persist.rules.rebuild import DESCRIPTION

_TLS = frozenset({"ssl", "tls"})
"""Kinds of endpoint; one of them may stand behind another (haproxy:ssl:...)."""
_CONTEXT_ATTRIBUTES = ("privateKeyFileName", "certificateFileName")
"""Of `twisted.internet.ssl.DefaultOpenSSLContextFactory`, which reads both when it is loaded, too."""


def files(application: Any) -> tuple[str, ...]:
    """Absolute paths, sorted."""
    return tuple(sorted({path for node in walk(application) for path in _of_service(node.service)}))


def modules(application: Any) -> frozenset[str]:
    """Modules that only the parsing of an endpoint's description will import: those for TLS."""
    described = (getattr(getattr(node.service, "endpoint", None), DESCRIPTION, None) for node in walk(application))
    secure = any(found is not None and _TLS & {*strings.parts(found[1])[:2]} for found in described)
    return frozenset({"twisted.internet.ssl"} if secure else ())


def _of_service(service: Any) -> Iterator[str]:
    described = getattr(getattr(service, "endpoint", None), DESCRIPTION, None)
    if described is not None:
        for part in strings.parts(described[1]):
            name, _, value = part.partition("=")
            if name in strings.FILE_ARGUMENTS and value:
                yield os.path.abspath(strings.unquoted(value))
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
