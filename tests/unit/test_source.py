"""The source style: text and graph are the same thing, edits hold, and text runs nothing."""

from __future__ import annotations

import itertools
import json
import math
import os
import pickle

import livelihood
import pytest
from hostile import MARK, TOUCH
from hypothesis import given
from saved import loaded, payload
from test_symbols import PLAIN

import tapdaemon
from tapdaemon import errors
from tapdaemon.cli import graph
from tapdaemon.persist.codec import styles
from tapdaemon.tapfile.graph import assembly, comparison, graphs, parsing, source, symbols
from tapdaemon.tapfile.graph.nodes import Group


def again(value):
    """A value as a pickle, as text, as a pickle, and back."""
    text = source.write(symbols.read(pickle.dumps(value)))
    roots = parsing.parse(text)
    assert source.write(roots) == text
    payload = assembly.assemble(roots)
    assert source.write(symbols.read(payload)) == text
    return pickle.loads(payload)


@given(PLAIN)
def test_plain_values_come_back(plain):
    """And their text is stable."""
    assert again(plain) == plain


def test_values_that_text_makes_hard():
    """Infinities, empty containers, one-tuples, control characters, lone surrogates, sets."""
    hard = [
        math.inf, -math.inf, set(), frozenset(), (), (1,), {}, [], {1, "a"}, frozenset({(1, 2)}),
        bytearray(b"\x00\xff"),
        "\x1b[2J\n\r\t'\"\\", "\ud800", b"\x94\x94", -1, 2**100, True, None, 1.5, "ä" * 300, {"a b": 1, "class": 2},
    ]  # fmt: skip
    assert again(hard) == hard
    assert math.isnan(again(math.nan))


def test_cycles_and_shared_objects():
    """Through lists, dicts, tuples and objects."""
    inner: list = []
    inner.append((inner, {"self": inner}))
    found = again([inner, inner])
    assert found[0] is found[1]
    assert found[0][0][0] is found[0]
    assert found[0][0][1]["self"] is found[0]


def test_any_depth():
    """What lies deep has a label of its own: no line is nested further than a reader follows."""
    deep: list = []
    for _ in range(5000):
        deep = [deep, 1]
    text = source.write(symbols.read(b"\x80\x04" + b"]" * 5000 + b"a" * 4999 + b"."))
    assert max(len(line) - len(line.lstrip()) for line in text.splitlines()) < 80
    assert len(parsing.parse(text)) == 1


def application():
    made = tapdaemon.Application("app")
    keeper = livelihood.Keeper({"port": 8080, "double": livelihood.double})
    keeper.setName("keeper")
    keeper.setServiceParent(made)
    return made


def test_an_application_comes_back():
    """Equal to the one that its pickle gives."""
    codec = styles.codec("source")
    data = payload(application())
    text = codec.encode(data)
    one, other = loaded(codec.decode(text)), loaded(data)
    first, second = (source.write(symbols.read(payload(made))) for made in (one, other))
    assert first == second == text.decode()


