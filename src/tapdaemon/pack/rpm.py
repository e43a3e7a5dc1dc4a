"""A tap's rpm as data: its spec and its sources, text made by pure functions (rpm-spec(5)).

The law: a spec is a program, in which `%(...)` and `%{lua:...}` run when it is read; whatever comes from a tap or a
command line has its percent signs doubled.  Macros that only Fedora has are defined where they are missing, and the
scriptlets are written out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import replace

from tapdaemon.core.distributions import normal
from tapdaemon.pack import bundle, debian
from tapdaemon.pack.inventory import Entry, archive
from tapdaemon.pack.package import Package

RELEASE = "1"
WIDTH = 78
MACROS = (
    "debug_package %{nil}",
    "_build_id_links none",
    "__os_install_post %{nil}",
    # The same bytes, wherever and whenever it is built.
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "build_mtime_policy clamp_to_source_date_epoch",
    "_buildhost reproducible",
    "_binary_payload w9.gzdio",
    "_source_payload w9.gzdio",
)


def escape(text: str) -> str:
    return text.replace("%", "%%")


def depends(distributions: Iterable[str], ours: str, given: Iterable[str]) -> tuple[str, ...]:
    """What it requires: this project, and each distribution by the name that Fedora's packages provide."""
    version = ours.partition("(>= ")[2].rstrip(")")
    found = [f"tapdaemon >= {version}" if version else "tapdaemon"]
    found += sorted({f"python3dist({normal(name)})" for name in distributions})
    return (*found, *given)


def file_name(package: Package, kind: str = "noarch") -> str:
    return f"{package.name}-{package.version}-{RELEASE}.{kind}.rpm"


def sources(package: Package) -> list[Entry]:
    """What is installed: the same tap, units, users, folders and terms as a deb's, without its changelog and bundle."""
    other = bundle.folder(package.name) + "/"
    return [
        replace(entry, path=entry.path.replace(f"/{debian.README}", "/README"))
        for entry in debian.files(package)
        if not entry.path.startswith(other) and not entry.path.endswith("/changelog.Debian.gz")
    ]


def source_name(entry: Entry) -> str:
    """A source's file: the generator's hook has the package's own name, and is told apart."""
    return entry.path.rpartition("/")[2] + ("-generator" if "/system-generators/" in entry.path else "")


def bundle_name(package: Package) -> str:
    return f"{package.name}-{package.version}-bundle.tar.gz"


def bundle_archive(package: Package) -> bytes:
    """A bundle's files as a tar, the same bytes for the same files; empty where there is no bundle."""
    if package.bundle is None:
        return b""
    here = bundle.folder(package.name)
    found = (
        Entry(entry.path.removeprefix(here), entry.content, entry.mode)
        for entry in bundle.entries(package.bundle, package.name, package.tap)
        if entry.path.startswith(f"{here}/")
    )
    return archive(found, "", package.time)


def spec(package: Package) -> str:
    """The spec file."""
    entries = sources(package)
    names = [source_name(entry) for entry in entries] + ([bundle_name(package)] if package.bundle else [])
    places = [_place(entry.path) for entry in entries]
    parts = [
        "".join(f"%global {macro}\n" for macro in MACROS),
        _inner(package),
        "%{!?_unitdir:%global _unitdir %{_prefix}/lib/systemd/system}\n",
        "\n",
        _preamble(package, names),
        f"\n%description\n{_paragraphs(package)}\n",
        "\n%prep\n\n%build\n\n%install\n",
        *(
            f"install -D -p -m {entry.mode:04o} %{{SOURCE{index}}} %{{buildroot}}{place}\n"
            for index, (entry, place) in enumerate(zip(entries, places, strict=True))
        ),
        _unpacked(package, len(entries)),
        scriptlets(package, sockets=package.socket in names),
        "\n%files\n",
        "%dir %{_prefix}/lib/tap\n" if places else "",
        *(f"{'%doc ' if '/doc/' in place else ''}{place}\n" for place in places),
        f"%{{_prefix}}/lib/{package.name}/\n" if package.bundle else "",
        f"\n%changelog\n{_changelog(package)}",
    ]
    return "".join(parts)


def _inner(package: Package) -> str:
    """What a bundle has inside is nobody else's to require; what it needs of the host itself rpm finds."""
    return f"%global __provides_exclude_from ^%{{_prefix}}/lib/{package.name}/.*$\n" if package.bundle else ""


