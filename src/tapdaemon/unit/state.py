"""The state of the tap@ units, as systemctl(1) tells it; it changes none."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

UNKNOWN = "unknown"


def states(names: Sequence[str]) -> dict[str, str]:
    """ActiveState and enablement of tap@NAME.service for each name: ``active, enabled``.

    Where no systemd runs every state is "unknown".
    """
    if not names:
        return {}
    units = [f"tap@{name}.service" for name in names]
    try:
        told = subprocess.run(  # noqa: S603 - names were checked, and no shell sees them
            ["systemctl", "show", "--property=Id,ActiveState,UnitFileState", "--", *units],  # noqa: S607 - the PATH's
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return dict.fromkeys(names, UNKNOWN)
    if told.returncode != 0:
        return dict.fromkeys(names, UNKNOWN)
    blocks = [_block(text) for text in told.stdout.split("\n\n") if text.strip()]
    found = {block.get("Id", ""): block for block in blocks}
    return {name: _words(found.get(unit, {})) for name, unit in zip(names, units, strict=True)}


def _block(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}


def _words(block: dict[str, str]) -> str:
    active = block.get("ActiveState") or UNKNOWN
    return f"{active}, {block['UnitFileState']}" if block.get("UnitFileState") else active
