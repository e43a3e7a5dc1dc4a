"""Change sets as inert nodes: the same in both styles, in words, and beside the graph of their base."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved import payload
from twisted.application.service import IServiceCollection, MultiService, Service

import tapdaemon
from tapdaemon.cli import diff, graph, show
from tapdaemon.errors import TapDamagedError
from tapdaemon.persist.codec import styles
from tapdaemon.persist.state import applying, saving
from tapdaemon.persist.state.baseline import Baseline
from tapdaemon.tapfile.container import seal_members
from tapdaemon.tapfile.graph import changesets, comparison, graphs, listing, source, symbols
from tapdaemon.tapfile.graph.changesets import ChangeSet, Entry
from tapdaemon.tapfile.graph.nodes import Group, Made, Name, Place
from tapdaemon.tapfile.manifest import Manifest, Process


class Clock:
    """A thing of the base."""

    def __init__(self, owner=None):
        self.owner = owner


class Desk(Service):
    """A service with a container of each kind."""

    def __init__(self):
        self.setName("desk")
        self.visits = 0
        self.greeting = "hello"
        self.clock = Clock(self)
        self.goods = {"tea": 3, Clock: self.clock}
        self.queue = [Clock(), 7]
        self.tags = {"new"}
        self.data = bytearray(b"x")


def base():
    made = tapdaemon.Application("shop")
    Desk().setServiceParent(made)
    inner = MultiService()
    inner.setServiceParent(made)
    Service().setServiceParent(inner)
    return made


def desk(application) -> Desk:
    return IServiceCollection(application).getServiceNamed("desk")


def changed(life) -> bytes:
    """The payload of what a life changes in the base."""
    application = base()
    baseline = Baseline(application)
    baseline.take_ready()
    life(desk(application))
    return saving.save(baseline, is_running=True).payload


def read(life) -> ChangeSet:
    return graphs.read_changes(changed(life), "pickle")


def applied(data: bytes) -> str:
    """The base with a change set, as text."""
    application = base()
    assert applying.apply(data, application, Baseline(application)).lost == []
    return source.write(symbols.read(payload(application)))


def through_text(data: bytes) -> bytes:
    """A payload as text, and back; the text is stable."""
    codec = styles.codec("source")
    text = codec.encode_changes(data)
    back = codec.decode_changes(text)
    assert codec.encode_changes(back) == text
    return back


def everything(one: Desk) -> None:
    """A row of each facet, new objects that are shared, cycles, in both directions."""
    one.visits, one.more = 3, (one.clock, one.goods)
    del one.greeting
    one.clock.owner = new = Clock(one)
    one.goods["me"] = [one, new]
    one.goods["me"].append(one.goods["me"])
    del one.goods["tea"]
    one.queue[:] = [new, *reversed(one.queue)]
    one.tags.add(("a", 1))
    one.data += b"y"
    added = Service()
    added.setName("added")
    added.setServiceParent(one.parent)


# ---- both styles


def test_a_change_set_is_the_same_in_both_styles():
    """What is applied is what the application changed, whether it went through text or not."""
    data = changed(everything)
    assert applied(data) != applied(changed(lambda _: None))
    assert applied(through_text(data)) == applied(data)


def test_an_object_of_the_base_stays_one():
    """A reference leads to the base's own object, and a new object that two rows share is one."""
    application = base()
    applying.apply(through_text(changed(everything)), application, Baseline(application))
    one = desk(application)
    assert one.more == (one.clock, one.goods)
    assert one.more[1] is one.goods
    assert one.goods["me"][0] is one
    assert one.goods["me"][1] is one.clock.owner is one.queue[0]
    assert one.goods["me"][2] is one.goods["me"]
    assert not hasattr(one, "greeting")
    services = IServiceCollection(application)
    assert services.getServiceNamed("added").parent is services


def test_states_that_follow_come_back():
    """A chain that is too deep for one pickle."""

    def life(one):
        for _ in range(5_000):
            one.clock.owner = Clock(one.clock.owner)

    data = changed(life)
    assert any(map(changesets.is_states, graphs.read_changes(data, "pickle").roots))
    application = base()
    applying.apply(through_text(data), application, Baseline(application))
    length, clock = 0, desk(application).clock.owner
    while isinstance(clock, Clock):
        length, clock = length + 1, clock.owner
    assert (length, clock) == (5_000, desk(application))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.sampled_from(["<desk>", "<clock>", "<goods>"]),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=15,
)  # fmt: skip


