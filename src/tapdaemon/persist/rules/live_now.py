"""Classes whose objects are live by what they are at the moment, and objects of Python's that have no value at all.

A question takes the object and `is_live`, which it may ask about a part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MemberDescriptorType, ModuleType
from typing import Any

Asked = Callable[[Any], bool]
Question = Callable[[Any, Asked], bool]


def own(value: Any, name: str) -> Any:
    """An attribute of the object's own, or None: neither its __getattr__ nor its class's properties are asked."""
    try:
        return object.__getattribute__(value, "__dict__")[name]
    except (AttributeError, KeyError, TypeError):
        slots = (vars(base).get(name) for base in type(value).__mro__)
        slot = next((one for one in slots if isinstance(one, MemberDescriptorType)), None)
    try:
        return None if slot is None else slot.__get__(value)
    except AttributeError:
        return None


def _always(_: Any, __: Asked) -> bool:
    return True


def _has_ended(transport: Any) -> bool:
    """Whether it is a process that was waited for: its protocol is a record of it then."""
    return "twisted.internet._baseprocess.BaseProcess" in _names(type(transport)) and own(transport, "pid") is None


def _names(kind: type) -> set[str]:
    return {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}


def _holding(*names: str) -> Question:
    """Live as long as what it holds under one of these names is: a protocol its transport, say."""

    def held(value: Any, is_live: Asked) -> bool:
        part = next((one for name in names if (one := own(value, name)) is not None), None)
        if part is None or part is value or _has_ended(part):
            return False
        try:
            return is_live(part)
        except RecursionError:  # two that hold each other hold nothing else
            return False

    return held


def _deferred(deferred: Any, is_live: Asked) -> bool:
    """One that has fired has a value; one that nobody works on waits again; any other belongs to who waits."""
    if not own(deferred, "called"):
        waiting = own(deferred, "_callbacks" if own(deferred, "_callbacks") is not None else "callbacks")
        canceller = own(deferred, "_canceller")
        return bool(waiting) or str(getattr(canceller, "__module__", "")).startswith("twisted.")
    if own(deferred, "paused") or own(deferred, "_runningCallbacks"):
        return True
    return _holding("result")(deferred, is_live)


def _deferred_list(deferred: Any, is_live: Asked) -> bool:
    """It waits for others, which do not come back."""
    return not own(deferred, "called") or _deferred(deferred, is_live)


def _response(response: Any, _: Asked) -> bool:
    """Until its body is there."""
    return own(response, "_state") in ("INITIAL", "CONNECTED")


def _sending(sender: Any, _: Asked) -> bool:
    return own(sender, "file") is not None


def _cooperative_task(task: Any, _: Asked) -> bool:
    return own(task, "_completionState") is None


def _method(method: Any, is_live: Asked) -> bool:
    owner = method.__self__
    return not isinstance(owner, (type, ModuleType, type(None))) and is_live(owner)


def _partial(partial: Any, is_live: Asked) -> bool:
    return is_live(partial.func)


def _reference(reference: Any, is_live: Asked) -> bool:
    target = reference()
    return target is not None and is_live(target)


def _thread(thread: Any, _: Asked) -> bool:
    """Once started; one that waits for its start has a value, if its lock has."""
    started = own(thread, "_started")
    return started is None or started.is_set()


_NO_VALUE = (
    "builtins.generator",
    "builtins.coroutine",
    "builtins.coroutine_wrapper",
    "builtins.async_generator",
    "builtins.async_generator_asend",
    "builtins.async_generator_athrow",
    "builtins.frame",
    "builtins.traceback",
    "builtins.memoryview",
    "asyncio.events.AbstractEventLoop",
    "asyncio.events.Handle",
    "asyncio.futures.Future",
    "_asyncio.Future",
    "asyncio.transports.BaseTransport",
    "asyncio.streams.StreamReader",
    "asyncio.streams.StreamWriter",
    "asyncio.subprocess.Process",
    "concurrent.futures._base.Executor",
    "concurrent.futures._base.Future",
    "multiprocessing.process.BaseProcess",
    "multiprocessing.connection._ConnectionBase",
    "multiprocessing.connection.Listener",
    "multiprocessing.managers.BaseManager",
    "multiprocessing.managers.BaseProxy",
    "multiprocessing.pool.Pool",
    "multiprocessing.queues.Queue",
    "multiprocessing.queues.SimpleQueue",
    "multiprocessing.shared_memory.SharedMemory",
    "multiprocessing.synchronize.SemLock",
    "subprocess.Popen",
    "_socket.socket",
    "socket.socket",
    "_ssl._SSLContext",
    "_ssl._SSLSocket",
    "_ssl.MemoryBIO",
    "ssl.SSLObject",
    "OpenSSL.SSL.Connection",
    "OpenSSL.SSL.Context",
    "select.epoll",
    "select.poll",
    "selectors.BaseSelector",
    "mmap.mmap",
    "_queue.SimpleQueue",
    "_thread._local",
    "_thread._ThreadHandle",
    "_contextvars.Context",
    "_contextvars.Token",
    "sqlite3.Cursor",
    "sqlite3.Blob",
    "tempfile._TemporaryFileWrapper",
    "socketserver.BaseServer",
    "ctypes.CDLL",
    "_ctypes._Pointer",
    "_ctypes.CFuncPtr",
    "_cffi_backend._CDataBase",
    "_cffi_backend.CData",
    "_cffi_backend.FFI",
    "_cffi_backend.Lib",
    "_cffi_backend.Library",
    "_hashlib.HASH",
    "_hashlib.HMAC",
    "zlib.Compress",
    "zlib.Decompress",
    "os.DirEntry",
    "posix.DirEntry",
    "posix.ScandirIterator",
)
"""Of Python and of C libraries: what runs, what is open, what has a handle."""

NOW: dict[str, Question] = {
    **dict.fromkeys(_NO_VALUE, _always),
    "builtins.method": _method,
    "builtins.builtin_function_or_method": _method,
    "functools.partial": _partial,
    "weakref.ReferenceType": _reference,
    "builtins.weakref": _reference,
    "threading.Thread": _thread,
    "twisted.internet.protocol.BaseProtocol": _holding("transport"),
    "twisted.conch.ssh.service.SSHService": _holding("transport"),
    "twisted.conch.ssh.channel.SSHChannel": _holding("conn"),
    "twisted.conch.ssh.forwarding.SSHListenForwardingFactory": _holding("conn"),
    "twisted.conch.ssh.filetransfer.ClientFile": _holding("parent"),
    "twisted.conch.ssh.filetransfer.ClientDirectory": _holding("parent"),
    "twisted.conch.unix.SSHSessionForUnixConchUser": _holding("avatar"),
    "twisted.conch.unix.SFTPServerForUnixConchUser": _holding("avatar"),
    "twisted.conch.avatar.ConchUser": _holding("_conn", "conn"),
    "twisted.conch.insults.insults.TerminalProtocol": _holding("terminal"),
    "twisted.mail.smtp.SMTPSenderFactory": _holding("result"),
    "twisted.protocols.basic.FileSender": _sending,
    "twisted.protocols.portforward.ProxyClientFactory": _holding("server"),
    "twisted.web._newclient.Response": _response,
    "twisted.words.protocols.irc.DccChatFactory": _holding("client"),
    "twisted.words.protocols.irc.DccSendFactory": _holding("client"),
    "twisted.words.protocols.jabber.component.ComponentInitiatingInitializer": _holding("xmlstream"),
    "twisted.words.protocols.jabber.xmlstream.BaseFeatureInitiatingInitializer": _holding("xmlstream"),
    "twisted.internet.defer.Deferred": _deferred,
    "twisted.internet.defer.DeferredList": _deferred_list,
    "twisted.internet.task.CooperativeTask": _cooperative_task,
}
