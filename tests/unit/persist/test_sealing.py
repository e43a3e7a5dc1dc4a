"""Sealed taps: what opens them, what shows outside, what is noticed."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tapdaemon import errors
from tapdaemon.persist import sealing
from tapdaemon.persist.sealing import Lock
from tapdaemon.tapfile import manifest as manifests
from tapdaemon.tapfile import passphrase
from tapdaemon.tapfile.container import decode, encode, seal_members
from tapdaemon.tapfile.manifest import Lineage, Listen, Manifest, Needs, Process, Recipe, Service, Step
from tapdaemon.tapfile.schema import parse

SECRET = "hunter2-in-the-recipe"
PLAIN = seal_members(
    Manifest(
        Process("web", "www-data", None),
        services=(Service("web/secretive", "shop.Till"),),
        needs=Needs(
            listen=(Listen("tcp4", "web/secretive", host="127.0.0.1", port=80),),
            files=("/etc/ssl/key.pem",),
            distributions=(("Twisted", "24.11.0"),),
            modules=("shop",),
        ),
        recipe=Recipe((Step("web", ("--password", SECRET)),)),
        lineage=Lineage(base="a" * 64, generation=3, time=1_700_000_000, writer="x"),
    ),
    {"application.pickle": b"\x80\x05K\x01.", "code/shop.py": b"TILL = 1\n"},
)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """scrypt at a thousandth of its cost; what it costs is seen by hand and bounded by the schema."""
    monkeypatch.setattr(sealing, "COST_N", 128)


def test_the_same_passphrase_opens_it():
    """What comes out is what went in, from the bytes of a file."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    assert sealing.unseal(decode(encode(sealed), "web.tap"), Lock(b"horse"), "web.tap") == decode(encode(PLAIN), "x")


def test_only_what_units_need_shows():
    """No option, class, module or digest of the application stands in the clear; addresses, user and files do."""
    sealed = encode(sealing.seal(PLAIN, Lock(b"horse")))
    manifest = decode(sealed, "web.tap").manifest
    told = json.dumps(json.loads(manifests.dump(manifest)))
    digests = {member.sha256 for member in PLAIN.manifest.members} | {PLAIN.manifest.content, "a" * 64, "b" * 64}
    for word in (SECRET, "secretive", "shop", *digests):
        assert word not in told
        assert word.encode() not in sealed
    assert [listen.address for listen in manifest.needs.listen] == ["tcp4:127.0.0.1:80"]
    assert (manifest.process, manifest.needs.files) == (PLAIN.manifest.process, ("/etc/ssl/key.pem",))
    assert dict(manifest.needs.distributions)["Twisted"] == "24.11.0"
    assert "cryptography" in dict(manifest.needs.distributions)


def test_two_seals_of_one_tap_differ():
    """Salt and nonce are new, so the same tap twice does not show as the same; a nonce never stands twice."""
    lock = Lock(b"horse")
    seals = [sealing.seal(PLAIN, one) for one in (lock, lock, Lock(b"horse"))]
    assert len({seal.members["sealed"] for seal in seals}) == 3
    assert len({seal.manifest.seal.nonce for seal in seals}) == 3


def test_a_snapshot_takes_the_salt_of_its_base():
    """What a passphrase opened lends its salt, so a stop derives no key; what it did not open lends nothing."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    lock = Lock(b"horse")
    strange = sealing.seal(PLAIN, Lock(b"donkey"))
    with pytest.raises(errors.TapSealedError):
        sealing.unseal(strange, lock, "strange.tap")
    sealing.unseal(sealed, lock, "web.tap")
    assert sealing.seal(PLAIN, lock).manifest.seal.salt == sealed.manifest.seal.salt


def test_another_passphrase_is_refused():
    """With its path, and no word of what is inside."""
    with pytest.raises(
        errors.TapSealedError, match=r"web\.tap: sealed, and this passphrase does not open it"
    ) as caught:
        sealing.unseal(sealing.seal(PLAIN, Lock(b"horse")), Lock(b"donkey"), "web.tap")
    assert caught.value.status == 77


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one._replace(process=Process("web", "root")),
        lambda one: one._replace(needs=one.needs._replace(listen=())),
        lambda one: one._replace(needs=one.needs._replace(files=("/etc/shadow",))),
        lambda one: one._replace(base="recipe"),
        lambda one: one._replace(lineage=one.lineage._replace(generation=7)),
        lambda one: one._replace(seal=one.seal._replace(nonce="0" * 24)),
        lambda one: one._replace(seal=one.seal._replace(salt="0" * 32)),
        lambda one: one._replace(seal=one.seal._replace(r=4)),
    ],
)
def test_an_altered_manifest_does_not_open(change):
    """The clear manifest is bound in: whoever can write the file cannot have the units told otherwise."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    altered = sealed._replace(manifest=change(sealed.manifest))
    with pytest.raises(errors.TapSealedError):
        sealing.unseal(altered, Lock(b"horse"), "web.tap")


