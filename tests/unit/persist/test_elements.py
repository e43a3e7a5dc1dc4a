"""The short ways for large lists give what the rule of four moments gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tapdaemon.persist.state import elements, four
from tapdaemon.persist.state.baseline import tag
from tapdaemon.persist.state.four import Moments

PARTS = [object() for _ in range(3)] + [1, "a", 2.5]
parts = st.lists(st.sampled_from(PARTS), max_size=4)


@given(built=parts, grown=parts, is_running=st.booleans(), resumed=st.sets(st.sampled_from(PARTS).map(tag)))
def test_what_life_added_is_kept_as_the_rule_has_it(built, grown, is_running, resumed):
    """Elements behind those of the base, equal ones among them, are kept in order, and the base's own with them."""
    last = built + grown
    moments = Moments(built, list(built), last, last if is_running else list(last), is_running)
    found = elements.kept("elements", moments, resumed)
    if grown:
        assert found == four.elements(moments, tag, resumed)
    assert [part for part, _ in found] == last
