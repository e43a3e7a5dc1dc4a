"""A tap's Debian source package as data: what dpkg-source packs, and dpkg-buildpackage makes the same deb of.

What is installed lies in the upstream archive as it will lie on the host; debian/ is what debhelper asks for.  The
maintainer scripts are those of the deb, so the steps of debhelper that would add to them have nothing left to do.
"""

from __future__ import annotations

from tapdaemon.pack import debian, readme
from tapdaemon.pack.inventory import Entry
from tapdaemon.pack.package import Package

RULES = """\
#!/usr/bin/make -f

%:
	dh $@

# The scripts in this folder do what these would add to them.
override_dh_installsystemd override_dh_installsysusers override_dh_installtmpfiles:
"""


def upstream(package: Package) -> list[Entry]:
    """The upstream archive's files, by their path in it."""
    return [entry for entry in debian.files(package) if not entry.path.startswith("/usr/share/doc/")]


def debianised(package: Package) -> list[Entry]:
    """The files of debian/."""
    texts = {
        "changelog": debian.changelog(package),
        "control": control(package),
        "copyright": debian.copyright_file(package),
        "install": "usr /\n",
        "source/format": "3.0 (quilt)\n",
    }
    page = readme.page(package)
    if page:
        texts[debian.README] = page  # dh_installdocs finds it by its name
    found = [Entry(f"/debian/{name}", text.encode()) for name, text in texts.items()]
    found.append(Entry("/debian/rules", RULES.encode(), 0o755))
    for script in debian.maintainer_scripts(package, debian.files(package)):
        name = script.path.rpartition("/")[2]
        found.append(Entry(f"/debian/{name}", script.content + b"\n#DEBHELPER#\n", 0o755))
    return found


def control(package: Package) -> str:
    """The source's paragraph and the binary package's."""
    source = [
        ("Source", package.name),
        ("Section", "net"),
        ("Priority", "optional"),
        ("Maintainer", package.maintainer),
        ("Build-Depends", "debhelper-compat (= 13)"),
        ("Standards-Version", "4.7.0"),
        ("Rules-Requires-Root", "no"),
    ]
    binary = [
        ("Package", package.name),
        ("Architecture", package.architecture),
        ("Depends", ", ".join((*debian.depends(package), "${misc:Depends}"))),
        ("Description", package.summary + debian.extended(package.description)),
    ]
    return debian.stanza(source) + "\n" + debian.stanza(binary)


def upstream_name(package: Package) -> str:
    return f"{package.name}_{package.version}.orig.tar.gz"


def names(package: Package) -> tuple[str, ...]:
    """The files of a source package: the .dsc first."""
    stem = f"{package.name}_{debian.full_version(package)}"
    return f"{stem}.dsc", f"{stem}.debian.tar.xz", upstream_name(package)
