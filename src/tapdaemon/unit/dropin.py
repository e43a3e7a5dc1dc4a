"""What a tap's manifest asks of its tap@NAME.service, as options over the shipped template; it writes no file."""

from __future__ import annotations

from tapdaemon.tapfile.folders import CREDENTIAL_MAX
from tapdaemon.tapfile.manifest import Manifest
from tapdaemon.unit.unitfile import Option, escape

DEFAULT_STAGER = "/usr/lib/tapdaemon/tap-stage"


def service(path: str, size: int, manifest: Manifest, stager: str = DEFAULT_STAGER) -> list[Option]:
    """The options of the drop-in.

    :param path: of the tap; the folder is ours and the name typed, but it is escaped all the same.
    :param size: of the file, in bytes: what is too large for a credential is staged by a root step.
    :param stager: the command of that step.
    """
    return [*_way_in(path, size, stager), *_user(manifest)]


def _way_in(path: str, size: int, stager: str) -> list[Option]:
    if size <= CREDENTIAL_MAX:
        return [Option("Service", "LoadCredential", f"tap:{escape(path)}")]
    return [
        Option("Service", "ExecStartPre", f"+{stager} %i"),
        Option("Service", "ExecStopPost", f"+{stager} --remove %i"),
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
