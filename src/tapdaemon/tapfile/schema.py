"""Reads a manifest: every value of it typed and bounded here, once for everyone.

It opens no file, and believes nothing of what a manifest says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tapdaemon.errors import SchemaError
from tapdaemon.tapfile import fields
from tapdaemon.tapfile.fields import Reader
from tapdaemon.tapfile.manifest import (
    BASES,
    CIPHERS,
    DERIVATIONS,
    KINDS,
    MEMBER,
    REASONS,
    SCHEMA,
    SEALED,
    SETTABLE,
    STYLES,
    LeftOut,
    Lineage,
    Listen,
    Manifest,
    Member,
    Needs,
    Process,
    Recipe,
    Seal,
    Service,
    Step,
    changes_name,
    graph_name,
)

_SALT = re.compile(r"(?:[0-9a-f]{2}){16,64}\Z")
_UMASK = re.compile(r"[0-7]{1,3}\Z")
_NONCE = re.compile(r"[0-9a-f]{24}\Z")


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
            "make the tap again with mktap; a snapshot of that version cannot be resumed, so move it away",
        )
    manifest = Manifest(
        process=_process(root.child("process")),
        style=root.choice("style", STYLES),
        members=root.items("members", _member),
        services=root.items("services", _service),
        needs=_needs(root.child("needs")),
        recipe=_recipe(root.child("recipe")) if root.has("recipe") else None,
        base=root.choice("base", BASES),
        left_out=root.items("left_out", _left_out),
        forgets=root.texts("forgets"),
        lineage=_lineage(root.child("lineage")),
        seal=_seal(root.child("seal")) if root.has("seal") else None,
    )
    _check_members(manifest)
    return manifest


def _check_members(manifest: Manifest) -> None:
    names = [member.name for member in manifest.members]
    if len(set(names)) != len(names):
        raise SchemaError("members", "a member is listed twice")
    if manifest.seal is not None:
        if names != [SEALED]:
            raise SchemaError("members", f"a sealed tap has one, {SEALED}")
        return
    known = {graph_name(manifest.style), changes_name(manifest.style)}
    strange = next((name for name in names if name not in known and not name.startswith("code/")), None)
    if strange is not None:
        raise SchemaError("members", f"{strange!a} is no member of a tap in style {manifest.style}")
    if manifest.base == "graph" and manifest.graph is None:
        raise SchemaError("members", f"{graph_name(manifest.style)} is not among them, and the base is made from it")
    if manifest.base == "recipe" and (manifest.recipe is None or not (manifest.recipe.steps or manifest.recipe.python)):
        raise SchemaError("recipe", "it names no maker and no Python file, and the base is made from it")


def _no_doubles(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _process(reader: Reader) -> Process:
    options = reader.mapping("options") if reader.has("options") else ()
    unknown = [name for name, _ in options if name not in SETTABLE]
    if unknown:
        raise SchemaError(f"{reader.where}.options", f"{unknown[0]!a} is none of {', '.join(SETTABLE)}")
    umask = dict(options).get("umask", "0")
    if not _UMASK.match(umask):
        raise SchemaError(f"{reader.where}.options.umask", f"{umask!a} is no octal number up to 777")
    return Process(reader.text("name", 255), reader.identity("uid"), reader.identity("gid"), options)


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
        writable=reader.items("writable", fields.path),
        environment=reader.texts("environment"),
        distributions=reader.mapping("distributions"),
        modules=reader.texts("modules"),
        orphans=reader.texts("orphans"),
    )


def _step(value: Any, where: str) -> Step:
    reader = Reader(value, where)
    return Step(reader.text("maker", 255), reader.texts("arguments"), reader.text("plugin"))


def _left_out(value: Any, where: str) -> LeftOut:
    reader = Reader(value, where)
    return LeftOut(reader.text("place"), reader.text("type"), reader.text("where"), reader.text("reason"))


def _recipe(reader: Reader) -> Recipe:
    path = reader.text("path")
    return Recipe(
        reader.items("steps", _step),
        reader.optional_text("python"),
        reader.path("path") if path else "",
        reader.path("folder"),
        reader.text("reactor", 255),
    )


def _lineage(reader: Reader) -> Lineage:
    def content(value: Any, where: str) -> str:
        text = fields.text(value, where)
        if text and not fields.SHA256.match(text):
            raise SchemaError(where, f"{text!a} is no SHA-256 in hex")
        return text

    return Lineage(
        reason=reader.choice("reason", REASONS),
        base=content(reader.text("base"), f"{reader.where}.base"),
        generation=reader.integer("generation", 0, 2**53),
        time=reader.integer("time", 0, 2**40),
        writer=reader.text("writer", 255),
    )


def _seal(reader: Reader) -> Seal:
    """Bounded, so that nobody's file makes scrypt take all memory: at most 1 GiB, and 32 times the work of ours."""
    found = Seal(
        n=reader.integer("n", 2, 2**20),
        r=reader.integer("r", 1, 8),
        p=reader.integer("p", 1, 4),
        salt=reader.pattern("salt", _SALT, "16 to 64 bytes in hex"),
        nonce=reader.pattern("nonce", _NONCE, "12 bytes in hex"),
        cipher=reader.choice("cipher", CIPHERS),
        derivation=reader.choice("derivation", DERIVATIONS),
    )
    if found.n & (found.n - 1):
        raise SchemaError(f"{reader.where}.n", f"{found.n} is no power of two")
    return found