def test_every_bit_of_what_is_sealed_counts():
    """With its digest put right, each flipped bit is still noticed."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    data = sealed.members["sealed"]
    lock = Lock(b"horse")
    for bit in range(0, len(data) * 8, 7):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(errors.TapSealedError):
            sealing.unseal(seal_members(sealed.manifest, {"sealed": bytes(flipped)}), lock, "web.tap")


@pytest.mark.parametrize(
    ("key", "value"),
    [("n", 2**21), ("n", 1000), ("n", 0), ("r", 9), ("p", 5), ("salt", "xx"), ("nonce", "00"), ("cipher", "ROT13")],
)
def test_a_seal_is_bounded(key, value):
    """A file cannot make scrypt take more than 1 GiB, nor name what we do not do."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    told = json.loads(manifests.dump(sealed.manifest))
    told["seal"][key] = value
    with pytest.raises(errors.SchemaError, match=key):
        parse(json.dumps(told).encode())


def test_a_sealed_tap_has_one_member():
    """Nothing lies beside what is sealed."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    with pytest.raises(errors.SchemaError, match="a sealed tap has one"):
        encode(seal_members(sealed.manifest, {**sealed.members, "code/x.py": b""}))


def test_what_needs_the_payload_says_that_it_is_sealed():
    """No caller can take what is sealed for a payload."""
    with pytest.raises(errors.TapSealedError):
        _ = sealing.seal(PLAIN, Lock(b"horse")).graph


def test_without_cryptography_it_says_so(monkeypatch):
    """69, with the package's name; nothing else needs it."""
    sealed = sealing.seal(PLAIN, Lock(b"horse"))
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for work in (lambda: sealing.seal(PLAIN, Lock(b"horse")), lambda: sealing.unseal(sealed, Lock(b"horse"), "x")):
        with pytest.raises(errors.UnavailableError, match="python3-cryptography") as caught:
            work()
        assert caught.value.status == 69


def test_a_key_that_takes_too_much_memory(monkeypatch):
    """How much it takes is told."""
    seal = sealing.seal(PLAIN, Lock(b"horse")).manifest.seal._replace(n=2**20)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("cryptography.hazmat.primitives.kdf.scrypt.Scrypt.derive", fail)
    with pytest.raises(errors.TapSealedError, match="takes 1024 MiB"):
        Lock(b"horse").key(seal)


def test_a_passphrase_in_a_file(tmp_path):
    """One newline at its end is the editor's; a file that everybody may read is no secret, an empty one none."""
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_bytes(b" correct horse \n\n")
    assert passphrase.read(str(path)) == b" correct horse \n"
    path.write_bytes(b"\n")
    with pytest.raises(errors.UsageError, match="empty"):
        passphrase.read(str(path))
    path.write_bytes(b"horse")
    path.chmod(0o644)
    with pytest.raises(errors.UnreadableError, match="everybody may read this passphrase; chmod 600"):
        passphrase.read(str(path))
    with pytest.raises(errors.UnreadableError, match="no such file"):
        passphrase.read(str(tmp_path / "nowhere"))


def test_where_a_passphrase_is_looked_for(tmp_path):
    """The file that was named, then systemd's credential."""
    for name in ("named", "tap-passphrase"):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(name)
    assert passphrase.find("web.tap", str(tmp_path / "named"), str(tmp_path)) == b"named"
    assert passphrase.find("web.tap", None, str(tmp_path)) == b"tap-passphrase"


def test_without_a_terminal_nobody_is_asked(tmp_path):
    """The error names both other ways."""
    pid = os.fork()
    if pid == 0:
        os.setsid()  # no controlling terminal
        try:
            passphrase.find("web.tap", None, "")
        except errors.TapSealedError as error:
            os._exit(error.status if "--passphrase-file" in str(error) and "tap-passphrase" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 77
