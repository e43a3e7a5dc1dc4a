"""The container: a zip with the manifest first, its members checked by digest; it never looks into a payload.

A tap is opened once.  Owner, manifest and members are all read from that one open file, so that replacing the file at
its path never mixes two taps.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Mapping
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from tapdaemon.errors import SchemaError, TapDamagedError, TapMissingError, TapSealedError, UnreadableError, os_reason
from tapdaemon.tapfile import trust
from tapdaemon.tapfile.manifest import MANIFEST_MAX, MEMBER, Manifest, Member, dump
from tapdaemon.tapfile.schema import parse

_EMPTY_ZIP = b"PK\x05\x06"
_ZIP = b"PK\x03\x04"
# The zip format's calendar begins in 1980 and has steps of two seconds (APPNOTE 4.4.6).
_EPOCH_MIN = 315532800
_EPOCH_MAX = 4354819198
LEVEL = 4  # six times as fast as 6, and hardly larger: a stop writes its snapshot with it
# What unpacks to more than both is no application: pickles become a third to a tenth.
BOMB_RATIO = 100
BOMB_MIN = 256 * 1024 * 1024
# What zipfile raises when structure or data is not what was written (a seek out of the file is an OSError).
_ALTERED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


class TapImage(NamedTuple):
    """A whole tap in memory: its manifest and the bytes of its members."""

    manifest: Manifest
    members: Mapping[str, bytes]

    @property
    def graph(self) -> bytes | None:
        """The saved objects of the application; None where they could not be saved.

        :raises TapSealedError: it has to be opened first.
        """
        return self._bytes(self.manifest.graph)

    @property
    def changes(self) -> bytes | None:
        """The change set of a snapshot; None in a base.

        :raises TapSealedError: it has to be opened first.
        """
        return self._bytes(self.manifest.changes)

    def _bytes(self, member: Member | None) -> bytes | None:
        if self.manifest.seal is not None:
            raise TapSealedError("", "it is sealed")
        return None if member is None else self.members[member.name]

    @property
    def code(self) -> dict[str, bytes]:
        """The members below code/, by their path there."""
        return {name[len("code/") :]: data for name, data in self.members.items() if name.startswith("code/")}


def seal_members(manifest: Manifest, members: Mapping[str, bytes]) -> TapImage:
    """A tap of these members, listed in the manifest with their sizes and digests, in order of name."""
    listed = tuple(Member(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(members.items()))
    return TapImage(manifest._replace(members=listed), dict(members))


def encode(image: TapImage) -> bytes:
    """The tap's bytes: the same for the same values, whoever runs this, where and when.

    :raises SchemaError: its manifest could not be read again: a control character in an option, say.
    """
    parse(dump(image.manifest))
    moment = time.gmtime(min(max(image.manifest.lineage.time, _EPOCH_MIN), _EPOCH_MAX))[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in [(MEMBER, dump(image.manifest)), *sorted(image.members.items())]:
            info = zipfile.ZipInfo(name, moment)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            info.create_system = 3  # Unix, whatever built this Python
            archive.writestr(info, data, compresslevel=LEVEL)
    return buffer.getvalue()


def decode(data: bytes, subject: str) -> TapImage:
    """The whole tap in these bytes.

    :param subject: where they are from, for messages.
    :raises TapDamagedError, SchemaError: its structure, its manifest or a member is not whole.
    """
    with _Archive(io.BytesIO(data), len(data), subject) as archive:
        return archive.image()


class TapFile:
    """An open tap whose manifest was read.  Use it as a context manager.

    :param path: for messages, and where its folder is looked at.
    :param uid: who is going to obey it; None to look only, without the owner check.
    :raises TapMissingError, UnreadableError, TapUntrustedError: before anything was read.
    :raises TapDamagedError, SchemaError: its structure or manifest is not whole.
    """

    def __init__(self, path: str, uid: int | None) -> None:
        self.path = path
        self._fd = open_tap(path)
        try:
            self.status = os.fstat(self._fd) if uid is None else trust.check(path, self._fd, uid)
            self._archive = _Archive(os.fdopen(os.dup(self._fd), "rb"), self.status.st_size, path)
        except BaseException:
            os.close(self._fd)
            raise
        self.manifest = self._archive.manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._archive.close()
        os.close(self._fd)

    def read(self) -> bytes:
        """The file itself, as it was opened."""
        return os.pread(self._fd, self.status.st_size, 0)

    def image(self) -> TapImage:
        """Read all members, each checked against the manifest's size and digest."""
        return self._archive.image()


