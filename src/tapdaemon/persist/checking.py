"""The check behind `mktap --keep graph`: the graph, loaded in a fresh process, against the application as made.

What the making did to its process beside the objects (observers, handlers, settings, calls to the reactor) is no part
of a graph.  The list of such facts is not complete, as none can be; that is why a recipe is followed unless one asks.
"""

from __future__ import annotations

import base64
import enum
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tapdaemon.errors import FOREIGN, TapError, words
from tapdaemon.persist import images
from tapdaemon.persist.codec import styles
from tapdaemon.tapfile.container import TapImage, decode, encode
from tapdaemon.tapfile.graph import comparison, symbols

LIMIT = 120.0
FOLDER, UMASK, PATH = "the working folder", "the umask", "the path of modules"
Facts = dict[str, str]


def of(image: TapImage, asked: Iterable[str], before: Mapping[str, str]) -> list[str]:
    """What of the application its graph lacks, a line each.

    :param asked: what its making asked of the reactor.
    :param before: the facts of this process before the making.
    """
    found = [f"its making called reactor.{name}, and a graph does not" for name in dict.fromkeys(asked)]
    command = [sys.executable, "-c", "from tapdaemon.persist.checking import main; main()"]
    # As a start would find it: what the making set in this process is not handed down.
    environment = {name[1:]: value for name, value in before.items() if name.startswith("$")}
    done = subprocess.run(  # noqa: S603 - ourselves again
        command,
        input=encode(image),
        capture_output=True,
        timeout=LIMIT,
        check=False,
        env=environment | {"PYTHONPATH": before[PATH]},
        cwd=before[FOLDER],
        umask=int(before[UMASK], 8),
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return [*found, f"loading it failed: {lines[-1] if lines else f'status {done.returncode}'}"]
    told = json.loads(done.stdout)
    if told["failure"]:
        return [*found, told["failure"]]
    there = symbols.read(base64.b64decode(told["payload"]))
    assert image.graph is not None
    here = symbols.read(styles.codec(image.manifest.style).decode(image.graph))
    found += [f"{one.way}: {comparison.change(one)}" for one in comparison.differences(here, there)]
    now = facts()
    found += [
        f"{name} was {value!r} when it was made; where its graph is loaded it is {told['facts'].get(name, 'not set')!r}"
        for name, value in now.items()
        if before.get(name) != value and told["facts"].get(name) != value
    ]
    found += [f"{name} was taken away when it was made" for name in before if name not in now]
    return found


def main() -> None:
    """In the fresh process: loads the tap on standard input, and says what it is then."""
    answer: dict[str, Any] = {"failure": "", "payload": "", "facts": {}}
    _default_signals()
    try:
        image = decode(sys.stdin.buffer.read(), "it")
        payload, _, left = images.graph(images.base(image, "it"), "pickle")
        answer["payload"] = base64.b64encode(payload).decode()
        answer["failure"] = "; ".join(map(str, left))
        answer["facts"] = facts()
    except TapError as error:
        answer["failure"] = f"{error.subject.removeprefix('it: ')}: {error.reason}"
    except FOREIGN as error:
        answer["failure"] = words(error)
    sys.stdout.write(json.dumps(answer))


def _default_signals() -> None:
    """What the making ignores was handed down; Python itself ignores two of them."""
    import signal

    for one in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(one) == signal.SIG_IGN:
            signal.signal(one, signal.SIG_DFL)


def facts() -> Facts:
    """What a making may change in its process, by name: those facts that can be told from outside."""
    import decimal
    import locale
    import logging
    import mimetypes
    import signal
    import socket
    import time
    import warnings

    from twisted.logger import globalLogPublisher
    from twisted.python.components import getRegistry

    found: Facts = {
        FOLDER: os.getcwd(),
        PATH: os.pathsep.join(path for path in sys.path if path),
        "the time zone": str(time.tzname),
        "the locale": str(locale.setlocale(locale.LC_ALL)),
        "the precision of decimals": str(decimal.getcontext().prec),
        "socket.setdefaulttimeout": str(socket.getdefaulttimeout()),
        "sys.setrecursionlimit": str(sys.getrecursionlimit()),
        "the warnings filters": str(len(warnings.filters)),
        "mimetypes": str(len(mimetypes.types_map)),
        "the log's observers": str(sorted(_name(one) for one in globalLogPublisher._observers)),  # noqa: SLF001 - no other list
        "logging's handlers": str(sorted(_name(one) for one in logging.getLogger().handlers)),
        "threads": str(sorted(_name(one) for one in threading.enumerate())),
        "sys.excepthook": _name(sys.excepthook),
        "threading.excepthook": _name(threading.excepthook),
        "registered adapters": str(len(list(getRegistry().allRegistrations()))),
        UMASK: oct(_umask()),
    }
    found |= {f"the handler of {one.name}": _name(signal.getsignal(one)) for one in signal.Signals}
    return found | {f"${name}": value for name, value in os.environ.items()}


def _name(value: Any) -> str:
    if isinstance(value, enum.Enum):  # SIG_IGN and SIG_DFL are of one class
        return value.name
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found
