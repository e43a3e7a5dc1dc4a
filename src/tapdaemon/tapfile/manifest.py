"""The manifest: what a tap declares, as frozen values and as JSON; `schema` reads it back.

It knows nothing of the payload.  Everything that units, packages and `tapctl show` need is here.  The values are
named tuples, as all values that a start meets: a frozen dataclass takes six times as long to make, and a start meets
twenty.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

SCHEMA = 1
MEMBER = "manifest.json"
MANIFEST_MAX = 16 * 2**20
STYLES = ("pickle", "source")
KINDS = ("tcp4", "tcp6", "unix", "udp4", "udp6", "unixgram")
REASONS = ("made", "shutdown", "converted")
SETTABLE = ("logfile", "nodaemon", "pidfile", "prefix", "rundir", "umask")
"""twistd's options that a maker may set for its application: a umask, say."""
CIPHERS = ("AES-256-GCM",)
DERIVATIONS = ("scrypt",)
SEALED = "sealed"
"""The one member of a sealed tap."""


class Process(NamedTuple):
    """Who the application runs as.  None means: whoever the service manager or the caller chose.

    :param options: of tapd, that a maker set among twistd's own while it made the application; see `SETTABLE`.
    """

    name: str
    uid: int | str | None = None
    gid: int | str | None = None
    options: tuple[tuple[str, str], ...] = ()


class Member(NamedTuple):
    """A file inside the tap.  Size in bytes."""

    name: str
    size: int
    sha256: str


class Listen(NamedTuple):
    """An address that a service listens on, written out in full.

    :param host: a numeric IP address; empty for the UNIX kinds.
    :param port: 0 to 65535; 0 lets the kernel choose.
    :param path: the absolute path of a UNIX socket.
    :param mode: its permission bits.
    :param service: the path of the service through the tree.
    """

    kind: str
    service: str
    host: str = ""
    port: int = 0
    path: str = ""
    mode: int = 0o666
    backlog: int = 50

    @property
    def address(self) -> str:
        """The address as a person writes it: ``tcp4:0.0.0.0:80``, ``tcp6:[::]:80``, ``unix:/run/x``."""
        if self.path:
            return f"{self.kind}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}:{host}:{self.port}"


class Service(NamedTuple):
    """One line of the service tree's outline."""

    path: str
    type: str


class Needs(NamedTuple):
    """What the application needs of its host.

    :param files: files and folders that it reads, absolute.
    :param writable: folders outside its state folder that it writes.
    :param orphans: top-level modules that neither the tap nor a distribution has.
    """

    listen: tuple[Listen, ...] = ()
    files: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    distributions: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


class Step(NamedTuple):
    """One maker with the arguments that its options were parsed from, or a Python file."""

    maker: str
    arguments: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """How the application was made, and how it can be made anew.

    :param steps: makers in the order in which their services were added.
    :param python: the module in code/ that a .tac became, where the first step was one.
    :param folder: the working folder, absolute; relative options mean files below it.
    """

    steps: tuple[Step, ...] = ()
    python: str | None = None
    folder: str = "/"


class Lineage(NamedTuple):
    """Where a tap comes from.

    :param likeness: of a base that its recipe alone made: the digest of what the recipe gives under a stopped clock.
    :param base: the content (see `content`) of the base that a snapshot was taken from; empty in a base.
    :param keeps: the contents whose snapshots this base goes on from, beside its own.
    :param moved: attributes, by their way through the graph, that this base declares anew over such a snapshot.
    :param generation: 0 for a base, then one more for each snapshot.
    :param time: seconds since the epoch.
    :param writer: the program and version that wrote it.
    """

    reason: str = "made"
    likeness: str = ""
    base: str = ""
    keeps: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    generation: int = 0
    time: int = 0
    writer: str = ""


class Seal(NamedTuple):
    """How a sealed tap is closed: AES-256-GCM (NIST SP 800-38D) with a key that scrypt (RFC 7914) derives.

    :param n: scrypt's cost, a power of two; with `r`, 128 * n * r bytes of memory.
    :param r: its block size.  p: its parallelization.
    :param salt: of scrypt, in hex.
    :param nonce: of AES-GCM, in hex: never twice with one key.
    """

    n: int
    r: int
    p: int
    salt: str
    nonce: str
    cipher: str = CIPHERS[0]
    derivation: str = DERIVATIONS[0]


class Manifest(NamedTuple):
    """A tap's description of itself.

    :param keeps: ``graph``, or ``recipe`` where the graph is not enough.
    :param forced: what of the application forced that, a line each.
    :param seal: of a sealed tap, whose one member holds the whole tap; then this is only what its units need.
    """

    process: Process
    style: str = "pickle"
    members: tuple[Member, ...] = ()
    services: tuple[Service, ...] = ()
    needs: Needs = Needs()
    recipe: Recipe | None = None
    keeps: str = "graph"
    forced: tuple[str, ...] = ()
    lineage: Lineage = Lineage()
    seal: Seal | None = None

    @property
    def payload(self) -> Member:
        """The member that holds the application."""
        return next(member for member in self.members if member.name == payload_name(self.style))

    @property
    def content(self) -> str:
        """What makes a tap the tap it is: SHA-256 over recipe, payload (or its likeness) and code, not over times.

        A snapshot names the content of its base; making the same tap again gives the same content, so the state stays.
        The style that a payload stands in is no part of it where there is a likeness.
        """
        recipe = None if self.recipe is None else _plain(self.recipe)
        payload = payload_name(self.style)
        members = sorted(
            ("", self.lineage.likeness or member.sha256) if member.name == payload else (member.name, member.sha256)
            for member in self.members
        )
        text = json.dumps([recipe, members], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON has it: named tuples as objects, their parts likewise."""
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def payload_name(style: str) -> str:
    return f"application.{style}"


def dump(manifest: Manifest) -> bytes:
    """The manifest as JSON, the same bytes for the same values."""
    value: dict[str, Any] = {"tap": SCHEMA} | _plain(manifest)
    value["needs"]["distributions"] = dict(manifest.needs.distributions)
    value["process"]["options"] = dict(manifest.process.options)
    return json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"