class _Archive:
    """A tap's zip, whose manifest was read.

    :param size: in bytes.
    """

    def __init__(self, stream: BinaryIO, size: int, subject: str) -> None:
        self._subject, self._size = subject, size
        self._stream = stream
        try:
            self._archive = _open_zip(stream, size, subject)
            self.manifest = self._read_manifest()
        except BaseException:
            stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._archive.close()
        self._stream.close()

    def image(self) -> TapImage:
        return TapImage(self.manifest, {member.name: self._member(member) for member in self.manifest.members})

    def _read_manifest(self) -> Manifest:
        names = self._archive.namelist()
        if not names or names[0] != MEMBER:
            raise TapDamagedError(self._subject, "not a tap: its first member is not manifest.json")
        info = self._archive.getinfo(MEMBER)
        if info.file_size > MANIFEST_MAX:
            raise TapDamagedError(self._subject, f"its manifest is larger than {MANIFEST_MAX} bytes")
        if len(set(names)) != len(names):
            raise TapDamagedError(self._subject, "a member stands in it twice")
        try:
            manifest = parse(self._bytes(info))
        except SchemaError as error:
            error.within(self._subject)
            raise
        unpacked = sum(member.size for member in manifest.members)
        if unpacked > max(BOMB_MIN, BOMB_RATIO * self._size):
            raise TapDamagedError(self._subject, f"its {self._size} bytes claim to unpack to {unpacked}")
        listed = {MEMBER} | {member.name for member in manifest.members}
        for name in set(names) ^ listed:
            fact = "is listed but missing" if name in listed else "is not listed in its manifest"
            raise TapDamagedError(self._subject, f"member {name!a} {fact}")
        return manifest

    def _member(self, member: Member) -> bytes:
        info = self._archive.getinfo(member.name)
        if info.file_size != member.size:
            raise TapDamagedError(self._subject, f"{member.name} has {info.file_size} bytes, not {member.size}")
        data = self._bytes(info)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise TapDamagedError(self._subject, f"{member.name} was altered: its digest is not the manifest's")
        return data

    def _bytes(self, info: zipfile.ZipInfo) -> bytes:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise TapDamagedError(self._subject, f"{info.filename!a} is packed in a way that no tap is")
        try:
            with self._archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except _ALTERED as error:
            raise TapDamagedError(self._subject, f"{info.filename!a} was altered ({error})") from error
        if len(data) != info.file_size:
            raise TapDamagedError(self._subject, f"{info.filename} is not of the size that it states")
        return data


def open_tap(path: str) -> int:
    """Open a tap for reading, without waiting on a FIFO; the caller closes it.

    :raises TapMissingError, UnreadableError: with the path.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise TapMissingError(path, "no such tap", "make one with mktap, or look at the path") from None
    except OSError as error:
        raise UnreadableError(
            path,
            f"cannot be read: {os_reason(error)}",
            "read it as root or as its owner",
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise TapDamagedError(path, "not a tap: it is no regular file")
    return fd


def _open_zip(stream: BinaryIO, size: int, subject: str) -> zipfile.ZipFile:
    stream.seek(0)
    head = stream.read(4)
    if size == 0:
        raise TapDamagedError(subject, "empty")
    if head != _ZIP:
        fact = "an empty zip" if head == _EMPTY_ZIP else "it does not begin as a tap does"
        raise TapDamagedError(subject, f"not a tap: {fact}")
    try:
        return zipfile.ZipFile(stream)
    except _ALTERED as error:
        raise TapDamagedError(subject, f"cut off or altered: no whole directory at its end ({size} bytes)") from error