def test_an_edit_holds():
    """A person changes a number in the text."""
    codec = styles.codec("source")
    text = codec.encode(payload(application()))
    assert text.count(b"'port': 8080") == 1
    made = loaded(codec.decode(text.replace(b"'port': 8080", b"'port': 81")))
    from twisted.application.service import IServiceCollection

    (keeper,) = IServiceCollection(made)
    assert keeper.thing["port"] == 81


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nothing is called application"),
        ("application = [", "line 1"),
        ("application = nothing_1", "line 1: nothing is called nothing_1"),
        ("application = 1\napplication = 2", "line 2: application is there twice"),
        ("import os\napplication = 1", "line 1: only 'LABEL = ...' stands here"),
        (f"application = __import__('os').system('{TOUCH}')", "line 1: __import__(...) is none of obj, call"),
        (f"application = [__import__('os').system('{TOUCH}') for x in (1,)]", "line 1: no literal"),
        ("application = obj('a:B').run(1)", "line 1: no object has .run(...)"),
        ("application = obj('a.B')", "line 1: a name is written 'module:name'"),
        ("application = {**a_1}", "** cannot stand here"),
        ("application = 1 + 1", "line 1: no literal"),
        ("application = " + "(" * 300 + ")" * 300, "line"),
        ("application = '\x00'", "line"),
        ("application = a\na = application", "line 2: application is called what it is called"),
        ("application = a = 1", "line 1: a label stands for itself"),
        ("application = float('x')", "line 1: could not convert string to float"),
        ("application = bytearray(1)", "line 1: a bytearray is made of bytes"),
        ("application = obj('a:B', x=1)", "line 1: obj(...) is none of"),
        ("application = obj('a:B').state(1, x=2)", "line 1: only .set(...) has names"),
        ("application = obj('a:B').items([(1,)])", "line 1: a key and a value belong here"),
        ("application = base('a')", "line 1: base(...) is none of"),
    ],
)
def test_what_is_no_source_is_told_by_its_line(text, told, tmp_path, monkeypatch):
    """One message; nothing was run."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.TapDamagedError) as caught:
        parsing.parse(text)
    assert told in str(caught.value)
    assert MARK not in os.listdir(tmp_path)


def test_a_source_has_a_bound(monkeypatch):
    """To parse a text takes seventy times its size: what is too large is refused before, when written and when read."""
    monkeypatch.setattr(graphs, "SOURCE_MAX", 100)
    with pytest.raises(errors.TapError, match="more than the 100 that are read; keep it as a pickle"):
        graphs.form("source").write([Group("list", ["x" * 100])])
    with pytest.raises(errors.TapDamagedError, match="more than the 100 that are read"):
        graphs.form("source").read(b"application = [" + b"1, " * 40 + b"]")


def test_what_is_written_again_is_no_larger():
    """Texts that come again are references, as in a pickle of Python's own."""
    many = [{"a long name of an attribute": number, "another": str(number % 7)} for number in range(1000)]
    payload = pickle.dumps(many, 5)
    again = assembly.assemble(symbols.read(payload))
    assert pickle.loads(again) == many
    assert len(again) < len(payload) * 1.3


def test_a_long_number_is_written():
    """Python refuses decimals of more than 4300 digits; the graph of a file shows them all the same."""
    value = {"long": 10**9000, "negative": -(3**9000), "short": 10**400}
    assert again(value) == value
    root = symbols.read(pickle.dumps(value))[0]
    assert "0x" in graph.tree(root)
    json.dumps(graph.table(root))
    assert list(comparison.differences([root], [root])) == []


def test_labels_that_lead_to_labels():
    """However many: no recursion."""
    names = ["application", *(f"x_{number}" for number in range(5_000)), "7"]
    text = "\n".join(f"{name} = {after}" for name, after in itertools.pairwise(names))
    assert parsing.parse(text) == [7]


def test_no_label_of_an_object_is_taken_for_a_root():
    """A class of somebody's may be called Application, or in letters that labels do not have."""
    kinds = [type(name, (), {"__module__": __name__}) for name in ("Application", "Ünder", "If")]
    globals().update({kind.__name__: kind for kind in kinds})
    objects = [kind() for kind in kinds]
    found = again([objects, objects[::-1]])
    assert [type(one) for one in found[0]] == kinds
    assert found[0] == found[1][::-1]


class Mapping(dict):
    """A dict of somebody's own."""


def test_entries_that_lie_deep():
    """Those of a kind of dict below the depth from which all have labels."""
    deep = Mapping({(1, 2): [3]})
    for _ in range(30):
        deep = Mapping({"in": deep})
    assert again(deep) == deep


def test_a_name_that_is_written_otherwise_stays_itself():
    """The parser would make an fi of the ligature, and another attribute of it."""
    one = livelihood.Keeper()
    vars(one)["\ufb01le"] = 1
    assert vars(again(one)) == vars(one)
