"""The manifest: typed and bounded where it is read, and what makes two taps one application."""

from __future__ import annotations

import json

import pytest
from full_tap import FULL, IMAGE
from hypothesis import given
from hypothesis import strategies as st

from tapdaemon import errors
from tapdaemon.tapfile.container import seal_members
from tapdaemon.tapfile.manifest import (
    Lineage,
    Listen,
    Manifest,
    Needs,
    Process,
    Recipe,
    Service,
    Step,
    dump,
    is_same_application,
)
from tapdaemon.tapfile.schema import parse


def test_a_manifest_comes_back_as_it_was():
    """dump and parse are inverse."""
    assert parse(dump(IMAGE.manifest)) == IMAGE.manifest


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("tap",), 1),
        (("tap",), 3),
        (("tap",), "1"),
        (("tap",), True),
        (("process", "name"), "a\nb"),
        (("process", "name"), "a\x1b[31m"),
        (("process", "uid"), -1),
        (("process", "uid"), 2**32),
        (("process", "uid"), "Root User"),
        (("process", "uid"), "$(id)"),
        (("style",), "marshal"),
        (("members", 0, "name"), "../x"),
        (("members", 0, "name"), "/etc/passwd"),
        (("members", 0, "name"), "a//b"),
        (("members", 0, "size"), -1),
        (("members", 0, "size"), 1.5),
        (("members", 0, "sha256"), "A" * 64),
        (("members",), {}),
        (("needs", "listen", 0, "host"), "localhost"),
        (("needs", "listen", 0, "host"), "::"),
        (("needs", "listen", 0, "port"), 65536),
        (("needs", "listen", 0, "kind"), "sctp"),
        (("needs", "listen", 2, "path"), "run/web"),
        (("needs", "listen", 2, "path"), "/run/web\n[Service]"),
        (("needs", "listen", 2, "mode"), 0o1777),
        (("recipe", "folder"), "srv"),
        (("base",), "nothing"),
        (("recipe", "path"), "here.tac"),
        (("left_out", 0, "place"), 7),
        (("forgets",), [1]),
        (("lineage", "reason"), "magic"),
        (("lineage", "base"), "short"),
        (("lineage", "generation"), -1),
        (("lineage", "time"), None),
    ],
)
def test_a_value_out_of_its_type_or_bounds_is_refused(way, value):
    """Every value is typed and bounded on reading, and the error names its place."""
    told = json.loads(dump(IMAGE.manifest))
    target = told
    for step in way[:-1]:
        target = target[step]
    target[way[-1]] = value
    with pytest.raises(errors.SchemaError) as caught:
        parse(json.dumps(told).encode())
    assert caught.value.status == 65


@pytest.mark.parametrize(
    "key", ["tap", "process", "style", "members", "services", "needs", "base", "left_out", "forgets", "lineage"]
)
def test_a_missing_key_is_refused(key):
    """No part may be left out."""
    told = json.loads(dump(IMAGE.manifest))
    del told[key]
    with pytest.raises(errors.SchemaError, match=key):
        parse(json.dumps(told).encode())


def test_a_key_that_stands_twice_is_refused():
    """Two readers must not see two values."""
    with pytest.raises(errors.SchemaError, match="twice"):
        parse(dump(IMAGE.manifest).replace(b'"base": "graph"', b'"base": "graph", "base": "recipe"'))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    """Whatever is given, it is a manifest or a SchemaError."""
    with pytest.raises(errors.SchemaError):
        parse(data)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)))
def test_no_json_breaks_the_reader(value):
    """In no place does a wrong type raise anything else."""
    for key in json.loads(dump(IMAGE.manifest)):
        told = json.loads(dump(IMAGE.manifest)) | {key: value}
        try:
            parse(json.dumps(told).encode())
        except errors.SchemaError as error:
            assert error.status == 65  # noqa: PT017 - either outcome is right


