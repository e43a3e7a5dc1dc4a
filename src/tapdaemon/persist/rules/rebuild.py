"""The functions that a payload calls to get what was saved by name; each takes plain values and is named in taps.

Their names are part of the tap format: rename none, change no parameter without a new name.
"""

from __future__ import annotations

import collections
import importlib
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

DESCRIPTION = "_tapdaemon_description"
"""The attribute under which an endpoint remembers its side and the string it was made from."""

OPTIONS = "_tapdaemon_options"
"""The attribute under which a context of OpenSSL's remembers the CertificateOptions that it was made from."""


def new(kind: Any) -> Any:
    """An object whose state follows."""
    return kind.__new__(kind)


def set_attributes(value: Any, state: Any) -> None:
    """Its attributes and slots, past a __setstate__ that would do more."""
    for part in state if isinstance(state, tuple) else (state,):
        for name, one in (part or {}).items():
            object.__setattr__(value, name, one)


def set_database_pool(pool: Any, state: tuple[str, Sequence[Any], Mapping[str, Any], Mapping[str, Any]]) -> None:
    """A ConnectionPool, which asks the reactor to start it."""
    from twisted.enterprise.adbapi import ConnectionPool

    name, arguments, keywords, attributes = state
    ConnectionPool.__init__(pool, name, *arguments, **keywords)
    vars(pool).update(attributes)


def nothing() -> None:
    """What belonged to the run that saved the tap: a port, a connection, a Deferred."""


def bare(kind: type, base: str, arguments: tuple[Any, ...]) -> Any:
    """An object of a subclass of one of Python's containers, or of an exception; its constructor is not called."""
    return _BASES[base].__new__(kind, *arguments)


def fill(value: Any, state: tuple[str, Any, Mapping[str, Any]]) -> None:
    """Put its contents and attributes into what `bare` made."""
    base, content, attributes = state
    _FILLERS.get(base, lambda *_: None)(value, content)
    set_attributes(value, attributes)


def _fill_default(value: Any, content: Any) -> None:
    value.default_factory = content[0]
    for key, part in content[1]:
        dict.__setitem__(value, key, part)


def _fill_ordered(value: Any, content: Any) -> None:
    for key, part in content:
        collections.OrderedDict.__setitem__(value, key, part)


def _fill_dict(value: Any, content: Any) -> None:
    for key, part in content:
        dict.__setitem__(value, key, part)


_BASES: Mapping[str, type[Any]] = {
    one.__name__: one
    for one in (
        set, frozenset, collections.deque, collections.OrderedDict, collections.defaultdict, collections.Counter,
        BaseException, dict, list, bytearray, random.Random,
    )
}  # fmt: skip
_FILLERS: Mapping[str, Callable[[Any, Any], None]] = {
    "set": set.update,
    "deque": lambda value, content: collections.deque.__init__(value, *content),
    "OrderedDict": _fill_ordered,
    "defaultdict": _fill_default,
    "Counter": _fill_dict,
    "dict": _fill_dict,
    "list": list.extend,
    "bytearray": bytearray.extend,
    "Random": lambda value, content: value.setstate(content),
}


class Mark:
    """Stands for an object that is not there, until it is swept."""

    __slots__ = ()

    def __call__(self, *_: Any, **__: Any) -> Self:
        """What it would make is not there either."""
        return self


class Gone(Mark):
    """Stands in a container or an attribute for an object that did not come back, until it is swept.

    It takes whatever a pickle does to an object.

    :param reason: why it did not come back; empty where it was left out when it was saved, and named then.
    """

    reason = ""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        mark = object.__new__(cls)
        _MARKS.append(mark)
        return mark

    def __setstate__(self, state: Any) -> None:
        """What it had is gone with it."""

    def append(self, part: Any) -> None:
        """The same."""

    extend = add = append

    def __setitem__(self, key: Any, part: Any) -> None:
        """The same."""


_MARKS: list[Gone] = []
_RESUMED: list[Any] = []


def gone() -> Gone:
    """What was left out of a change set."""
    return Gone()


def taken_marks() -> list[Gone]:
    """The marks that loading has made since this was last asked."""
    marks = list(_MARKS)
    _MARKS.clear()
    return marks


def noting(reduction: Any) -> Any:
    """The same reduction, for an object that is told when it is back, see `tapdaemon.register`."""
    function, arguments, state, listed, mapped, setter = (*reduction, None, None, None, None, None)[:6]
    return function, arguments, (setter, state), listed, mapped, set_resumed


def set_resumed(value: Any, told: tuple[Any, Any]) -> None:
    setter, state = told
    if setter is not None:
        setter(value, state)
    elif state is not None and hasattr(value, "__setstate__"):
        value.__setstate__(state)
    elif state is not None:
        set_attributes(value, state)
    _RESUMED.append(value)


def taken_resumed() -> list[Any]:
    """The objects that are to be told, since this was last asked."""
    found = list(_RESUMED)
    _RESUMED.clear()
    return found


def the_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def of_reactor(name: str) -> Any:
    if name == "threadpool":
        return the_reactor().getThreadPool()
    return getattr(the_reactor(), name)


def method(owner: Any, name: str) -> Any:
    """A bound method; of an object that is not there, nothing either."""
    return owner if isinstance(owner, Mark) else getattr(owner, name)


def bound(function: Any, owner: Any) -> Any:
    """A method whose function is not its owner's class's."""
    import types

    return owner if isinstance(owner, Mark) else types.MethodType(function, owner)


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
    return importlib.import_module(name)


def standard_stream(name: str) -> Any:
    return getattr(sys, name)


def reopen(path: str, mode: str, encoding: str | None) -> Any:
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
    """``List[int]`` of `typing`."""
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
