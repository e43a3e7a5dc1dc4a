"""How objects of a class are looked at: a plan for each class, worked out once; it looks at no object itself.

A *leaf* has no parts: a number, a class, the reactor, a live object.  A
*value* is compared by what it says (`objects.same`), every other object by identity.
"""

# No annotations from __future__: a named tuple compiles each that is text, and a start would pay for it.

import copyreg
import io
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from tapdaemon.persist.rules import live

FACETS = ("attributes", "items", "elements", "members", "content")
"""attributes: by name, a cell's content among them.  items: of a dict.  elements: of a list or deque.  members: of a
set.  content: of an object whose inside only its pickle shows (a bytearray, a random.Random)."""

ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented)}
)
_VALUE_NAMES = frozenset({
    "datetime.date", "datetime.time", "datetime.timedelta", "datetime.tzinfo", "decimal.Decimal", "fractions.Fraction",
    "uuid.UUID", "pathlib.PurePath", "pathlib._local.PurePath", "ipaddress.IPv4Address", "ipaddress.IPv6Address",
    "ipaddress._BaseNetwork", "re.Pattern", "enum.Enum",
})  # fmt: skip
"""By name, so that a start imports none of them."""
_LEAF_BASES = (
    type, types.ModuleType, types.WrapperDescriptorType, types.MethodDescriptorType,
    types.ClassMethodDescriptorType, types.GetSetDescriptorType,
    types.MemberDescriptorType, types.CodeType, types.FrameType, types.TracebackType, types.GeneratorType,
    types.CoroutineType, types.AsyncGeneratorType, types.MappingProxyType, weakref.ref, property, staticmethod,
    classmethod, io.IOBase, memoryview, types.GenericAlias,
)  # fmt: skip
CONTENT_NAMES = frozenset(
    {"builtins.bytearray", "array.array", "itertools.count", "random.Random", "_io.BytesIO", "_io.StringIO"}
)
"""Classes of which only their own pickle shows what is inside."""
_LEAF_NAMES = frozenset({
    "twisted.internet.base.ReactorBase", "twisted.logger._logger.Logger", "twisted.logger._observer.LogPublisher",
    "zope.interface.interface.InterfaceClass", "zope.interface.interface.InterfaceBase",
    "zope.interface.declarations.Declaration", "zope.interface.interface.SpecificationBase", "os._Environ",
    "logging.Logger",
})  # fmt: skip
"""Objects that belong to the process, or stand for a declaration: saved by name."""
_AS_MADE = frozenset({"twisted.internet.defer.Deferred"})
"""Events of one process: those of the base are as the making leaves them, and wait anew."""


class Plan(NamedTuple):
    """How an object of a class is looked at.

    :param facets: of `FACETS`, those that it has.
    :param slots: names of its slots.
    :param special: the base of `SPECIAL` whose parts no facet has: a bound method's object, a closure's cells.
    :param hidden: attributes that belong to the run alone.
    :param is_plain: whether all there is of an object is its dictionary: most are so, and are many.
    """

    facets: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    special: type | None = None
    hidden: frozenset[str] = frozenset()
    is_leaf: bool = False
    is_value: bool = False
    is_event: bool = False
    is_plain: bool = False


_slots_of: Any = copyreg._slotnames  # type: ignore[attr-defined]  # noqa: SLF001 - as pickle itself asks; no types
_LEAF = Plan(is_leaf=True)
_VALUE = Plan(is_leaf=True, is_value=True)


qualified: Callable[[type], str] = cache(lambda kind: f"{kind.__module__}.{kind.__qualname__}")
"""A class's name with its module; one text for all its objects."""


class _Plans(dict[type, Plan]):
    def __missing__(self, kind: type) -> Plan:
        plan = self[kind] = _plan(kind)
        return plan


plan_of: Callable[[type], Plan] = _Plans().__getitem__
"""The plan of a class: asked for every object, so one look-up, in C."""


SPECIAL: tuple[type, ...] = (
    types.MethodType, types.BuiltinMethodType, types.MethodWrapperType, types.FunctionType, partial, tuple, frozenset,
)  # fmt: skip
"""Classes whose objects have parts that are no attributes and cannot be changed."""
_INSIDE = frozenset({
    "builtins.generator", "builtins.coroutine", "builtins.async_generator", "_hashlib.HASH", "_hashlib.HMAC",
    "zlib.Compress", "zlib.Decompress", "_bz2.BZ2Compressor", "_bz2.BZ2Decompressor", "_lzma.LZMACompressor",
    "_lzma.LZMADecompressor", "_blake2.blake2b", "_blake2.blake2s", "_csv.reader", "builtins.list_iterator",
    "builtins.dict_keyiterator", "builtins.map", "builtins.filter", "builtins.zip", "builtins.enumerate",
    "builtins.tuple_iterator", "builtins.set_iterator", "builtins.callable_iterator", "itertools.cycle",
    "itertools.chain", "itertools.islice", "itertools.accumulate", "_queue.SimpleQueue", "_thread._local",
})  # fmt: skip
"""Objects that go on inside, where nobody sees it."""
UNREADABLE: set[type] = set()
"""Classes of C libraries whose objects could not be pickled to be compared."""