def with_objects(value, one: Desk):
    """A value in which some texts are objects of the base."""
    if isinstance(value, (list, tuple)):
        return type(value)(with_objects(part, one) for part in value)
    if isinstance(value, dict):
        return {key: with_objects(part, one) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    return {"<desk>": one, "<clock>": one.clock, "<goods>": one.goods}.get(value, value)


@given(st.dictionaries(st.text(), VALUES), VALUES, st.lists(VALUES))
def test_any_change_comes_back(attributes, item, elements):
    """Whatever names, keys and values are."""

    def life(one):
        vars(one).update({f"own {name}": with_objects(value, one) for name, value in attributes.items()})
        one.goods["item"] = with_objects(item, one)
        one.queue += with_objects(elements, one)

    data = changed(life)
    assert applied(through_text(data)) == applied(data)


# ---- the text


def test_the_text_reads_so():
    """Changes by place, the table at the end."""

    def life(one):
        one.visits = 3
        del one.greeting
        one.queue.append(one.clock)

    text = graphs.write_changes(read(life), "source").decode()
    changes, table = text.split("\n# The places")
    assert changes == (
        "# tapdaemon changes 1\n"
        "\n"
        "change('shop/desk', attributes={'visits': 3}, gone=['greeting'])\n"
        "\n"
        "change(\n"
        "    'shop/desk.queue',\n"
        "    elements=[base('shop/desk.queue[0]'), 7, base('shop/desk.clock')],\n"
        "    had=[base('shop/desk.queue[0]'), 7],\n"
        ")\n"
    )
    assert "    'shop/desk.clock': ('shop/desk', 'attribute', 'clock', 'test_changesets.Clock'),\n" in table


def test_an_edit_may_name_any_place():
    """A person lets an attribute be another object of the base."""
    text = graphs.write_changes(read(lambda one: setattr(one, "more", one.clock)), "source").decode()
    edited = text.replace("'more': base('shop/desk.clock')", "'more': base('shop/desk.goods')")
    assert edited != text
    application = base()
    applying.apply(styles.codec("source").decode_changes(edited.encode()), application, Baseline(application))
    assert desk(application).more is desk(application).goods


TABLE = "\nplaces = {'a': (None, 'root', 'a', 'x.A'), 'a.l': ('a', 'attribute', 'l', 'builtins.list')}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("change('a', attributes={'x': 1})", "nothing is called places"),
        ("change('a', attributes={'x': }" + TABLE, "line 1: "),
        ("change('b', attributes={'x': 1})" + TABLE, "line 1: the base has no place 'b'"),
        ("\nchange('a', attributes={'x': base('c')})" + TABLE, "line 2: the base has no place 'c'"),
        ("change('a', attributes=[1])" + TABLE, "line 1: its facet is given something else"),
        ("change('a', attributes={1: 2})" + TABLE, "line 1: its facet is given something else"),
        ("change('a.l', members=[1])" + TABLE, "line 1: the object at that place has no such facet"),
        ("change('a', colour={})" + TABLE, "line 1: a change is of one facet: attributes, items"),
        ("change('a', attributes={}, items={})" + TABLE, "line 1: a change is of one facet"),
        ("change('a', attributes={}, attributes={})" + TABLE, "line 1: "),
        ("change('a', attributes={}, had=[])" + TABLE, "line 1: attributes are given with gone= and order="),
        ("change('a', attributes={}, gone=1)" + TABLE, "line 1: what is gone is no list"),
        ("change('a', items={}, order=1)" + TABLE, "line 1: its order is no list"),
        ("change('a', 'b', attributes={})" + TABLE, "line 1: only change(PLACE, FACET=...) stands here"),
        ("print('a')" + TABLE, "line 1: only change(PLACE, FACET=...) stands here"),
        ("states(1)" + TABLE, "line 1: states are a list of objects"),
        ("x = y\ny = x\nchange('a', content=x)" + TABLE, "x is called what it is called"),
        ("x = y = 1" + TABLE, "line 1: a label stands for itself"),
        ("change('a', content=float('x'))" + TABLE, "line 1: could not convert"),
        ("change('a', content=bytearray(7))" + TABLE, "line 1: a bytearray is made of bytes"),
        ("change('a', content=obj('a:B', x=1))" + TABLE, "line 1: obj(...) is none of"),
        ("change('a', content=obj('a:B').items([1]))" + TABLE, "line 1: a list belongs here"),
        ("change('a', content=obj('a:B').items([(1,)]))" + TABLE, "line 1: a key and a value belong here"),
        ("places = {'a': ('b', 'root', 'a', 'x.A')}", "line 1: the base has no place 'b'"),
        ("places = {'a': (None, 'roof', 'a', 'x.A')}", "line 1: no such kind of step"),
        ("places = {'a': (None, 'element', 'a', 'x.A')}", "line 1: the key of a step of kind element is another"),
        ("places = {'a': (None, 'root', 'a')}", "line 1: a place is written 'NAME: (PARENT, STEP, KEY, CLASS)'"),
        (
            "places = {'a': (None, 'root', 'a', 'x'), 'a': (None, 'root', 'a', 'x')}",
            "line 1: 'a' is no name of a place",
        ),
        ("places = [1]", "nothing is called places"),
    ],
)
def test_a_wrong_text_is_told_by_its_line(text, told):
    """One message, before anything is written."""
    with pytest.raises(TapDamagedError) as caught:
        graphs.read_changes(text.encode(), "source")
    assert told in str(caught.value)


