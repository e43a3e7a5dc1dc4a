"""The service tree of a graph of inert nodes: paths, classes, addresses, as far as stock classes show them.

What `core.tree` and `core.needs` read off the live application is read here off the saved one, with nothing made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tapdaemon.tapfile import addresses
from tapdaemon.tapfile.graph.nodes import Group, Made, Name
from tapdaemon.tapfile.manifest import Listen, Service

COMPONENTS = "_adapterCache"
"""The attribute of an application (twisted.python.components.Componentized) that holds its parts by interface."""
DEEPEST = 100
"""Services below services, and endpoints around endpoints: what is deeper is no application's, but somebody's trick."""
_SERVICE = "twisted.application.service.IService"
_ENDPOINTS = ("TCP4ServerEndpoint", "TCP6ServerEndpoint", "SSL4ServerEndpoint")


class Place(NamedTuple):
    """A service in the tree."""

    path: str
    node: Made


def walk(root: Any) -> Iterator[Place]:
    """Every service, parents before children."""
    service = top(root)
    stack = [] if service is None else [Place(label(service, 0), service)]
    seen: set[int] = set()
    while stack:
        place = stack.pop()
        if id(place.node) in seen or place.path.count("/") > DEEPEST:
            continue
        seen.add(id(place.node))
        yield place
        found = [Place(f"{place.path}/{label(one, index)}", one) for index, one in enumerate(children(place.node))]
        stack += reversed(found)


def top(root: Any) -> Made | None:
    """The application's own service; None where the root is no application as Twisted makes them."""
    parts = root.attributes.get(COMPONENTS) if isinstance(root, Made) else None
    found = dict_of(parts).get(_SERVICE)
    return found if isinstance(found, Made) else None


def children(service: Made) -> list[Made]:
    """The services of a collection, in their order."""
    held = service.attributes.get("services")
    items = held.items if isinstance(held, Group) and held.kind == "list" else []
    return [item for item in items if isinstance(item, Made)]


def label(service: Made, index: int) -> str:
    """A service's name, or its class and index."""
    name = service.attributes.get("name")
    return name if isinstance(name, str) and name else f"{class_of(service).rpartition('.')[2]}[{index}]"


def class_of(node: Made) -> str:
    """The name of an object's class, or of the function that returns it."""
    kind = node.kind if node.kind is not None else node.callee
    return str(kind) if isinstance(kind, Name) else "object"


def dict_of(node: Any) -> dict[Any, Any]:
    """A dict's items whose keys are plain values."""
    if not isinstance(node, Group) or node.kind != "dict":
        return {}
    return {key: value for key, value in node.items if isinstance(key, (str, int, bytes, float))}


def services(root: Any) -> tuple[Service, ...]:
    """The tree as a manifest holds it."""
    return tuple(Service(place.path, class_of(place.node)) for place in walk(root))


def listens(root: Any) -> tuple[Listen, ...]:
    """The addresses that its services listen on."""
    return tuple(one for place in walk(root) for one in _of_service(place.node, place.path))


def _of_service(service: Made, path: str) -> Iterator[Listen]:
    module, _, name = class_of(service).rpartition(".")
    if module != "twisted.application.internet":
        return
    held = service.attributes
    if name == "StreamServerEndpointService":
        yield from _endpoint(held.get("endpoint"), path)
    elif name.endswith("Server"):
        given = held.get("args")
        arguments = given.items if isinstance(given, Group) else []
        yield from _plain(addresses.of_call, name.removesuffix("Server"), arguments, dict_of(held.get("kwargs")), path)


def _endpoint(endpoint: Any, path: str, wrappers: int = 0) -> Iterator[Listen]:
    if not isinstance(endpoint, Made) or wrappers > DEEPEST:
        return
    held, name = endpoint.attributes, class_of(endpoint).rpartition(".")[2]
    if name in _ENDPOINTS:
        given = {"port": held.get("_port"), "interface": held.get("_interface"), "backlog": held.get("_backlog")}
        yield from _plain(addresses.of, "tcp", given, path)
    elif name == "UNIXServerEndpoint":
        given = {"path": held.get("_address"), "mode": held.get("_mode"), "backlog": held.get("_backlog")}
        yield from _plain(addresses.of, "unix", given, path)
    elif str(endpoint.callee).endswith(".rebuild.server_endpoint"):
        given_to = endpoint.arguments.items if isinstance(endpoint.arguments, Group) else []
        yield from _plain(lambda *given: addresses.of_description(str(given[0]), path), *given_to)
    else:
        yield from _endpoint(held.get("_wrappedEndpoint"), path, wrappers + 1)


def _plain(read: Any, *arguments: Any) -> Iterator[Listen]:
    """What comes of arguments that are what they should be: a file may say anything."""
    try:
        yield from read(*arguments)
    except (TypeError, ValueError, UnicodeError):
        return