def is_lock(kind: type) -> bool:
    """Whether it is a lock of threads: it comes back free, so what it guards does not come back by halves."""
    return bool(_names(kind) & {"_thread.lock", "_thread.RLock", "threading.Condition", "threading.Semaphore"})


def is_closed(value: object) -> bool:
    """Whether what changes inside an object cannot be seen: a generator, a hash, an object of a C library."""
    return type(value) in UNREADABLE or bool(_names(type(value)) & _INSIDE)


def _is_foreign(kind: type) -> bool:
    """Whether it is a class of a C library that Python did not bring: an array of numbers, say."""
    root = kind.__module__.partition(".")[0]
    return not (
        kind.__dictoffset__ or kind.__flags__ & _HEAP or root in sys.stdlib_module_names or root in _KNOWN_LIBRARIES
    )


_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
KNOWN_ROOTS = frozenset({*sys.stdlib_module_names, "twisted", "zope", "tapdaemon"})
"""Top-level modules whose classes have rules where they need any."""
_KNOWN_LIBRARIES = frozenset({"builtins", "zope", "twisted", "OpenSSL", "cryptography", "_cffi_backend"})


def _plan(kind: type) -> Plan:
    names = _names(kind)
    if kind in ATOMS or names & _VALUE_NAMES:
        return _VALUE
    slots = tuple(_slots_of(kind))
    if names & CONTENT_NAMES and "random.SystemRandom" not in names:  # that one has nothing inside
        return Plan(("attributes", "content") if kind.__dictoffset__ or slots else ("content",), slots)
    if issubclass(kind, _LEAF_BASES) or names & _LEAF_NAMES or live.rule_of(kind).live:
        return _LEAF
    if is_event(kind):
        return Plan(("attributes",), is_event=True)
    special = next((base for base in SPECIAL if issubclass(kind, base)), None)
    facets = ["attributes"] if kind.__dictoffset__ or slots or kind is types.CellType else []
    facets += [name for name, bases in _GROUPS if issubclass(kind, bases)]
    if not facets and special is None and _is_foreign(kind) and not live.may_be_live(kind):
        facets.append("content")
    hidden = frozenset(live.rule_of(kind).volatile)
    is_plain = facets == ["attributes"] and kind.__dictoffset__ != 0 and special is None and not (slots or hidden)
    return Plan(tuple(facets), slots, special, hidden, not facets and special is None, is_plain=is_plain)


_GROUPS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("items", (dict,)),
    ("elements", (list, deque)),
    ("members", (set,)),
)


def is_of_values(value: object) -> bool:
    """Whether it is a tuple or frozenset of values: a value itself then."""
    return isinstance(value, (tuple, frozenset)) and all(
        plan_of(type(part)).is_value or is_of_values(part) for part in value
    )


def is_event(kind: type) -> bool:
    """Whether its objects are events, which happen once in a process: Deferreds."""
    return bool(_names(kind) & _AS_MADE)


def is_choice(kind: type) -> bool:
    """Whether its objects are members of an enumeration."""
    return "enum.Enum" in _names(kind)


def is_named(kind: type) -> bool:
    """Whether objects of a class are saved by name: the reactor, a logger, an interface."""
    return bool(_names(kind) & _LEAF_NAMES)


def _names(kind: type) -> set[str]:
    return {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}


def has_own_state(kind: type) -> bool:
    """Whether a class of the application's own says what its state is, and takes it back.

    Twisted's own do not count: they leave out what is state here.  Nor do those of objects with a content (see
    `CONTENT_NAMES`): they leave out the attributes.
    """
    return all(_own_home(kind, name) for name in ("__getstate__", "__setstate__"))


def _own_home(kind: type, name: str) -> bool:
    home = next((base for base in kind.__mro__ if name in vars(base)), object)
    return home is not object and home.__module__.partition(".")[0] not in ("twisted", "random", "_io")


def versions_of(kind: type) -> dict[str, int]:
    """The versions of a class and its bases, where it is one of `twisted.persisted.styles.Versioned`."""
    lineage = kind.__mro__
    last = next((number for number, base in enumerate(lineage) if base.__name__ == "Versioned"), 0)
    return {
        f"{base.__module__}.{base.__qualname__}": base.__dict__["persistenceVersion"]
        for number, base in enumerate(lineage)
        if number != last and last and "persistenceVersion" in base.__dict__
    }