def test_places_that_look_alike_keep_apart():
    """An attribute and what a method is of, keys whose beginnings are the same."""
    keys = ["k" * 100 + "1", "k" * 100 + "2"]
    entries = [Entry(-1, "root", "a", "x.A"), *(Entry(0, "item", key, "x.B") for key in keys)]
    changes = ChangeSet(
        entries, [Group("tuple", [2, "attributes", Group("dict", [("x", Place(1))]), Group("list"), None])]
    )
    back = graphs.read_changes(graphs.write_changes(changes, "source"), "source")
    assert (back.rows[0].place, back.rows[0].given.items[0][1].number) == (2, 1)
    assert len(set(changes.names)) == 3


# ---- in words


def test_each_change_is_a_line():
    """By place; what is gone, what was left out, what functions of ours make."""
    told = list(listing.lines(read(everything)))
    assert "shop/desk.visits: 3" in told
    assert "shop/desk.greeting: gone" in told
    assert "shop/desk.more: (shop/desk.clock, shop/desk.goods)" in told
    assert (
        "shop/desk.goods['me']: [shop/desk, test_changesets.Clock, [shop/desk, test_changesets.Clock, list of 3]]"
        in told
    )
    assert "shop/desk.goods['tea']: gone" in told
    assert "shop/desk.data: bytearray(b'xy')" in told
    assert "shop.namedServices['added']: twisted.application.service.Service" in told


def test_many_names_of_one_object_are_folded():
    """Counters of a library: the first few, and how many more."""
    told = list(listing.lines(read(lambda one: one.goods.update({number: number for number in range(100)}))))
    assert told[0] == "shop/desk.goods[0]: 0"
    assert told[-1] == "shop/desk.goods: 93 more of its items"
    assert len(told) == 8


def test_a_page_ends_somewhere(monkeypatch):
    """A change set of many lines says how many more, and one that is large or cannot be read says so."""
    data = changed(lambda one: [setattr(one, f"a{number}", [number]) for number in range(5)])
    image = seal_members(Manifest(Process("shop"), base="file"), {"changes.pickle": data})
    assert show.changes_of(image, "x.tap")[0] == "shop/desk.a0: [0]"
    monkeypatch.setattr(show, "SHOWN", 3)
    assert show.changes_of(image, "x.tap")[3:] == ["and 2 lines more: tapctl show --graph has all"]
    monkeypatch.setattr(show, "READ_MAX", 3)
    assert "too many to list here" in show.changes_of(image, "x.tap")[0]
    other = seal_members(Manifest(Process("shop"), base="file"), {"changes.pickle": b"x"})
    monkeypatch.undo()
    assert show.changes_of(other, "x.tap")[0].startswith("what changed cannot be read: ")


def test_the_tree_labels_what_rows_share():
    """One object under two changes is drawn once."""
    changes = read(everything)
    drawn = graph.tree(
        *(node for _, node in listing.named(changes)), names=[name for name, _ in listing.named(changes)]
    )
    assert "shop/desk attributes: {}\n" in drawn
    assert "test_changesets.Clock &" in drawn
    assert "['more']: ()\n    [0]: shop/desk.clock" in drawn
    assert {"base": "shop/desk"} in [
        part for one in graph.table(None, listing.named(changes))["objects"] for _, part in one["parts"]
    ]


# ---- beside the base


def images(life):
    """A base with its graph, and its snapshot."""
    members = {"application.pickle": payload(base())}
    manifest = Manifest(Process("shop"))
    return seal_members(manifest, members), seal_members(manifest, members | {"changes.pickle": changed(life)})


def told(one, other) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {change.where: (change.before, change.after) for change in diff.changes(one, other, ("a", "b"))}


