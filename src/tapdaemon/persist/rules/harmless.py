"""What of the standard library a payload may name: it computes or holds, and does nothing else.

The law: whatever is here may be called with arguments of a stranger's choice.  It runs no program, opens no connection,
imports nothing by name and compiles no text.
"""

from __future__ import annotations

from collections.abc import Mapping

MODULES = frozenset(
    """
    _blake2 _collections _decimal _hashlib _heapq _md5 _pydecimal _random _sha1 _sha2 _sha256 _sha3 _sha512 _struct
    _weakrefset _zoneinfo abc array base64 binascii bisect calendar cmath collections collections.abc configparser csv
    datetime decimal email._header_value_parser email._policybase email.charset email.errors email.header
    email.headerregistry email.message email.policy enum fnmatch fractions genericpath graphlib hashlib heapq hmac html
    http.cookies ipaddress itertools json json.decoder json.encoder math mimetypes numbers pathlib pathlib._local
    posixpath random re secrets statistics string struct textwrap time unicodedata urllib.parse weakref zlib zoneinfo
    """.split()  # noqa: SIM905 - a list of words reads better so
)
"""Of these every class and function, but for NEVER and for what begins with an underscore."""
NEVER = frozenset({"main", "test", "sleep", "clock_settime", "clock_settime_ns"})
"""Of those modules what parses our command line and ends the program, waits, or sets the host's clock."""
_NAMES: Mapping[str, str] = {
    "builtins": (
        "object type str bytes bytearray int float complex bool list tuple dict set frozenset range slice memoryview "
        "Ellipsis NotImplemented property staticmethod classmethod len abs min max sum sorted repr ord chr hash id "
        "hex oct bin round divmod pow all any callable iter next enumerate zip reversed ascii format isinstance print"
    ),
    "operator _operator": (
        "add sub mul truediv floordiv mod neg pos abs and_ or_ xor not_ invert lshift rshift eq ne lt le gt ge "
        "contains concat truth is_ is_not index"
    ),
    "os posix": (
        "getpid getppid getuid geteuid getgid getegid getcwd cpu_count urandom PathLike stat_result terminal_size "
        "uname_result"
    ),
    "_codecs": "encode",  # how protocol 2 writes bytes
    "_io": "BytesIO StringIO",
    "argparse": "Namespace",
    "array": "_array_reconstructor",
    "configparser": "_CommentSpec _UnnamedSection",
    "contextlib": "AsyncExitStack ExitStack closing nullcontext suppress",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "email.headerregistry": "_reconstruct_header",
    "functools": "partial cmp_to_key",
    "graphlib": "_NodeInfo",
    "http": "HTTPStatus HTTPMethod",
    "http.cookiejar": "Cookie CookieJar DefaultCookiePolicy",
    "logging": (
        "getLogger Filter Formatter Logger LoggerAdapter NullHandler PercentStyle StrFormatStyle StreamHandler "
        "StringTemplateStyle"
    ),
    "optparse": "Values",
    "queue": "Queue SimpleQueue LifoQueue PriorityQueue",
    "_queue": "SimpleQueue",
    "re": "_compile",
    "signal": "Signals",
    "socket": "AddressFamily SocketKind",
    "ssl": "Options TLSVersion VerifyFlags VerifyMode",
    "threading": "Barrier BoundedSemaphore Condition Event Semaphore",
    "types": "SimpleNamespace MappingProxyType GenericAlias NoneType",
    "typing": (
        "Any AnyStr Awaitable Callable ChainMap ClassVar Collection Container Coroutine Counter DefaultDict Deque Dict "
        "Final FrozenSet Generator Generic Hashable Iterable Iterator List Literal Mapping MutableMapping "
        "MutableSequence MutableSet Optional OrderedDict Sequence Set Sized Text Tuple Type Union"
    ),
    "uuid": "UUID SafeUUID uuid3 uuid4 uuid5",  # uuid1 and getnode may run ip(8)
    "xml.etree.ElementTree": "Element",
}
NAMES = frozenset(
    f"{module}.{name}" for modules, names in _NAMES.items() for module in modules.split() for name in names.split()
)
"""Names beside those modules; exceptions of builtins come through as well."""
WHOLE = frozenset(
    "pwd grp spwd crypt time math random errno stat json hashlib struct string zlib".split()  # noqa: SIM905 - the same
)
"""Modules that an object may hold as such: Conch asks pwd and spwd for passwords."""