def _unpacked(package: Package, index: int) -> str:
    if package.bundle is None:
        return ""
    here = f"%{{buildroot}}%{{_prefix}}/lib/{package.name}"
    return f"mkdir -p {here}\ntar -xzf %{{SOURCE{index}}} -C {here} --no-same-owner\n"


def _place(path: str) -> str:
    """A path by rpm's own names for it."""
    known = {"/usr/lib/systemd/system/": "%{_unitdir}/", "/usr/lib/": "%{_prefix}/lib/", "/usr/share/": "%{_datadir}/"}
    start = next(start for start in known if path.startswith(start))
    return known[start] + path.removeprefix(start)


def _preamble(package: Package, names: list[str]) -> str:
    tags = [
        ("Name", package.name),
        ("Version", package.version),
        ("Release", RELEASE),
        ("Summary", escape(package.summary)),
        ("License", "LicenseRef-as-the-application"),
        ("Group", "System Environment/Daemons"),
        *((f"Source{index}", name) for index, name in enumerate(names)),
        *((("BuildArch", "noarch"),) if package.architecture == "noarch" else ()),
        *(("Requires", requirement) for requirement in package.depends),
        ("Requires", "systemd"),
        *((f"Requires({when})", "/usr/sbin/useradd") for when in ("pre",) if debian.sysusers(package)),
    ]
    return "".join(f"{name + ':':<16}{value}\n" for name, value in tags)


def _paragraphs(package: Package) -> str:
    """A line that begins with a percent sign would be a section, escaped or not: it gets a dash before it."""
    blocks = (textwrap.wrap(text, WIDTH - 2, break_long_words=False) for text in package.description)
    return "\n\n".join("\n".join(_line(line) for line in block) for block in blocks)


def _line(text: str) -> str:
    return escape(f"- {text}" if text.startswith("%") else text)


def scriptlets(package: Package, *, sockets: bool) -> str:
    """Preset at the first installation, a restart at an upgrade, a stop at the erasure; each ends well."""
    process = package.manifest.process
    units = " ".join([package.service, *([package.socket] if sockets else [])])
    before = ""
    if debian.sysusers(package):
        group = process.gid if isinstance(process.gid, str) else process.uid
        user = process.uid if isinstance(process.uid, str) and process.uid != "root" else ""
        before = f"\n%pre\ngetent group {group} >/dev/null || groupadd -r {group} || :\n" + (
            f"getent passwd {user} >/dev/null || "
            f"useradd -r -g {group} -d /var/lib/tap/{package.tap} -M -s /sbin/nologin {user} || :\n"
            if user
            else ""
        )
    compiled, cleaned = "", ""
    if package.bundle is not None:
        modules = f"%{{_prefix}}/lib/{package.name}"
        cleaned = f"find {modules} -depth -type d -name __pycache__ -exec rm -rf {{}} + 2>/dev/null || :\n"
        compiled = f"{cleaned}python3 -m compileall -q {modules} >/dev/null 2>&1 || :\n"
    folders = (
        f"systemd-tmpfiles --create {package.name}.conf >/dev/null 2>&1 || :\n" if debian.tmpfiles(package) else ""
    )
    return (
        f"{before}"
        "\n%post\n"
        f"{compiled}{folders}"
        "if [ $1 -eq 1 ]; then\n"
        f"    systemctl --no-reload preset {package.service} >/dev/null 2>&1 || :\n"
        "fi\n"
        "if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload >/dev/null 2>&1 || :\nfi\n"
        "\n%preun\n"
        "if [ $1 -eq 0 ]; then\n"
        f"    systemctl --no-reload disable --now {units} >/dev/null 2>&1 || :\n"
        f"{cleaned and f'    {cleaned}'}"
        "fi\n"
        "\n%postun\n"
        "if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload >/dev/null 2>&1 || :\nfi\n"
        "if [ $1 -ge 1 ]; then\n"
        f"    systemctl try-restart {package.service} >/dev/null 2>&1 || :\n"
        "fi\n"
    )


def _changelog(package: Package) -> str:
    day = debian.when(package.time, "%a %b %d %Y")
    return (
        f"* {day} {escape(package.maintainer)} - {package.version}-{RELEASE}\n"
        f"- Made by tap2rpm from {escape(package.source)} (content {package.manifest.content[:12]}).\n"
    )
