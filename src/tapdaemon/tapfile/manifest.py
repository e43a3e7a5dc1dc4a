"""The manifest: what a tap declares, as frozen values and as JSON; `schema` reads it back.

It knows nothing of the objects.  Everything that units, packages and `tapctl show` need is here.  The values are
named tuples, as all values that a start meets: a frozen dataclass takes six times as long to make, and a start meets
twenty.
"""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import hashlib
import json
from typing import Any, NamedTuple

SCHEMA = 2
MEMBER = "manifest.json"
MANIFEST_MAX = 16 * 2**20
STYLES = ("pickle", "source")
KINDS = ("tcp4", "tcp6", "unix", "udp4", "udp6", "unixgram")
REASONS = ("made", "shutdown", "reload", "converted")
BASES = ("recipe", "graph", "file")
"""How the base is made: the recipe is followed, the graph is loaded, or it is a file that Twisted itself wrote."""
SETTABLE = ("logfile", "nodaemon", "pidfile", "prefix", "rundir", "umask")
"""twistd's options that a maker may set for its application: a umask, say."""
CIPHERS = ("AES-256-GCM",)
DERIVATIONS = ("scrypt",)
TOP = "(top level)"
"""The service that is named for an address that the making itself listens on."""
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
    :param environment: the environment variables that its making read.
    :param orphans: top-level modules that neither the tap nor a distribution has.
    """

    listen: tuple[Listen, ...] = ()
    files: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    distributions: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


class Step(NamedTuple):
    """One maker with the arguments that its options were parsed from.

    :param plugin: where the maker was found, ``module:attribute``, so that a start looks at no other plugin.
    """

    maker: str
    arguments: tuple[str, ...] = ()
    plugin: str = ""


class Recipe(NamedTuple):
    """How the application was made, and how it can be made anew.

    :param steps: makers in the order in which their services were added.
    :param python: the module in code/ that a .tac became, where the first step was one.
    :param path: of that .tac when it was run, absolute: its ``__file__``.
    :param folder: the working folder, absolute; relative options mean files below it.
    :param reactor: the short name of the reactor that it chose itself; empty where it chose none.
    """

    steps: tuple[Step, ...] = ()
    python: str | None = None
    path: str = ""
    folder: str = "/"
    reactor: str = ""


class LeftOut(NamedTuple):
    """Something that could not be kept, named once for its place.

    :param place: its way from the application: service names, attributes, keys.
    :param type: the class of the object, with its module; empty where there is no object.
    :param where: where that class or function is defined, ``file:line``; empty where nothing tells.
    :param reason: why, and what to do.
    """

    place: str
    type: str
    where: str
    reason: str

    def __str__(self) -> str:
        what = f" ({self.type}{f', {self.where}' if self.where else ''})" if self.type else ""
        return f"{self.place}{what}: {self.reason}"


class Lineage(NamedTuple):
    """Where a tap comes from.

    :param base: the content (see `content`) of the base that a snapshot was taken from; empty in a base.
    :param generation: 0 for a base, then one more for each snapshot.
    :param time: seconds since the epoch.
    :param writer: the program and version that wrote it.
    """

    reason: str = "made"
    base: str = ""
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

    :param base: how the base is made, one of `BASES`.
    :param left_out: what could not be kept: of a base what its graph lacks, of a snapshot what changed in vain.
    :param forgets: places whose changes no snapshot keeps.
    :param seal: of a sealed tap, whose one member holds the whole tap; then this is only what its units need.
    """

    process: Process
    style: str = "pickle"
    members: tuple[Member, ...] = ()
    services: tuple[Service, ...] = ()
    needs: Needs = Needs()
    recipe: Recipe | None = None
    base: str = "graph"
    left_out: tuple[LeftOut, ...] = ()
    forgets: tuple[str, ...] = ()
    lineage: Lineage = Lineage()
    seal: Seal | None = None

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)

    @property
    def graph(self) -> Member | None:
        """The member that holds the application's saved objects, where they could be saved."""
        return self.member(graph_name(self.style))

    @property
    def changes(self) -> Member | None:
        """The member that holds the change set, in a snapshot."""
        return self.member(changes_name(self.style))

    @property
    def content(self) -> str:
        """What makes a base the base it is: SHA-256 over how it is made, its code, and its graph where that is loaded.

        A snapshot names the content of its base.  Times, and the graph beside a recipe, are no part of it.
        """
        recipe = None if self.recipe is None else _plain(self.recipe)
        members = sorted(
            (member.name, member.sha256)
            for member in self.members
            if member.name.startswith("code/") or (self.base == "graph" and member == self.graph)
        )
        text = json.dumps([self.base, recipe, members], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def is_same_application(one: Manifest, other: Manifest) -> bool:
    """Whether two taps are one application, older and newer: the same .tac, the same makers, the same tree.

    A maker that was added or taken away leaves it the same; another .tac, or makers of which none is shared, do not.
    Where one has no recipe (`tapdaemon.save` wrote it, or a service was added to its graph) the trees decide: one
    service of the same path and type is enough.
    """
    first, second = _origins(one.recipe), _origins(other.recipe)
    if first and second:
        return bool(first & second)
    if not one.services or not other.services:
        return one.process.name == other.process.name
    return bool({*one.services} & {*other.services})


def _origins(recipe: Recipe | None) -> set[str]:
    """What a recipe makes the application from: the module of its .tac, or else the names of its makers."""
    if recipe is None:
        return set()
    return {f"{recipe.python}.py"} if recipe.python else {step.maker for step in recipe.steps}


def _plain(value: Any) -> Any:
    """A value as JSON has it: named tuples as objects, their parts likewise."""
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def graph_name(style: str) -> str:
    return f"application.{style}"


def changes_name(style: str) -> str:
    return f"changes.{style}"


def dump(manifest: Manifest) -> bytes:
    """The manifest as JSON, the same bytes for the same values."""
    value: dict[str, Any] = {"tap": SCHEMA} | _plain(manifest)
    value["needs"]["distributions"] = dict(manifest.needs.distributions)
    value["process"]["options"] = dict(manifest.process.options)
    return json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"