def test_content_is_what_was_made_not_when_or_where():
    """Time, addresses and user leave the content alone; recipe, payload and code do not."""
    same = IMAGE.manifest._replace(
        lineage=Lineage(time=1),
        process=Process("web", 0, 0),
        needs=Needs(listen=(Listen("tcp4", "web", host="127.0.0.1", port=1),)),
    )
    assert same.content == IMAGE.manifest.content
    other = [
        IMAGE.manifest._replace(recipe=None),
        seal_members(FULL, {"application.pickle": b"other", "code/shop.py": b"x = 1\n"}).manifest,
        seal_members(FULL, {"application.pickle": b"payload", "code/shop.py": b"x = 2\n"}).manifest,
    ]
    assert len({manifest.content for manifest in (*other, IMAGE.manifest)}) == 4


def test_addresses_are_written_as_a_person_writes_them():
    """IPv6 stands in brackets."""
    assert [listen.address for listen in FULL.needs.listen] == [
        "tcp4:0.0.0.0:80",
        "tcp6:[::]:80",
        "unix:/run/web/admin",
    ]


def test_another_schema_is_refused_with_what_to_do():
    """Both ways: a tap of the version before, and one of a version to come."""
    for version in (1, 3):
        told = json.loads(dump(IMAGE.manifest)) | {"tap": version}
        with pytest.raises(errors.SchemaError, match=f"version {version} is not the version 2.*mktap"):
            parse(json.dumps(told).encode())


@pytest.mark.parametrize(
    ("manifest", "part"),
    [
        (IMAGE.manifest._replace(members=IMAGE.manifest.members[1:]), "the base is made from it"),
        (FULL._replace(base="recipe", recipe=None), "names no maker and no Python file"),
        (FULL._replace(base="recipe", recipe=Recipe()), "names no maker and no Python file"),
        (
            seal_members(FULL, {"changes.source": b"x", "application.pickle": b"x"}).manifest,
            "no member of a tap in style",
        ),
        (seal_members(FULL, {"application.pickle": b"x", "readme": b"x"}).manifest, "no member of a tap in style"),
        (IMAGE.manifest._replace(members=IMAGE.manifest.members * 2), "listed twice"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(manifest, part):
    """How the base is made has to be there, in the tap's own style, and nothing else."""
    with pytest.raises(errors.SchemaError, match=part):
        parse(dump(manifest))


def test_a_snapshot_of_a_stock_file_needs_no_base():
    """It is run beside the file that it is of."""
    manifest = seal_members(Manifest(Process("old"), base="file"), {"changes.pickle": b"x"}).manifest
    assert parse(dump(manifest)) == manifest


WEB, SOCKS = Step("web", ("--path", "/srv")), Step("socks")
BARE = Manifest(Process("web"))


def by(*steps, python=None, services=()):
    recipe = Recipe(steps, python=python) if steps or python else None
    return BARE._replace(recipe=recipe, services=tuple(Service(*one) for one in services))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (by(WEB), by(Step("web", ("--path", "/other"))), True),
        (by(WEB), by(WEB, SOCKS), True),
        (by(WEB), by(SOCKS), False),
        (by(python="tac_shop"), by(python="tac_shop"), True),
        (by(python="tac_shop"), by(SOCKS, python="tac_shop"), True),
        (by(python="tac_shop"), by(python="tac_other"), False),
        (by(python="tac_shop"), by(WEB), False),
        (by(python="tac_shop", services=[("a", "A")]), by(services=[("a", "A"), ("b", "B")]), True),
        (by(services=[("a", "A")]), by(services=[("a", "A"), ("b", "B")]), True),
        (by(services=[("a", "A")]), by(services=[("a", "B")]), False),
        (by(), by(services=[("a", "B")]), True),
        (by(), by()._replace(process=Process("other")), False),
    ],
)
def test_which_taps_are_one_application(one, other, is_same):
    """By what their recipes begin with; where one has none, by their trees; else by their names."""
    assert is_same_application(one, other) is is_same_application(other, one) is is_same
