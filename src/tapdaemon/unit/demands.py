"""What a tap's manifest asks of its units, as options over the shipped templates; it opens and writes no file.

The law: values come from the manifest, typed and bounded there; each is escaped here for the place where it stands,
and what cannot be written is left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tapdaemon.tapfile.folders import CREDENTIAL_MAX
from tapdaemon.tapfile.manifest import Listen, Manifest
from tapdaemon.tapfile.passphrase import CREDENTIAL
from tapdaemon.unit.templates import USUAL, Places
from tapdaemon.unit.unitfile import Option, escape, word

DIRECTIVES = {"tcp4": "ListenStream", "tcp6": "ListenStream", "unix": "ListenStream"} | dict.fromkeys(
    ("udp4", "udp6"), "ListenDatagram"
)
"""The kinds of address that a socket unit holds.  A UNIX datagram socket is the service's own to bind: no reactor
adopts one."""
QUIET_MAKERS = frozenset({"words"})
"""Stock makers that open no socket but those they listen on: with these held by systemd they need no family but
AF_UNIX, for the journal.  A web site runs scripts, and the others connect to where their users ask."""
PRIVATE_TMP_SINCE = 257
_HIDDEN = re.compile(r"/(home|root|run/user|tmp|var/tmp)/")
_HOME = re.compile(r"/(home|root|run/user)/")
_NOT_BOUND = re.compile(r"/(proc|sys|dev)(/|\Z)|.*[:\s'\"\\]")


class Tap(NamedTuple):
    """A tap as its units see it.

    :param path: of the file.
    :param size: of the file, in bytes: what is too large for a credential is staged by a root step.
    :param secret: whether a file that the tap names can be read by root but not by the service.
    :param closed: the folders on the way to it that the service may not search.
    :param passphrase: the directive that hands over a sealed tap's passphrase, and its name in the credential store.
    """

    name: str
    path: str
    size: int
    manifest: Manifest
    secret: Callable[[str], bool] = lambda _: False
    closed: Callable[[str], Sequence[str]] = lambda _: ()
    passphrase: tuple[str, str] = ("LoadCredential", CREDENTIAL)


def service(tap: Tap, places: Places = USUAL, version: int = 252) -> list[Option]:
    """The options that this tap adds to its tap@NAME.service.

    :param version: of the systemd that is to read them.
    """
    return [*_sockets_first(tap), *_way_in(tap, places), *_user(tap.manifest), *files(tap, version), *_families(tap)]


def socket(tap: Tap) -> list[Option]:
    """The options of its tap@NAME.socket: the addresses, written out in full; empty where it has none to hold."""
    held = _held(tap.manifest)
    options = [Option("Socket", DIRECTIVES[listen.kind], _address(listen)) for listen in held]
    modes = {listen.mode for listen in held if listen.path}
    if modes:
        # One unit has one mode for all its sockets: what each of them allows.
        mode = 0o777
        for one in modes:
            mode &= one
        options.append(Option("Socket", "SocketMode", f"{mode:04o}"))
        options += _socket_owner(tap.manifest)
    return options


def left_out(tap: Tap) -> list[str]:
    """What the manifest asks for and no unit can give, a line each."""
    lines = [
        f"{path}: its name cannot stand in a unit; bind it with a drop-in of your own"
        for path in (*tap.manifest.needs.files, *tap.manifest.needs.writable)
        if _NOT_BOUND.match(path)
    ]
    if len({listen.mode for listen in _held(tap.manifest) if listen.path}) > 1:
        lines.append("its UNIX sockets have several modes; they all get what each allows")
    return lines


def _held(manifest: Manifest) -> list[Listen]:
    """What systemd can hold: every address once; a port that the kernel chooses is known to nobody before."""
    found = {
        (listen.kind, listen.path or listen.host, listen.port): listen
        for listen in manifest.needs.listen
        if listen.kind in DIRECTIVES and (listen.path or listen.port)
    }
    return list(found.values())


def _address(listen: Listen) -> str:
    """As systemd.socket(5) has it: ListenStream=80 would be [::]:80, so nothing is left to be filled in."""
    if listen.path:
        return escape(listen.path)
    host, _, scope = listen.host.partition("%")
    return escape(f"[{listen.host}]:{listen.port}" if ":" in host or scope else f"{host}:{listen.port}")


def _socket_owner(manifest: Manifest) -> list[Option]:
    """A named user owns his UNIX sockets; a dynamic one has no name before the service starts."""
    uid, gid = manifest.process.uid, manifest.process.gid
    return [Option("Socket", name, str(value)) for name, value in (("SocketUser", uid), ("SocketGroup", gid)) if value]


def _sockets_first(tap: Tap) -> list[Option]:
    if not _held(tap.manifest):
        return []
    unit = f"tap@{tap.name}.socket"
    return [Option("Unit", "Requires", unit), Option("Unit", "After", unit)]


def _way_in(tap: Tap, places: Places) -> list[Option]:
    if tap.size <= CREDENTIAL_MAX:
        return [Option("Service", "LoadCredential", f"tap:{escape(tap.path)}")]
    return [
        Option("Service", "ExecStartPre", f"+{places.library}/tap-stage %i"),
        Option("Service", "ExecStopPost", f"+{places.library}/tap-stage --remove %i"),
    ]


def _user(manifest: Manifest) -> list[Option]:
    """DynamicUser, as the template has it, where the tap names nobody; root only if the tap says so."""
    uid, gid = manifest.process.uid, manifest.process.gid
    if uid is None and gid is None:
        return []
    options = []
    if uid is not None:
        options += [Option("Service", "DynamicUser", "no"), Option("Service", "User", str(uid))]
    if gid is not None:
        options.append(Option("Service", "Group", str(gid)))
    return options


def secrets(tap: Tap) -> list[tuple[str, str]]:
    """Credential name and path of every file that the service cannot read by itself."""
    found = [path for path in tap.manifest.needs.files if not _NOT_BOUND.match(path) and tap.secret(path)]
    return [(f"file-{number}", path) for number, path in enumerate(found)]


def files(tap: Tap, version: int) -> list[Option]:
    """Secret files as credentials, bound to where the application looks for them; hidden folders opened for it."""
    needs = tap.manifest.needs
    secret = secrets(tap)
    options = [Option("Service", "LoadCredential", f"{name}:{escape(path)}") for name, path in secret]
    if tap.manifest.seal is not None:
        # A relative name may be absent.  Both directives for one credential cannot be: the last would be the one.
        directive, name = tap.passphrase
        options.append(Option("Service", directive, f"{CREDENTIAL}:{escape(name)}"))
    # A folder that the service cannot search holds nothing for it: an empty one in its place can be passed.
    closed = sorted({folder for _, path in secret for folder in tap.closed(path) if not _NOT_BOUND.match(folder)})
    options += [
        Option("Service", "TemporaryFileSystem", f"{escape(folder)}:ro,mode=0755")
        for folder in closed
        if not _HIDDEN.match(f"{folder}/")
    ]
    options += [Option("Service", "BindReadOnlyPaths", f"-%d/{name}:{escape(path)}") for name, path in secret]
    hidden = [path for path in needs.files if _HIDDEN.match(path) and not _NOT_BOUND.match(path)]
    hidden = [path for path in hidden if path not in dict(secret).values()]
    options += [Option("Service", "BindReadOnlyPaths", f"-{word(path)}") for path in hidden]
    for path in needs.writable:
        if not _NOT_BOUND.match(path):
            name = "BindPaths" if _HIDDEN.match(path) else "ReadWritePaths"
            options.append(Option("Service", name, f"-{word(path)}"))
    everything = [*needs.files, *needs.writable]
    if any(_HOME.match(path) for path in everything):
        options.insert(0, Option("Service", "ProtectHome", "tmpfs"))
    if version >= PRIVATE_TMP_SINCE and not any(_HIDDEN.match(path) for path in everything):
        options.append(Option("Service", "PrivateTmp", "disconnected"))
    return options


def _families(tap: Tap) -> Sequence[Option]:
    """As narrow as the tap allows: the template's three families, unless nothing but its listeners has a socket."""
    manifest = tap.manifest
    recipe = manifest.recipe
    makers = {step.maker for step in recipe.steps} if recipe is not None and recipe.python is None else {""}
    all_held = len(_held(manifest)) == len({(one.kind, one.address) for one in manifest.needs.listen})
    if not (makers <= QUIET_MAKERS and makers and all_held and manifest.needs.listen):
        return []
    # The first takes the template's list back.
    return [
        Option("Service", "RestrictAddressFamilies", ""),
        Option("Service", "RestrictAddressFamilies", "AF_UNIX"),
    ]
