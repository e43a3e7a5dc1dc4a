"""What stands in for twistd's own options, as the parent of a maker's, until something is asked that only they know.

The law: whoever looks finds the same as in `twisted.scripts._twistd_unix.ServerOptions`, which is what the object then
becomes, with what was set in it.  Most makers ask for nothing or for a default, and importing twistd's own options
costs a start the debugger, the profilers and the plugins of reactors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_DEFAULTS = {
    "chroot": None, "euid": 0, "gid": None, "logfile": None, "nodaemon": 0, "originalname": 0, "pidfile": "twistd.pid",
    "prefix": "twisted", "rundir": ".", "syslog": 0, "uid": None, "umask": None,
}  # fmt: skip
"""twistd's, of the options that a maker may ask for; a test holds them equal."""
_OWN = frozenset({
    "__class__", "__class_getitem__", "__delattr__", "__doc__", "__getattribute__", "__getitem__", "__init__",
    "__init_subclass__", "__new__", "__setattr__", "__setitem__", "__subclasshook__",
})  # fmt: skip
"""Of a dict's names, those by which nothing is learned that the defaults do not say."""


class ParentOptions(dict[str, Any]):
    """twistd's options with nothing parsed, as far as they are known without importing them.

    :param subcommand: the maker's name.
    """

    def __init__(self, subcommand: str) -> None:
        dict.__init__(self, _DEFAULTS)
        self.subCommand = subcommand

    @property  # type: ignore[misc]  # read-only: what sets the class is `become`
    def __class__(self) -> type:
        """What isinstance asks for where the type itself says no."""
        from twisted.scripts._twistd_unix import ServerOptions

        return ServerOptions

    def __missing__(self, name: str) -> Any:
        become(self)
        return self[name]

    def __getattr__(self, name: str) -> Any:
        become(self)
        return getattr(self, name)


def become(options: Any) -> None:
    """Make a stand-in what it stands for; what it is already stays."""
    if type(options) is not ParentOptions:
        return
    from twisted.scripts._twistd_unix import ServerOptions

    values, own = dict(dict.items(options)), dict(vars(options))
    _set_class(options, ServerOptions)
    dict.clear(options)
    ServerOptions.__init__(options)  # type: ignore[arg-type]  # it is one by now
    dict.update(options, values)
    vars(options).update(own)


_set_class: Callable[[Any, type], None] = object.__dict__["__class__"].__set__


def _asking(name: str) -> Callable[..., Any]:
    def ask(options: Any, *arguments: Any, **keywords: Any) -> Any:
        become(options)
        return getattr(options, name)(*arguments, **keywords)

    return ask


for _name in (*(name for name in dir(dict) if name not in _OWN), "__hash__"):
    setattr(ParentOptions, _name, _asking(_name))
