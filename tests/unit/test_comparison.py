"""Two graphs side by side, the tree of a graph that nobody loads, and what a manifest says after an edit."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.application import internet, service, strports
from twisted.internet import protocol
from twisted.web import server, static

from tapdaemon import Application
from tapdaemon.core import needs, tree
from tapdaemon.errors import TapDamagedError
from tapdaemon.persist import images
from tapdaemon.tapfile.graph import graphs, outline, revision, symbols
from tapdaemon.tapfile.graph.comparison import change, differences
from tapdaemon.tapfile.graph.nodes import Group, Made, Name
from tapdaemon.tapfile.manifest import Listen


class Shop(service.Service):
    """Somebody's service, with state."""

    def __init__(self):
        self.till = [1, 2, 3]
        self.prices = {"pear": 3, "apple": 2}
        self.open = {"mon", "tue"}


def shop() -> Application:
    application = Application("market")
    one = Shop()
    one.setName("shop")
    one.setServiceParent(application)
    strports.service("tcp:8080:interface=127.0.0.1", server.Site(static.File("/srv/www"))).setServiceParent(application)
    return application


def of(application) -> Shop:
    return service.IServiceCollection(application).getServiceNamed("shop")


def nodes(value):
    return symbols.read(images.make(value).graph if isinstance(value, Application) else pickle.dumps(value, 5))


def told(first, second) -> list[str]:
    return [f"{one.way}: {change(one)}" for one in differences(nodes(first), nodes(second))]


def test_equal_applications_do_not_differ():
    assert told(shop(), shop()) == []


@pytest.mark.parametrize(
    ("alter", "lines"),
    [
        (lambda one: one.till.append(4), ["market/shop.till[3]: 4 is new"]),
        (lambda one: one.till.insert(0, 9), ["market/shop.till[0]: 9 is new"]),
        (lambda one: one.till.remove(2), ["market/shop.till[1]: 2 is gone"]),
        (lambda one: one.prices.update(pear=4), ["market/shop.prices['pear']: 3 is 4"]),
        (lambda one: one.prices.pop("pear"), ["market/shop.prices['pear']: 3 is gone"]),
        (lambda one: one.open.add("wed"), ["market/shop.open['wed']: 'wed' is new"]),
        (lambda one: setattr(one, "till", (1, 2, 3)), ["market/shop.till: list of 3 is tuple of 3"]),
        (lambda one: setattr(one, "name2", None), ["market/shop.name2: None is new"]),
        (lambda one: setattr(one, "prices", one.__dict__["till"]), ["market/shop.prices: dict of 2 is list of 3"]),
    ],
    ids=["append", "insert", "remove", "set", "pop", "add", "tuple", "attribute", "same"],
)
def test_a_difference_is_told_by_its_way(alter, lines):
    """Through the service tree, then by attribute, key or place."""
    other = shop()
    alter(of(other))
    assert told(shop(), other) == lines


def test_services_are_told_apart_by_name():
    """One that is added and one that is gone, whatever their places are."""
    other = shop()
    of(other).disownServiceParent()
    internet.TimerService(1, print).setServiceParent(other)
    lines = told(shop(), other)
    assert "market/shop: test_comparison.Shop is gone" in lines
    assert "market/TimerService[1]: twisted.application.internet.TimerService is new" in lines


def test_services_in_another_order_differ():
    """They are started in their order."""
    one, other = service.MultiService(), service.MultiService()
    for names, parent in (("ab", one), ("ba", other)):
        for name in names:
            child = service.Service()
            child.setName(name)
            child.setServiceParent(parent)
    assert told(one, other) == ["application.<order>: 'a, b' is 'b, a'"]


def test_one_object_in_two_places_is_not_two_objects():
    """Else what loads equal would behave otherwise."""
    one, other = {}, {}
    shared: list = []
    one["a"] = one["b"] = shared
    other["a"], other["b"] = [], []
    assert told(one, other) == ["application['b']: list of 0 is shared otherwise"]


def test_cycles_end():
    one: list = [1]
    one.append(one)
    other = copy.deepcopy(one)
    assert told(one, other) == []
    other[0] = 2
    assert told(one, other) == ["application[0]: 1 is 2"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES, VALUES)
def test_values_differ_where_their_pickles_do(one, other):
    """No difference is missed, and none is made up: against Python's own repr."""
    assert told(one, copy.deepcopy(one)) == []
    assert bool(told(one, other)) == (repr(one) != repr(other))


# ---- the tree without its objects


