"""The maintainer scripts of a tap's deb, as text; they run nothing here.

As debhelper's own snippets have them (deb-systemd-helper(1p), deb-systemd-invoke(1p)), but for one thing: the state
goes with a purge.  The service is enabled as usual; its socket is not, for the service requires it.
"""

from __future__ import annotations

from tapdaemon.pack.bundle import folder
from tapdaemon.pack.package import Package

HEAD = "#!/bin/sh\nset -e\n\n"
BOOTED = '[ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]'


def postinst(package: Package, *, sysusers: bool, tmpfiles: bool, sockets: bool) -> str:
    """Users and folders, enablement as the administrator left it, and a start or a restart.

    A changed socket unit is started anew; an unchanged one keeps its socket over the upgrade.
    """
    lines = ['case "$1" in', "    configure|abort-upgrade|abort-deconfigure|abort-remove)"]
    if sysusers:
        lines.append(f'        systemd-sysusers ${{DPKG_ROOT:+--root="$DPKG_ROOT"}} {package.name}.conf')
    if tmpfiles:
        lines.append(
            f'        systemd-tmpfiles ${{DPKG_ROOT:+--root="$DPKG_ROOT"}} --create {package.name}.conf || true'
        )
    if package.bundle is not None:
        lines += _if_there("py3compile", f"{package.name} {folder(package.name)}", "        ")
    lines += [
        *(
            f"        deb-systemd-helper unmask '{unit}' >/dev/null || true"
            for unit in _units(package, sockets=sockets)
        ),
        f"        if deb-systemd-helper --quiet was-enabled '{package.service}'; then",
        f"            deb-systemd-helper enable '{package.service}' >/dev/null || true",
        "        else",
        f"            deb-systemd-helper update-state '{package.service}' >/dev/null || true",
        "        fi",
        f"        if {BOOTED}; then",
        "            systemctl --system daemon-reload >/dev/null || true",
    ]
    if sockets:
        before = _kept(package)
        lines += [
            f"            if [ -e {before} ] && ! cmp -s {before} {_unit_path(package.socket)}; then",
            f"                deb-systemd-invoke stop '{package.socket}' '{package.service}' >/dev/null || true",
            "            fi",
            f"            rm -f {before}",
        ]
    lines += [
        '            if [ -n "$2" ]; then',
        f"                deb-systemd-invoke restart '{package.service}' >/dev/null || true",
        "            else",
        f"                deb-systemd-invoke start '{package.service}' >/dev/null || true",
        "            fi",
        "        fi",
        "        ;;",
        "esac",
    ]
    return HEAD + "\n".join(lines) + "\n"


def _if_there(tool: str, arguments: str, indent: str) -> list[str]:
    """As dh_python3 has it, for the service's sandbox never lets Python cache."""
    lines = [f"if command -v {tool} >/dev/null 2>&1; then", f"    {tool} -p {arguments}", "fi"]
    return [indent + line for line in lines]


def preinst(package: Package) -> str:
    """Remember the socket unit that an upgrade replaces."""
    unit = _unit_path(package.socket)
    return (
        f'{HEAD}if [ "$1" = upgrade ] && {BOOTED} && [ -e {unit} ]; then\n    cp {unit} {_kept(package)} || true\nfi\n'
    )


def prerm(package: Package, *, sockets: bool) -> str:
    """A removal stops service and socket; an upgrade stops nothing.  Byte code is nobody's but ours."""
    units = " ".join(f"'{unit}'" for unit in reversed(_units(package, sockets=sockets)))
    lines = [f'if [ "$1" = remove ] && {BOOTED}; then', f"    deb-systemd-invoke stop {units} >/dev/null || true", "fi"]
    if package.bundle is not None:
        lines += _if_there("py3clean", package.name, "")
    return HEAD + "\n".join(lines) + "\n"


def postrm(package: Package, *, sockets: bool) -> str:
    """A purge leaves nothing: neither enablement nor state."""
    units = " ".join(f"'{unit}'" for unit in _units(package, sockets=sockets))
    state = " ".join(f'"$DPKG_ROOT/var/lib/{place}tap/{package.tap}"' for place in ("", "private/"))
    return (
        f'{HEAD}if [ "$1" = remove ] && {BOOTED}; then\n'
        "    systemctl --system daemon-reload >/dev/null || true\n"
        "fi\n"
        'if [ "$1" = purge ]; then\n'
        f"    deb-systemd-helper purge {units} >/dev/null || true\n"
        f"    rm -rf {state}\n"
        "    for folder in private/tap tap; do\n"
        '        rmdir --ignore-fail-on-non-empty "$DPKG_ROOT/var/lib/$folder" 2>/dev/null || true\n'
        "    done\n"
        "fi\n"
    )


def _units(package: Package, *, sockets: bool) -> list[str]:
    return [package.service, *([package.socket] if sockets else [])]


def _unit_path(unit: str) -> str:
    return f"/usr/lib/systemd/system/{unit}"


def _kept(package: Package) -> str:
    return f"/run/{package.name}.socket-before"
