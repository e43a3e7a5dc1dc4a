"""Which reactor runs, and how: as it is, under a profiler, in the debugger; it knows no application.

The law: this is imported after detaching, for an epoll reactor that was made before spins for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tapdaemon.errors import UnknownNameError, UnloadableError
from tapdaemon.run.options import Options


def install(name: str | None) -> Any:
    """The reactor of that name, or the default one; from here on it is imported.

    :raises UnknownNameError: Twisted knows no such reactor.
    :raises UnloadableError: it cannot be had here.
    """
    if name is not None:
        from twisted.application import reactors

        try:
            reactors.installReactor(name)
        except reactors.NoSuchReactor as error:
            known = sorted(kind.shortName for kind in reactors.getReactorTypes())
            raise UnknownNameError("reactor", name, known) from error
        except Exception as error:
            raise UnloadableError(f"reactor {name}", f"cannot be installed: {error}", "see --help-reactors") from error
    from twisted.internet import reactor

    return reactor


def loop(options: Options, reactor: Any) -> Callable[[], None]:
    """How the reactor is run: as it is, or as -p, -b and --spew ask.

    :raises UnknownNameError: no such profiler.
    """
    if options.spew:
        from twisted.python.util import spewer

        sys.settrace(spewer)
    if options.profile is not None:
        from twisted.application.app import AppProfiler

        if options.profiler.lower() not in AppProfiler.profilers:
            raise UnknownNameError("profiler", options.profiler, sorted(AppProfiler.profilers))
        settings = {"profile": options.profile, "savestats": options.savestats, "profiler": options.profiler}
        profiler = AppProfiler(settings)
        return lambda: profiler.run(reactor)
    if options.debug:
        import pdb  # noqa: T100 - what -b asks for

        from twisted.python.failure import startDebugMode

        startDebugMode()
        return lambda: pdb.runcall(reactor.run)
    run_it: Callable[[], None] = reactor.run
    return run_it
