"""Keys and certificates as the text formats that their own libraries write; part of what `references` knows.

The objects themselves are memory of OpenSSL's or Rust's, and have no value that Python could save.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapdaemon.persist.rules import rebuild

Reduction = Any


def _ssh_key(key: Any) -> Reduction:
    """A key as OpenSSH writes it: cryptography's own object has no value."""
    return rebuild.ssh_key, (key.toString("openssh"),)


def _x509(certificate: Any) -> Reduction:
    """An X509 of pyOpenSSL's as PEM, as `OpenSSL.crypto` reads and writes it."""
    from OpenSSL import crypto

    return rebuild.x509, (crypto.dump_certificate(crypto.FILETYPE_PEM, certificate),)


def _pkey(key: Any) -> Reduction:
    from OpenSSL import crypto

    return rebuild.pkey, (crypto.dump_privatekey(crypto.FILETYPE_PEM, key),)


def _certificate(certificate: Any) -> Reduction:
    """A Certificate of cryptography's, which is Rust's, as PEM; its keys likewise."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return rebuild.certificate, (certificate.public_bytes(Encoding.PEM),)


def _private_key(key: Any) -> Reduction:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return rebuild.private_key, (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),)


def _public_key(key: Any) -> Reduction:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return rebuild.public_key, (key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),)


_KEYS = ("rsa.RSA", "ec.EC", "ed25519.Ed25519", "ed448.Ed448")
RULES: dict[str, Callable[[Any], Reduction]] = {
    "twisted.conch.ssh.keys.Key": _ssh_key,
    "OpenSSL.crypto.X509": _x509,
    "OpenSSL.crypto.PKey": _pkey,
    "cryptography.x509.base.Certificate": _certificate,
    "cryptography.hazmat.bindings._rust.x509.Certificate": _certificate,
    **{f"cryptography.hazmat.bindings._rust.openssl.{kind}PrivateKey": _private_key for kind in _KEYS},
    **{f"cryptography.hazmat.bindings._rust.openssl.{kind}PublicKey": _public_key for kind in _KEYS},
}
