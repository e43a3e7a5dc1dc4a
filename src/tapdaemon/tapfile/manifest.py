"""The manifest: what a tap declares, as frozen values.

Read from JSON and written to it.  It knows nothing of the payload.

Everything that units, packages and `tapctl show` need is here, typed and bounded once for everyone.  The values are
named tuples, as all values that a start meets: a frozen dataclass takes six times as long to make, and a start meets
twenty.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tapdaemon.errors import SchemaError
from tapdaemon.tapfile import fields
from tapdaemon.tapfile.fields import Reader

SCHEMA = 1
MEMBER = "manifest.json"
MANIFEST_MAX = 16 * 2**20
STYLES = ("pickle", "source")
KINDS = ("tcp4", "tcp6", "unix", "udp4", "udp6", "unixgram")
REASONS = ("made", "shutdown", "converted")


class Process(NamedTuple):
    """Who the application runs as.  None means: whoever the service manager or the caller chose."""

    name: str
    uid: int | str | None = None
    gid: int | str | None = None


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


class Manifest(NamedTuple):
    """A tap's description of itself.

    :param keeps: ``graph``, or ``recipe`` where the graph is not enough.
    :param forced: what of the application forced that, a line each.
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

    @property
    def payload(self) -> Member:
        """The member that holds the application."""
        return next(member for member in self.members if member.name == payload_name(self.style))

    @property
    def content(self) -> str:
        """What makes a tap the tap it is: SHA-256 over recipe, payload (or its likeness) and code, not over times.

        A snapshot names the content of its base; making the same tap again gives the same content, so the state stays.
        """
        recipe = None if self.recipe is None else _plain(self.recipe)
        payload = payload_name(self.style)
        members = sorted(
            (member.name, self.lineage.likeness if member.name == payload and self.lineage.likeness else member.sha256)
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
    return json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"


def parse(data: bytes) -> Manifest:
    """Read a manifest.

    :raises SchemaError: it is not JSON, of another schema version, or a value is out of its type or bounds.
    """
    try:
        value = json.loads(data, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise SchemaError(MEMBER, f"not JSON ({error})") from None
    root = Reader(value, "")
    version = root.integer("tap", 1, 2**31)
    if version != SCHEMA:
        raise SchemaError(
            MEMBER,
            f"schema version {version} is not the version {SCHEMA} that this tapdaemon reads",
            "run it with the tapdaemon that wrote it, or make it again with mktap",
        )
    manifest = Manifest(
        process=_process(root.child("process")),
        style=root.choice("style", STYLES),
        members=root.items("members", _member),
        services=root.items("services", _service),
        needs=_needs(root.child("needs")),
        recipe=_recipe(root.child("recipe")) if root.has("recipe") else None,
        keeps=root.choice("keeps", ("graph", "recipe")),
        forced=root.texts("forced") if root.has("forced") else (),
        lineage=_lineage(root.child("lineage")),
    )
    names = [member.name for member in manifest.members]
    if len(set(names)) != len(names):
        raise SchemaError("members", "a member is listed twice")
    if payload_name(manifest.style) not in names:
        raise SchemaError("members", f"{payload_name(manifest.style)} is not among them")
    return manifest


def _no_doubles(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _process(reader: Reader) -> Process:
    return Process(reader.text("name", 255), reader.identity("uid"), reader.identity("gid"))


def _member(value: Any, where: str) -> Member:
    reader = Reader(value, where)
    name = reader.text("name", 1024)
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in name:
        raise SchemaError(where, f"{name!a} is no relative path inside the tap")
    return Member(name, reader.integer("size", 0, 2**40), reader.pattern("sha256", fields.SHA256, "a SHA-256 in hex"))


def _service(value: Any, where: str) -> Service:
    reader = Reader(value, where)
    return Service(reader.text("path"), reader.text("type"))


def _listen(value: Any, where: str) -> Listen:
    reader = Reader(value, where)
    kind = reader.choice("kind", KINDS)
    service = reader.text("service")
    backlog = reader.integer("backlog", 0, 2**31 - 1)
    if kind.startswith("unix"):
        path = reader.path("path")
        return Listen(kind, service, path=path, mode=reader.integer("mode", 0, 0o777), backlog=backlog)
    host = _ip_address(reader, 6 if kind.endswith("6") else 4)
    return Listen(kind, service, host=host, port=reader.integer("port", 0, 65535), backlog=backlog)


def _ip_address(reader: Reader, version: int) -> str:
    # socket rather than ipaddress: it is loaded anyway where it matters, and knows scoped addresses.
    import socket

    host = reader.text("host", 255)
    try:
        socket.inet_pton(socket.AF_INET6 if version == 6 else socket.AF_INET, host.partition("%")[0])  # noqa: PLR2004
    except OSError:
        raise SchemaError(f"{reader.where}.host", f"{host!a} is no IPv{version} address") from None
    return host


def _needs(reader: Reader) -> Needs:
    return Needs(
        listen=reader.items("listen", _listen),
        files=reader.items("files", fields.path),
        writable=reader.items("writable", fields.path) if reader.has("writable") else (),
        distributions=reader.mapping("distributions"),
        modules=reader.texts("modules"),
        orphans=reader.texts("orphans") if reader.has("orphans") else (),
    )


def _step(value: Any, where: str) -> Step:
    reader = Reader(value, where)
    return Step(reader.text("maker", 255), reader.texts("arguments"))


def _recipe(reader: Reader) -> Recipe:
    return Recipe(reader.items("steps", _step), reader.optional_text("python"), reader.path("folder"))


def _lineage(reader: Reader) -> Lineage:
    def content(value: Any, where: str) -> str:
        text = fields.text(value, where)
        if text and not fields.SHA256.match(text):
            raise SchemaError(where, f"{text!a} is no SHA-256 in hex")
        return text

    return Lineage(
        reason=reader.choice("reason", REASONS),
        likeness=content(reader.text("likeness"), f"{reader.where}.likeness"),
        base=content(reader.text("base"), f"{reader.where}.base"),
        keeps=reader.items("keeps", content),
        moved=reader.texts("moved"),
        generation=reader.integer("generation", 0, 2**53),
        time=reader.integer("time", 0, 2**40),
        writer=reader.text("writer", 255),
    )