def many() -> Application:
    """Every stock service that listens, nested."""
    application = shop()
    inner = service.MultiService()
    inner.setServiceParent(application)
    factory = protocol.Factory()
    internet.TCPServer(8081, factory, 5, "127.0.0.1").setServiceParent(inner)
    internet.TCPServer(8082, factory, interface="::1").setServiceParent(inner)
    internet.UDPServer(8083, protocol.DatagramProtocol()).setServiceParent(inner)
    internet.UNIXServer("/run/x.sock", factory, mode=0o600).setServiceParent(application)
    for text in ("tcp6:8084", "unix:/run/y.sock:mode=660", "haproxy:tcp:8085"):
        strports.service(text, factory).setServiceParent(application)
    return application


def test_the_saved_tree_is_the_live_one():
    """Paths, classes and addresses are what core reads off the application itself."""
    application = many()
    root = nodes(application)[0]
    assert outline.services(root) == tree.outline(application)
    found = outline.listens(root)
    assert found == needs.listens(application)
    assert len(found) == 8


def test_a_graph_that_says_anything_has_a_tree():
    """What a file puts where a port or a list belongs shows nothing, and raises nothing."""
    application = many()
    for one in service.IServiceCollection(application):
        if isinstance(one, internet.TCPServer):
            one.args = ("no port", None)
        one.name = 7
    assert outline.services(nodes(application)[0])
    assert outline.services(nodes([1])[0]) == ()


# ---- a manifest after an edit


def revised(alter):
    """The tap of a market whose graph somebody has altered, by the text of its source."""
    before = images.make(many())
    text = graphs.FORMS["source"].write(graphs.roots(before, "x"))
    new = alter(text.decode())
    assert new != text.decode()
    after = graphs.FORMS["source"].read(new.encode())
    return before, revision.revised(before, graphs.roots(before, "x"), after, time=5, writer="ed")


def test_an_edited_port_is_declared():
    """The old address goes, the new one comes in its place, what nobody touched stays."""
    before, after = revised(lambda text: text.replace("8081", "9091"))
    wanted = [one._replace(port=9091) if one.port == 8081 else one for one in before.manifest.needs.listen]
    assert list(after.manifest.needs.listen) == wanted
    assert after.manifest.content != before.manifest.content


def test_an_address_that_no_node_shows_stays():
    """A service of somebody's own was asked when the tap was made; an edit elsewhere takes nothing from it."""
    image = images.make(many())
    own = Listen("tcp4", "market/shop", host="127.0.0.1", port=1)
    needs_of = image.manifest.needs
    image = image._replace(manifest=image.manifest._replace(needs=needs_of._replace(listen=(own, *needs_of.listen))))
    roots = graphs.roots(image, "x")
    assert revision.revised(image, roots, roots, time=5, writer="ed").manifest.needs.listen[0] == own


def test_an_edited_path_is_declared():
    before, after = revised(lambda text: text.replace("/srv/www", "/srv/other"))
    assert "/srv/www" in before.manifest.needs.files
    assert "/srv/other" in after.manifest.needs.files
    assert "/srv/www" not in after.manifest.needs.files


def test_an_edited_name_is_in_the_outline():
    _, after = revised(lambda text: text.replace("name='shop'", "name='stall'"))
    assert [one.path for one in after.manifest.services][1] == "market/stall"


# ---- what a file may do to who looks into it


def made(module: str, kind: str, /, **attributes) -> Made:
    """An object as a node, as any file may have it."""
    return Made(Name(module, kind), Group("tuple"), new=True, states=[Group("dict", list(attributes.items()))])


def test_what_has_no_end_is_looked_at_as_far_as_it_goes():
    """Services below services, an endpoint that wraps itself: no recursion, no hang."""
    endpoint = made("nowhere", "Wrapper")
    endpoint.states[0].items.append(("_wrappedEndpoint", endpoint))
    inner = made("twisted.application.internet", "StreamServerEndpointService", endpoint=endpoint, name="port")
    top = made("twisted.application.service", "MultiService", services=Group("list", [inner]))
    for _ in range(5000):
        top = made("twisted.application.service", "MultiService", services=Group("list", [top, inner]))
    parts = Group("dict", [("twisted.application.service.IService", top)])
    root = made("tapdaemon.core.application", "Application", _adapterCache=parts)
    assert len(outline.services(root)) == outline.DEEPEST + 2
    assert outline.listens(root) == ()
    assert list(differences([root], [root])) == []


def test_many_keys_that_look_alike():
    """They are told apart by their number, in a time that grows with it."""
    keys = [(Name("shop", "Till"), number) for number in range(50_000)]
    one = Group("dict", [(Made(kind, Group("tuple"), new=True), number) for kind, number in keys])
    other = Group("dict", [(Made(kind, Group("tuple"), new=True), number) for kind, number in keys])
    assert list(differences([one], [other])) == []
    other.items[7] = (other.items[7][0], "7")
    assert [one.way for one in differences([one], [other])] == ["application[shop.Till #8]"]


def test_an_empty_payload_is_damage():
    with pytest.raises(TapDamagedError, match="empty"):
        symbols.read(b"")
