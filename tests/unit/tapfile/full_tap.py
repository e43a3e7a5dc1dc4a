"""A tap whose manifest has something in every field, for the tests of the file."""

from __future__ import annotations

from pathlib import Path

from tapdaemon.tapfile.container import seal_members
from tapdaemon.tapfile.manifest import (
    LeftOut,
    Lineage,
    Listen,
    Manifest,
    Needs,
    Process,
    Recipe,
    Service,
    Step,
)

FULL = Manifest(
    process=Process("web", "www-data", 33),
    services=(Service("web", "twisted.application.service.MultiService"),),
    needs=Needs(
        listen=(
            Listen("tcp4", "web/http", host="0.0.0.0", port=80),
            Listen("tcp6", "web/http", host="::", port=80),
            Listen("unix", "web/admin", path="/run/web/admin", mode=0o600),
        ),
        files=("/etc/ssl/key.pem",),
        distributions=(("Twisted", "24.11.0"),),
        modules=("twisted.web.static",),
    ),
    recipe=Recipe((Step("web", ("--path", "/srv/www"), "twisted.plugins.twisted_web:twistedWeb"),), folder="/root"),
    left_out=(LeftOut("web.hash", "_hashlib.HASH", "", "it belongs to the process"),),
    forgets=("web.cache",),
    lineage=Lineage(base="a" * 64, generation=2, time=1700000000, writer="tapdaemon 0"),
)
IMAGE = seal_members(FULL, {"application.pickle": b"payload", "code/shop.py": b"x = 1\n"})


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path
