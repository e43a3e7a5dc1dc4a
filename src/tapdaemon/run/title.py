"""The process's title, as ps and top show it; set in place, for a re-exec would lose systemd's descriptors."""

from __future__ import annotations

import contextlib


def set_title(name: str) -> None:
    """Show the tap: ``tapd: web``; without setproctitle only the kernel's 15 bytes (proc(5), comm)."""
    try:
        import setproctitle
    except ImportError:
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as comm:
            comm.write(f"tapd:{name}"[:15])
        return
    setproctitle.setproctitle(f"tapd: {name}")
