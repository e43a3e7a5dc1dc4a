"""The functions that a payload calls to get what was saved by name; each takes plain values and is named in taps.

Their names are part of the tap format: rename none, change no parameter without a new name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tapdaemon.persist.rules import gate

DESCRIPTION = "_tapdaemon_description"
"""The attribute under which an endpoint remembers its side and the string it was made from."""

OPTIONS = "_tapdaemon_options"
"""The attribute under which a context of OpenSSL's remembers the CertificateOptions that it was made from."""


def new(kind: Any) -> Any:
    """An object whose state follows."""
    return kind.__new__(kind)


def nothing() -> None:
    """What belonged to the run that saved the tap: a port, a connection, a Deferred."""


def the_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def of_reactor(name: str) -> Any:
    if name != "nameResolver":
        raise gate.refused("reactor", name, "it is not kept by name")
    return getattr(the_reactor(), name)


def method(owner: Any, name: str) -> Any:
    """A bound method."""
    gate.check_method(owner, name)
    return getattr(owner, name)


def bound(function: Any, owner: Any) -> Any:
    """A method whose function is not its owner's class's."""
    import types

    return types.MethodType(function, owner)


def ssh_key(data: bytes) -> Any:
    """A conch key from OpenSSH's own format."""
    from twisted.conch.ssh.keys import Key

    return Key.fromString(data)


def logger(namespace: str, source: Any) -> Any:
    from twisted.logger import Logger

    return Logger(namespace, source)


def log_publisher() -> Any:
    from twisted.logger import globalLogPublisher

    return globalLogPublisher


def server_endpoint(description: str) -> Any:
    from tapdaemon.persist.rules.descriptions import server_from_string

    return server_from_string(the_reactor(), description)


def client_endpoint(description: str) -> Any:
    from tapdaemon.persist.rules.descriptions import client_from_string

    return client_from_string(the_reactor(), description)


def set_context_factory(factory: Any, state: dict[str, Any]) -> None:
    """Read key and certificate anew, from the files that they came from."""
    vars(factory).update(state)
    factory.cacheContext()


def set_client_service(service: Any, state: tuple[Sequence[Any], Mapping[str, Any]]) -> None:
    from twisted.application.internet import ClientService

    (endpoint, factory, policy, clock, prepare), attributes = state
    ClientService.__init__(service, endpoint, factory, policy, clock, prepare)
    service.__dict__.update(attributes)


def log_file(kind: type, name: str, directory: str, arguments: Mapping[str, Any]) -> Any:
    return kind(name, directory, **arguments)


def module(name: str) -> Any:
    gate.check_module(name)
    return importlib.import_module(name)


def standard_stream(name: str) -> Any:
    if name not in ("stdin", "stdout", "stderr"):
        raise gate.refused("sys", name, "it is no standard stream")
    return getattr(sys, name)


def reopen(path: str, mode: str, encoding: str | None) -> Any:
    if not mode.startswith(("r", "a")):
        raise gate.refused(path, mode, "no file is emptied when it is opened again")
    return open(path, mode, encoding=encoding)


def x509(data: bytes) -> Any:
    from OpenSSL import crypto

    return crypto.load_certificate(crypto.FILETYPE_PEM, data)


def pkey(data: bytes) -> Any:
    from OpenSSL import crypto

    return crypto.load_privatekey(crypto.FILETYPE_PEM, data)


def certificate(data: bytes) -> Any:
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(data)


def private_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(data, None)


def public_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(data)


SQLITE_PRAGMAS = ("foreign_keys", "busy_timeout", "synchronous", "cache_size", "temp_store")
"""The settings of a connection that its file does not keep (sqlite.org/pragma.html)."""


def sqlite(path: str, pragmas: Mapping[str, int], settings: Mapping[str, Any]) -> Any:
    """A connection to the same file.  From which thread the first one could be used, nothing tells: from any."""
    import sqlite3

    connection = sqlite3.connect(path, check_same_thread=False)
    for name in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {name} = {int(pragmas[name])}")
    for name, value in settings.items():
        setattr(connection, name, value)
    return connection


def environ() -> Any:
    import os

    return os.environ


def lock() -> Any:
    import threading

    return threading.Lock()


def rlock() -> Any:
    import threading

    return threading.RLock()


class _Gone:
    """What a dead weak reference pointed to."""


def weak_reference(target: Any) -> Any:
    import weakref

    return weakref.ref(_Gone() if target is None else target)


def set_weak_dict(mapping: Any, items: Mapping[Any, Any]) -> None:
    mapping.__init__()
    mapping.update(items)


def set_weak_set(values: Any, items: Sequence[Any]) -> None:
    values.__init__()
    values.update(items)


def mapping_proxy(items: Mapping[Any, Any]) -> Any:
    import types

    return types.MappingProxyType(items)


def struct(form: str) -> Any:
    """A compiled format of `struct`."""
    import struct as structs

    return structs.Struct(form)


def set_json_decoder(decoder: Any, state: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    """Its scanner is C's, and is made from the arguments."""
    import json

    arguments, attributes = state
    json.JSONDecoder.__init__(decoder, **arguments)
    vars(decoder).update(attributes)


def union(kinds: Sequence[Any]) -> Any:
    """``int | None``, of which every Python has its own class."""
    import functools
    import operator

    return functools.reduce(operator.or_, kinds)


def count(*arguments: float) -> Any:
    """A counter, of ids say, which goes on."""
    import itertools

    return itertools.count(*arguments)


def generic(origin: Any, arguments: Any) -> Any:
    """``List[int]`` of `typing`; no other subscript, and no text, which typing would compile."""
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    if type(origin).__module__ != "typing" and not isinstance(origin, type):
        raise gate.refused(type(origin).__name__, "[...]", "only types are subscribed")
    if any(isinstance(one, str) for one in given):
        raise gate.refused("typing", "ForwardRef", "no text is compiled")
    return origin[arguments]


def client_tls(kind: type, hostname: str, options: Any) -> Any:
    """A client's settings of TLS, which tell the context to verify the server's name."""
    return kind(hostname, options.getContext())


def curve_chooser() -> Any:
    """What CertificateOptions asks for a curve."""
    from twisted.internet import ssl

    options: Any = ssl.CertificateOptions()
    return options._ecChooser  # noqa: SLF001 - it is made of pyOpenSSL's own parts, in there alone


def twistd_options(subcommand: str) -> Any:
    """A maker's parent's options."""
    from tapdaemon.core.makers import twistd_options as made

    return made(subcommand)


def set_twistd_options(options: Any, state: tuple[Mapping[str, Any], Any]) -> None:
    values, options.subOptions = state
    options.update(values)
