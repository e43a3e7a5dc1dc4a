#!/usr/bin/env python3
"""Runs unit and integration tests under every tested pair of Python and Twisted; reports a Python that is missing."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / ".venv-matrix"
# Debian 12 and 13 have the first two, with what TLS needs as they have it: an old Twisted does not know a new OpenSSL.
OLDEST = ["python-daemon==2.3.2", "sdnotify==0.3.1", "click==8.1.3"]
TLS_12 = ["pyOpenSSL==23.0.0", "cryptography==38.0.4", "service-identity==18.1.0", "bcrypt==3.2.2"]
TLS_13 = ["pyOpenSSL==25.0.0", "cryptography==43.0.0", "service-identity==24.2.0", "bcrypt==4.2.0"]
PAIRS = (
    ("3.11", ["Twisted[tls]==22.4.0", *OLDEST, *TLS_12]),
    ("3.13", ["Twisted[tls]==24.11.0", *TLS_13]),
    ("3.11", []),
    ("3.12", []),
    ("3.13", []),
    ("3.14", []),
)


# With the newest Twisted everything ran already: under another Python what depends on it is enough.
# What no Twisted changes, and applications of others with versions of their own, ran with the newest already.
SAME_UNITS = (
    "pack", "persist/test_sealing.py", "tapfile", "test_comparison.py", "test_fuzz.py", "test_project.py", "unit",
)  # fmt: skip
SAME_INTEGRATION = ("bad_input", "converting", "crash", "life", "tap2deb", "tap2rpm", "tapctl_unit", "third_party")
SAME_EVERYWHERE = [
    *(f"--ignore=tests/unit/{name}" for name in SAME_UNITS),
    *(f"--ignore=tests/integration/test_{name}.py" for name in SAME_INTEGRATION),
]
# The styles of a payload are tried under the oldest Twisted and the newest; between them a maker's graph alone.
BETWEEN = ["-k", "not source_style and not variant_sealed and not for_stock_twisted"]
PYTHON_DEPENDENT = ["tests/unit", *(f"tests/integration/test_{name}.py" for name in ("readme", "state", "variants"))]


def interpreter(version: str) -> str | None:
    """A Python of that version: on the PATH, or one of pyenv's."""
    homes = sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python")))
    for candidate in (shutil.which(f"python{version}"), *reversed(homes)):
        if candidate and subprocess.run([candidate, "-c", "import venv"], capture_output=True).returncode == 0:
            return candidate
    return None


def environment(full: bool) -> dict[str, str]:
    """Without the soak's full counts; every variant of the makers for the oldest Twisted alone."""
    dropped = {"TAPDAEMON_SOAK"} if full else {"TAPDAEMON_SOAK", "CI"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


OLDER = [FOLDER / f"{version}-{pins[0].partition('==')[2]}/bin/python" for version, pins in PAIRS if pins]


def variants() -> bool:
    """Every variant in every style under the older Twisteds, for the soak's table."""
    passed = True
    for python in OLDER if "TAPDAEMON_SOAK" in os.environ else []:
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_variants.py"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        passed = passed and done.returncode == 0
        words = done.stdout[-20000:] if done.returncode else done.stdout.strip().splitlines()[-1]
        print(f"Every style under {python}: {words}")
    return passed


def upgrades() -> bool:
    """Taps of the older environments run here, and one's of here there; in the soak all of them, else a few."""
    older = OLDER
    newest = Path(sys.executable)
    passed = True
    for runner, others in ((newest, older), *((python, [newest]) for python in older)):
        makers = [str(python) for python in others if python.exists()]
        if not runner.exists() or not makers:
            continue
        done = subprocess.run(
            [runner, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/integration/test_upgrades.py"],
            cwd=PROJECT, capture_output=True, text=True, env=os.environ | {"TAPDAEMON_MAKERS": ":".join(makers)},
        )  # fmt: skip
        passed = passed and done.returncode == 0
        words = done.stdout[-20000:] if done.returncode else done.stdout.strip().splitlines()[-1]
        print(f"Taps of {', '.join(makers)} under {runner}: {words}")
        if "TAPDAEMON_SOAK" not in os.environ:
            break
    return passed


def run(version: str, pins: list[str]) -> tuple[str, bool | None, str]:
    """Name, outcome (None: not run) and last words of one pair."""
    name = f"Python {version}, {pins[0] if pins else 'newest Twisted'}"
    current = "{}.{}".format(*sys.version_info)
    if not pins and version == current:
        return name, None, "is what the tests ran under already"
    python = interpreter(version)
    if python is None:
        return name, None, f"MISSING: there is no Python {version} here"
    folder = FOLDER / f"{version}-{pins[0].partition('==')[2] if pins else 'newest'}"
    stamp = folder / ".complete"
    if not stamp.exists() or stamp.stat().st_mtime < (PROJECT / "pyproject.toml").stat().st_mtime:
        commands = (
            [python, "-m", "venv", "--clear", folder],
            [folder / "bin/python", "-m", "pip", "install", "-q", "--upgrade", "pip>=25.1"],
            [folder / "bin/python", "-m", "pip", "install", "-q", "-e", ".[tls,title,seal]", "--group", "test", *pins],
        )
        for command in commands:
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
            if done.returncode:
                return name, False, done.stdout + done.stderr
        stamp.touch()
    subprocess.run([folder / "bin/python", "-m", "compileall", "-q", "src"], cwd=PROJECT)
    done = subprocess.run(
        [folder / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
         *(SAME_EVERYWHERE if pins else PYTHON_DEPENDENT), *(BETWEEN if pins != PAIRS[0][1] else [])],
        cwd=PROJECT, capture_output=True, text=True, env=environment(pins == PAIRS[0][1]),
    )  # fmt: skip
    words = done.stdout[-20000:] if done.returncode else done.stdout.strip().splitlines()[-1]
    return name, done.returncode == 0, words


with ThreadPoolExecutor(max_workers=2) as pool:
    outcomes = list(pool.map(lambda pair: run(*pair), PAIRS))
for name, passed, words in outcomes:
    print(f"{name}: {words}" if passed is not False else f"{name} FAILED:\n{words}")
fits = variants()
upgraded = upgrades()
sys.exit(not fits or not upgraded or any(passed is False for _, passed, _ in outcomes))
