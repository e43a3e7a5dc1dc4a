"""Opens taps for commands that look into them or rewrite them: the seal is opened, and nothing is loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tapdaemon.tapfile.container import TapFile, TapImage

if TYPE_CHECKING:
    from tapdaemon.persist.sealing import Lock


class Opened(NamedTuple):
    """A whole tap, with what it takes to write another in its place.

    :param lock: of a sealed one.
    :param status: the file's, as it was read.
    """

    image: TapImage
    lock: Lock | None
    status: os.stat_result

    def closed(self, image: TapImage) -> TapImage:
        """A tap that is to take its place: sealed, if it was."""
        if self.lock is None:
            return image
        from tapdaemon.persist.sealing import seal

        return seal(image, self.lock)


def opened(path: str, passphrase_file: str | None) -> Opened:
    """The whole tap at `path`, whoever owns it: what looks and runs nothing need not trust it.

    :param passphrase_file: where a sealed one's passphrase is; without it somebody is asked.
    :raises TapError: it is missing, not whole, or stays sealed.
    """
    with TapFile(path, None) as file:
        image, status = file.image(), file.status
    if image.manifest.seal is None:
        return Opened(image, None, status)
    from tapdaemon.persist.sealing import Lock, unseal
    from tapdaemon.tapfile.passphrase import find

    lock = Lock(find(path, passphrase_file, os.environ.get("CREDENTIALS_DIRECTORY", "")))
    return Opened(unseal(image, lock, path), lock, status)