def test_what_the_base_has_stands_beside_it():
    """As its graph shows it: attributes, items, elements, below services with a name and without."""

    def life(one):
        everything(one)
        (inner,) = (child for child in one.parent if not child.name)
        vars(inner)["name"] = None
        next(iter(inner)).more = 1
        next(iter(inner)).running = 7

    one, other = images(life)
    found = told(one, other)
    assert found["shop/desk.visits"] == (("0",), ("3",))
    assert found["shop/desk.greeting"] == (("'hello'",), ())
    assert found["shop/desk.goods['tea']"] == (("3",), ())
    assert found["shop/desk.queue"] == ((), ("test_changesets.Clock",))
    assert found["shop/desk.tags"] == ((), ("('a', 1)",))
    assert found["shop/desk.data"] == (("bytearray(b'x')",), ("bytearray(b'xy')",))
    assert found["shop/desk.clock.owner"][1] == ("test_changesets.Clock",)
    assert found["shop/MultiService[1]/Service[0].more"] == ((), ("1",))
    assert {where: sides[::-1] for where, sides in told(other, one).items()} == found


def test_two_snapshots_differ_where_their_values_do():
    """Inside of what both changed as well; what both have alike is no difference, however it is numbered."""

    def life(number):
        def one_life(one):
            one.same = {"a": [one.clock, 1]}
            one.deep = {"a": [one.clock, number]}
            if number == 2:
                one.only = Clock()

        return one_life

    (_, one), (_, other) = images(life(1)), images(life(2))
    assert told(one, other) == {
        "shop/desk.deep['a'][1]": (("1",), ("2",)),
        "shop/desk.only": ((), ("test_changesets.Clock",)),
    }
    assert told(one, one) == {}


def test_without_a_graph_nothing_is_made_up():
    """The base's side is empty, and what is gone is said to be."""
    _, snapshot = images(everything)
    bare = seal_members(Manifest(Process("shop"), base="file"), {})
    other = seal_members(Manifest(Process("shop"), base="file"), {"changes.pickle": snapshot.changes})
    found = told(bare, other)
    assert found["shop/desk.visits"] == ((), ("3",))
    assert found["shop/desk.greeting"] == (("something that the graph does not show",), ())


# ---- what a file may do to who looks into it


def test_a_long_chain_takes_no_recursion_and_no_square():
    """Ways of a chain of the base are cut, so that all of them together grow with its length."""
    length = 20_000
    entries = [Entry(-1, "root", "a", "x.A"), *(Entry(number, "attribute", "next", "x.A") for number in range(length))]
    rows = [
        Group("tuple", [number, "attributes", Group("dict", [("x", Place(length - number))]), Group("list"), None])
        for number in range(length)
    ]
    changes = ChangeSet(entries, rows)
    assert sum(map(len, changes.names)) < 400 * length
    root = Made(Name("x", "A"), Group("tuple"), new=True)
    assert listing.BaseGraph(root, entries).at(next(listing.listed(changes))) is comparison.NOTHING
    assert len(list(listing.lines(changes))) == length


def test_containers_that_share_do_not_grow_in_words():
    """Eight times itself, a hundred times over: a line is a line, as a value and as a key."""
    node = Group("tuple", [1])
    for _ in range(100):
        node = Group("tuple", [node] * 8)
    given = Group("dict", [(node, node), (Group("tuple", [node, 1]), 1)])
    entries = [Entry(-1, "root", "a", "x.A"), Entry(0, "item", node, "x.B")]
    changes = ChangeSet(entries, [Group("tuple", [1, "items", given, Group("list"), None])])
    assert all(len(line) < 1000 for line in listing.lines(changes))
    assert len(graphs.write_changes(changes, "source")) < 100_000


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((5, "attributes", Group("dict"), Group("list"), None), "there is no such place"),
        ((0, "colour", Group("dict"), Group("list"), None), "there is no such facet"),
        ((0, "items", Group("list"), Group("list"), None), "its facet is given something else"),
        ((0, "attributes", Group("dict"), None, None), "what is gone is no list"),
        ((0, "attributes", Group("dict", [("x", Place(9))]), Group("list"), None), "there is no place 9"),
    ],
)
def test_a_row_that_is_none_is_refused(row, told):
    """Before anything of it is shown or applied."""
    with pytest.raises(TapDamagedError) as caught:
        ChangeSet([Entry(-1, "root", "a", "x.A")], [Group("tuple", list(row))])
    assert told in str(caught.value)


def test_a_graph_refers_to_no_base():
    """The opcode that asks for an object of a base is in change sets alone."""
    with pytest.raises(TapDamagedError, match="there is none"):
        symbols.read(b"\x80\x05K\x00Q.")
