"""tap2deb and tap2rpm beside the bare dpkg-deb and rpmbuild of the very same trees, nfpm and debhelper, in one run.

    python tests/benchmarks/packages.py [PAGE]

Python's own start is part of ours.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import publish

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "11"))
WHO = "Ann Example <ann@example.org>"


def tool(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"tapdaemon.cli.{name}", *arguments]


def quiet(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def milliseconds(command: list[str], folder: Path) -> float:
    for made in (*folder.glob("*.deb"), *folder.glob("*.rpm")):
        made.unlink()
    begun = time.perf_counter()
    quiet(command, folder)
    return (time.perf_counter() - begun) * 1000


def contenders(work: Path) -> dict[str, dict[str, tuple[list[str], Path]]]:
    """For each kind of package: who makes it, with its command and the folder that it runs in; ours first.

    The bare builder has the very tree that ours made; nfpm lists its files; debhelper builds our source package.
    """
    quiet(tool("mktap", "web", "--path", str(work), "--listen", "tcp:80"), work)
    found: dict[str, dict[str, tuple[list[str], Path]]] = {}
    if shutil.which("dpkg-deb"):
        (work / "deb").mkdir()
        quiet(tool("tap2deb", "-q", "-m", WHO, "-d", "deb/x.deb", "web.tap"), work)
        quiet(["dpkg-deb", "-R", "x.deb", "tree"], work / "deb")
        bare = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", "tree", "bare.deb"]
        found["deb"] = {
            "tap2deb": (tool("tap2deb", "-q", "-m", WHO, "web.tap"), work),
            "dpkg-deb": (bare, work / "deb"),
            **nfpm(work / "deb", "deb"),
            **debhelper(work),
        }
        bundled = tool("tap2deb", "-q", "--bundle", "-m", WHO, "web.tap")
        found["deb with a bundle of Twisted"] = {"tap2deb --bundle": (bundled, work), **bare_bundle(work)}
    if shutil.which("rpmbuild"):
        quiet(tool("tap2rpm", "-q", "-m", WHO, "web.tap"), work)
        (work / "rpm" / "in").mkdir(parents=True)
        source = shutil.move(work / "tap-web-1.0-1.src.rpm", work / "rpm" / "in")
        bare = ["rpmbuild", "--rebuild", "--define", f"_topdir {work}/rpm/build", str(source)]
        found["rpm"] = {
            "tap2rpm": (tool("tap2rpm", "-q", "-m", WHO, "web.tap"), work),
            "rpmbuild": (bare, work / "rpm"),
            **(nfpm(work / "deb", "rpm") if "deb" in found else {}),
        }
    return found


def nfpm(work: Path, kind: str) -> dict[str, tuple[list[str], Path]]:
    """nfpm on the tree that `work` has."""
    program = Path(sys.executable).with_name("nfpm")
    if not program.exists():
        print("SKIPPED: nfpm is not installed beside this Python")
        return {}
    tree = work / "tree"
    files = [path for path in tree.rglob("*") if path.is_file() and "DEBIAN" not in path.parts]
    scripts = {"postinst": "postinstall", "prerm": "preremove", "postrm": "postremove", "preinst": "preinstall"}
    lines = ["name: tap-web", "arch: all", "version: 1.0.0", f"maintainer: {WHO}", "description: web", "contents:"]
    lines += [f"  - {{src: {path}, dst: /{path.relative_to(tree)}}}" for path in files]
    lines += ["scripts:", *(f"  {theirs}: {tree}/DEBIAN/{ours}" for ours, theirs in scripts.items())]
    (work / f"nfpm-{kind}.yaml").write_text("\n".join(lines) + "\n")
    command = [str(program), "package", "-f", f"nfpm-{kind}.yaml", "-p", kind, "-t", f"nfpm.{kind}"]
    return {"nfpm": (command, work)}


def debhelper(work: Path) -> dict[str, tuple[list[str], Path]]:
    """dpkg-buildpackage of our own source package."""
    if not shutil.which("dh") or not shutil.which("dpkg-source"):
        print("SKIPPED: debhelper is not installed here")
        return {}
    (work / "source").mkdir()
    quiet(tool("tap2deb", "-q", "-m", WHO, "--source", "-d", "source/x.deb", "web.tap"), work)
    quiet(["dpkg-source", "-x", "tap-web_1.0-0tap1.dsc", "tree"], work / "source")
    command = ["dpkg-buildpackage", "-us", "-uc", "-b", "--ignore-builtin-builddeps"]
    return {"debhelper": (command, work / "source" / "tree")}


def bare_bundle(work: Path) -> dict[str, tuple[list[str], Path]]:
    (work / "bundle").mkdir()
    quiet(tool("tap2deb", "-q", "--bundle", "-m", WHO, "-d", "bundle/x.deb", "web.tap"), work)
    quiet(["dpkg-deb", "-R", "x.deb", "tree"], work / "bundle")
    bare = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", "tree", "bare.deb"]
    return {"dpkg-deb": (bare, work / "bundle")}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, commands in contenders(Path(folder)).items():
            times: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(ROUNDS):
                for name, (command, where) in commands.items():
                    times[name].append(milliseconds(command, where))
            ours = statistics.median(next(iter(times.values())))
            for name, taken in times.items():
                middle = statistics.median(taken)
                rows.append([kind, name, f"{middle:.0f}", f"{ours / middle:.2f}"])
    note = f"medians of {ROUNDS} rounds, taken in turns, of a web.tap; the ratio is ours to theirs."
    publish("Packages beside other builders", note, ["package", "builder", "ms", "ratio"], rows)


if __name__ == "__main__":
    main()
