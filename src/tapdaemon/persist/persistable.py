"""IPersistable for applications, and the public `load` and `save`: taps by path."""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import IService
from twisted.persisted.sob import IPersistable
from zope.interface import implementer

from tapdaemon.persist import images, sealing
from tapdaemon.persist.codec import styles
from tapdaemon.persist.rules import descriptions
from tapdaemon.tapfile.container import TapFile, encode
from tapdaemon.tapfile.folders import SUFFIX
from tapdaemon.tapfile.whole import write_whole

descriptions.watch()


@implementer(IPersistable)
class TapPersistable:
    """Saves an application as a tap; `twisted.persisted.sob.Persistent` is its stock counterpart."""

    style = "pickle"

    def __init__(self, original: Any) -> None:
        self.original = original

    def setStyle(self, style: str) -> None:  # noqa: N802 - IPersistable's name
        """Choose the payload's style.

        :raises UnknownNameError: no such style.
        """
        styles.codec(style)
        self.style = style

    def save(self, tag: str | None = None, filename: str | None = None, passphrase: str | None = None) -> None:
        """Write NAME.tap, or NAME-TAG.tap, into the current folder, or `filename`; sealed if there is a passphrase."""
        stem = IService(self.original).name or "application"
        save(
            self.original,
            filename or (f"{stem}-{tag}{SUFFIX}" if tag else stem + SUFFIX),
            style=self.style,
            passphrase=passphrase,
        )


def save(
    application: Any, path: str | os.PathLike[str], *, style: str | None = None, passphrase: str | None = None
) -> None:
    """Save an application as a tap: written whole, mode 0600.

    :param application: ours, or what `twisted.application.service.Application` returned.
    :param path: where; the file's name without .tap is the tap's name.
    :param style: of the payload; by default what setStyle chose, else pickle.
    :param passphrase: seals the tap.
    :raises UnsavableError: with every object that stands in the way; nothing is written.
    """
    chosen = style or str(getattr(IPersistable(application, None), "style", "pickle"))
    image = images.make(application, style=chosen)
    if passphrase is not None:
        image = sealing.seal(image, sealing.Lock(passphrase.encode()))
    write_whole(os.fspath(path), encode(image))


def load(path: str | os.PathLike[str], *, passphrase: str | None = None) -> Any:
    """Load the application of a tap.  This runs code of the tap, so its owner is checked first.

    :param passphrase: of a sealed tap.
    :raises TapError: the file is missing, not trusted, damaged, sealed, or cannot be loaded here.
    """
    name = os.fspath(path)
    with TapFile(name, os.geteuid()) as tap:
        image = tap.image()
    if passphrase is not None:
        image = sealing.unseal(image, sealing.Lock(passphrase.encode()), name)
    return images.load(image, name)
