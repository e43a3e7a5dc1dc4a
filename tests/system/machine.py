"""A throw-away Debian machine with its own systemd: an overlay over a cached root, booted by systemd-nspawn.

It boots in about a second, has no network but loopback, and is gone when its context ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tapdaemon" / "roots"
SUITES = ("bookworm", "trixie", *(("sid",) if os.environ.get("TAPDAEMON_SOAK") else ()))
"""Debian 12 and 13; in the soak also what comes next, with the newest systemd, Python and rpm that there are."""
BOOT_LIMIT = 30.0


def missing() -> str | None:
    """What stands in the way of a machine, or None."""
    if os.geteuid() != 0:
        return "not root"
    tools = [tool for tool in ("systemd-nspawn", "debootstrap") if shutil.which(tool) is None]
    return f"no {' and no '.join(tools)}" if tools else None


def root(suite: str) -> Path:
    """The cached root of a suite, made on first use; remade when its recipe changed."""
    recipe = PROJECT / "packaging" / "make-root"
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{suite}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
        if not folder.is_dir():
            subprocess.run([recipe, suite, folder], check=True)
    return folder


class Machine:
    """A booted machine.  Its disk survives `reboot`, not the end of its context."""

    def __init__(self, suite: str, work: Path, disk: Path) -> None:
        self.suite = suite
        self._disk = disk
        self._work = work
        self.root = work / "root"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = 0

    # ---- life

    def mount(self) -> None:
        for name in ("upper", "overlay", "root"):
            (self._work / name).mkdir()
        options = f"lowerdir={self._disk},upperdir={self._work}/upper,workdir={self._work}/overlay"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-R", self.root], check=True)

    def boot(self) -> None:
        # systemd 257 refuses cgroup v1; the mount namespace keeps the change from this machine.
        script = (
            'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec systemd-nspawn -q -D "$0" '
            "--boot --register=no --keep-unit --private-network --capability=all --link-journal=no --resolv-conf=off "
            '--console=pipe --bind-ro="$1:/srv/roots/full" --bind-ro="$1-plain:/srv/roots/plain"'
        )
        self._nspawn = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script, str(self.root), str(root(self.suite))],
            env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=(self._work / "console").open("ab"),
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + BOOT_LIMIT
        while time.monotonic() < end:
            self._init = self._find_init()
            if self._init:
                state = self.run("systemctl is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.suite} did not boot:\n{(self._work / 'console').read_text(errors='replace')}")

    def _find_init(self) -> int:
        """The systemd inside: the child of nspawn that is pid 1 of its own namespace."""
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                    return int(child)
        return 0

    def shut_down(self) -> None:
        if self._nspawn is None:
            return
        if self._init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGRTMIN + 4)
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def reboot(self) -> None:
        self.shut_down()
        self.boot()

    # ---- use

    def run(self, command: str, *, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root, the way an administrator's shell would.

        What was logged before a journal is read stands in it.
        """
        if "journalctl" in command and "--sync" not in command:
            command = f"journalctl --sync; {command}"
        begun = int(time.time())
        done = self._run(command, stdin)
        if ("apt-get" in command or ("systemctl" in command and done.returncode)) and self._mend(begun):
            done = self._run(command, stdin) if done.returncode else done
        if check and done.returncode:
            told = self._run("journalctl --no-pager -n 40 -o short-monotonic").stdout
            raise AssertionError(f"{command!r} exited {done.returncode}\n{done.stdout}\n{done.stderr}\n{told}")
        return done

    def _mend(self, since: int) -> bool:
        """Whether this kernel took a cgroup away under systemd's hands; what failed by it is started again.

        Seen with Linux 6.18: a process that has ended stays in cgroup.procs (as pid 0), its cgroup counts as empty
        late, and is removed while the unit's next start is under way.  No unit can help that.
        """
        told = self._run(f"journalctl --sync; journalctl -p warning --since @{since} -o cat").stdout
        if not any(sign in told for sign in ("Failed at step CGROUP", "Failed to spawn executor: No such file")):
            return False
        print(f"MENDED: {self.suite}: the kernel removed a cgroup in use; starting what failed by it again")
        failed = self._run("systemctl list-units --failed --plain --no-legend 'tap@*.service'").stdout
        for unit in [line.split()[0] for line in failed.splitlines()]:
            self._run(f"systemctl reset-failed '{unit}'; systemctl start '{unit}'")
        return True

    def _run(self, command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "--", "/bin/sh", "-c", command]
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "SYSTEMD_COLORS": "0",
        }
        return subprocess.run(
            ["env", "-i", *[f"{k}={v}" for k, v in environment.items()], *inside],
            capture_output=True, text=True, input=stdin, timeout=120, check=False,
        )  # fmt: skip

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        target.chmod(mode)

    def read(self, path: str) -> bytes:
        return (self.root / path.lstrip("/")).read_bytes()

    def wait_for(self, command: str, seconds: float = 20.0) -> str:
        """Run a command until it succeeds."""
        end = time.monotonic() + seconds
        while True:
            done = self.run(command, check=False)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() > end:
                raise AssertionError(f"{command!r} never succeeded\n{done.stdout}\n{done.stderr}\n{self.journal()}")
            time.sleep(0.1)

    def closed(self, url: str = "http://127.0.0.1/") -> None:
        """Wait until nothing listens there: PID 1 stops a socket that is unneeded when the service's stop is done."""
        self.wait_for(f"curl -s {url}; test $? = 7")

    def journal(self) -> str:
        return self.run("journalctl --no-pager -n 60 -o short-monotonic", check=False).stdout


def copy_source(target: Path) -> None:
    """The tree as git has it, with what was changed since."""
    target.mkdir(parents=True)
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=PROJECT, capture_output=True, check=True).stdout
    names = b"\0".join(name for name in listed.split(b"\0") if name and (PROJECT / os.fsdecode(name)).exists())
    packed = subprocess.run(
        ["tar", "-c", "--null", "-T", "-"], cwd=PROJECT, input=names, capture_output=True, check=True
    ).stdout
    subprocess.run(["tar", "-x", "--no-same-owner", "-C", target], input=packed, check=True)


@contextlib.contextmanager
def machine(suite: str, *, installed: bool = True, plain: bool = False) -> Iterator[Machine]:
    """A booted machine.

    :param installed: with the project installed by `make install`; else its source lies in /root/tapdaemon.
    :param plain: with neither, and nothing but systemd and python3.
    """
    work = Path(tempfile.mkdtemp(prefix=f"tapdaemon-{suite}-"))
    disk = root(suite)
    booted = Machine(suite, work, disk.with_name(f"{disk.name}-plain") if plain else disk)
    booted.mount()
    try:
        if installed and not plain:
            subprocess.run(["make", "-s", "install", f"DESTDIR={booted.root}", "PREFIX=/usr"], cwd=PROJECT, check=True)
        elif not plain:
            copy_source(booted.root / "root" / "tapdaemon")
        booted.boot()
        yield booted
    finally:
        booted.shut_down()
        booted.unmount()
        shutil.rmtree(work)
