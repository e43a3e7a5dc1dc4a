"""What every host has of its own, so that no tap has to name it: files, folders and variables."""

from __future__ import annotations

import sys

from tapdaemon.persist.make import provenance

FILES = (
    "/etc/group", "/etc/host.conf", "/etc/hostname", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/protocols", "/etc/resolv.conf",
    "/etc/services", "/etc/timezone", "/usr/lib/os-release",
)  # fmt: skip
"""Files that every host has of its own: the C library and the standard library look names and types up there."""
_FOLDERS = (
    "/proc/",
    "/sys/",
    "/dev/",
    "/etc/ssl/certs/",
    "/usr/share/zoneinfo/",
    "/usr/share/locale/",
    "/usr/lib/locale/",
)
"""Folders of the host itself, for the same reason."""
_CODE = (".pyc", ".pyo", ".so", ".pth", "dropin.cache", "dropin.cache.new")
"""What nobody reads but an import; a .py can be a configuration as well, and `recorded` sees who opens it."""
_PACKAGING = (".dist-info", ".egg-info", "__pycache__")
VARIABLES = frozenset({
    "COLUMNS", "FORCE_COLOR", "HOME", "LANG", "LANGUAGE", "LINES", "LNAME", "LOGNAME", "NO_COLOR", "PATH", "PWD",
    "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE", "SSLKEYLOGFILE", "TEMP", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER",
    "POSIXLY_CORRECT", "PY_SAX_PARSER", "SOURCE_DATE_EPOCH", "TERM", "TMP", "TMPDIR", "TZ", "TZDIR", "USER", "USERNAME",
    "INVOCATION_ID", "JOURNAL_STREAM", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET",
    "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY", "WATCHDOG_PID", "WATCHDOG_USEC",
})  # fmt: skip
"""Variables that Python, the C library and locales read by themselves, mktap's own, and those of systemd's units."""
_PREFIXES = ("LC_", "PYTHON", "_PYTHON", "CRYPTOGRAPHY_", "SETUPTOOLS_")


def has_file(path: str) -> bool:
    """Whether a path is of the host or of an installed distribution, and so wherever the tap can start."""
    return (
        path in FILES
        or f"{path}/".startswith(_FOLDERS)
        or path.endswith(_CODE)
        or any(part.endswith(_PACKAGING) for part in path.split("/"))
        or provenance.is_installed(path)
        or f"{sys.base_prefix}/lib/".startswith(f"{path.rstrip('/')}/")  # a folder above all of them: /, /usr
    )


def has_variable(name: str) -> bool:
    """Whether a variable is none of the application's own."""
    return name in VARIABLES or name.startswith(_PREFIXES)
