"""Sealed taps: the whole tap under AES-256-GCM inside another, whose manifest says only what its units need.

The law: the clear manifest is bound in as associated data, so that what the units are told is what was sealed; and
nothing from inside is looked at before the tag was verified.  A key comes from a passphrase by scrypt, once for each
salt, so that a stop, which seals with the salt of its start, costs no second derivation.
"""

from __future__ import annotations

import secrets

from tapdaemon.errors import TapSealedError, UnavailableError
from tapdaemon.tapfile.container import TapImage, decode, encode, seal_members
from tapdaemon.tapfile.manifest import SEALED, Lineage, Manifest, Seal, dump

# 128 MiB and a third of a second: what OWASP's cheat sheet on password storage asks of scrypt.
COST_N = 2**17
COST_R = 8
COST_P = 1
_SALT_SIZE = 16
_NONCE_SIZE = 12  # of AES-GCM: 96 bits, drawn by chance for each seal (SP 800-38D 8.2.2)
_KEY_SIZE = 32


class Lock:
    """A passphrase, and the keys that were derived from it.

    :param passphrase: as it was typed or read, without the newline.
    """

    def __init__(self, passphrase: bytes) -> None:
        self._passphrase = passphrase
        self._keys: dict[tuple[int, int, int, str], bytes] = {}
        self._proven: Seal | None = None

    def key(self, seal: Seal) -> bytes:
        """The key for this seal's salt and costs."""
        at = (seal.n, seal.r, seal.p, seal.salt)
        if at not in self._keys:
            self._keys[at] = self._derived(seal)
        return self._keys[at]

    def _derived(self, seal: Seal) -> bytes:
        _require()
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        derivation = Scrypt(salt=bytes.fromhex(seal.salt), length=_KEY_SIZE, n=seal.n, r=seal.r, p=seal.p)
        try:
            return derivation.derive(self._passphrase)
        except MemoryError:
            need = 128 * seal.n * seal.r // 2**20
            raise TapSealedError("", f"its key takes {need} MiB of memory to derive", "give the process more") from None

    def prove(self, seal: Seal) -> None:
        """Remember a seal that this passphrase opened: its salt is nobody else's choice."""
        if (seal.n, seal.r, seal.p) == (COST_N, COST_R, COST_P):
            self._proven = self._proven or seal

    def fresh(self) -> Seal:
        """A seal with a nonce of its own, and the salt of what this passphrase opened, if it opened something."""
        salt = self._proven.salt if self._proven is not None else secrets.token_hex(_SALT_SIZE)
        return Seal(COST_N, COST_R, COST_P, salt, secrets.token_hex(_NONCE_SIZE))


def seal(image: TapImage, lock: Lock) -> TapImage:
    """The tap, sealed.

    :raises UnavailableError: the package cryptography is not installed.
    """
    _require()
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    outside = clear(image.manifest)._replace(seal=lock.fresh())
    assert outside.seal is not None
    nonce = bytes.fromhex(outside.seal.nonce)
    return seal_members(
        outside, {SEALED: AESGCM(lock.key(outside.seal)).encrypt(nonce, encode(image), _bound(outside))}
    )


def unseal(image: TapImage, lock: Lock, subject: str) -> TapImage:
    """The tap that is inside a sealed one.

    :param subject: its path, for messages.
    :raises TapSealedError: another passphrase sealed it, or its clear manifest was altered since.
    :raises UnavailableError: the package cryptography is not installed.
    """
    outside = image.manifest
    if outside.seal is None:
        return image
    _require()
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = bytes.fromhex(outside.seal.nonce)
    try:
        inside = AESGCM(lock.key(outside.seal)).decrypt(nonce, image.members[SEALED], _bound(outside))
    except TapSealedError as error:
        error.within(subject)
        raise
    except InvalidTag:
        raise TapSealedError(
            subject,
            "sealed, and this passphrase does not open it",
            "give the one that it was sealed with; if that is the one, its manifest was altered, and a copy has to do",
        ) from None
    lock.prove(outside.seal)
    return decode(inside, subject)


def clear(manifest: Manifest) -> Manifest:
    """What of a manifest a sealed tap says in the clear: what its units and its package need, no digest of the rest.

    A digest of the recipe or the payload would let who has the file try guesses without scrypt.
    """
    from importlib.metadata import version

    needs = manifest.needs
    lineage = manifest.lineage
    return Manifest(
        process=manifest.process,
        style=manifest.style,
        needs=needs._replace(
            listen=tuple(one._replace(service="") for one in needs.listen),
            modules=(),
            environment=(),
            distributions=tuple(sorted({**dict(needs.distributions), "cryptography": version("cryptography")}.items())),
        ),
        lineage=Lineage(lineage.reason, generation=lineage.generation, time=lineage.time, writer=lineage.writer),
    )


def _bound(outside: Manifest) -> bytes:
    """The associated data: the clear manifest, but for the digest of what is being sealed."""
    return dump(outside._replace(members=()))


def _require() -> None:
    import importlib.util

    if importlib.util.find_spec("cryptography") is None:
        raise UnavailableError(
            "sealed taps",
            "the package cryptography is not installed",
            "install it: python3-cryptography of the distribution, or pip install tapdaemon[seal]",
        )
