"""The application: the root object of a tap.  It does not know how it is saved; `tapdaemon.persist` adapts it."""

from __future__ import annotations

from twisted.application.service import IProcess, IService, IServiceCollection, MultiService, Process
from twisted.python.components import Componentized
from zope.interface import Interface


class Application(Componentized):
    """A named tree of services that runs as one process.

    It is adaptable to IService, IServiceCollection, IProcess and (once `tapdaemon.persist` is loaded, as it is for
    users of the package) IPersistable, as what `twisted.application.service.Application` returns.

    :param name: the root service's name, and the first part of every service's path.
    :param uid: user to run as, by number or by name; None keeps whoever starts it.
    :param gid: group, likewise.
    """

    def __init__(self, name: str, uid: int | str | None = None, gid: int | str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Componentized has no types
        services = MultiService()
        services.setName(name)
        Componentized.addComponent(self, services, ignoreClass=True)
        Componentized.addComponent(self, Process(uid, gid), ignoreClass=True)

    @property
    def name(self) -> str:
        name = IService(self).name
        assert isinstance(name, str)
        return name

    @property
    def uid(self) -> int | str | None:
        uid: int | str | None = IProcess(self).uid
        return uid

    @property
    def gid(self) -> int | str | None:
        gid: int | str | None = IProcess(self).gid
        return gid

    def __repr__(self) -> str:
        return f"<Application {self.name!r}>"


def is_application(value: object) -> bool:
    """Whether `value` is a root: ours, Twisted's, or anything else that offers the same three interfaces."""
    needed: tuple[type[Interface], ...] = (IService, IServiceCollection, IProcess)
    return all(interface(value, None) is not None for interface in needed)
