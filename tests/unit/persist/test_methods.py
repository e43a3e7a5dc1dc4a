"""Functions and methods, saved by the names that lead to them."""

from __future__ import annotations

import types

import livelihood
from saved import again


def test_functions_that_have_a_global_name_are_saved_by_it():
    """A decorated one is what the name says."""
    assert again(livelihood.decorated) is livelihood.decorated
    assert again(livelihood.make_adder) is livelihood.make_adder


def test_closures_keep_their_cells():
    """With the values that they have now; two that share a cell go on sharing it."""
    add = livelihood.make_adder(10)
    assert add(5) == 15
    first, second = again([add, add])
    assert first is second
    assert first(1) == 16
    assert add(0) == 15


def test_what_a_cell_holds_is_not_compared():
    """It may be half loaded, or make something of its own of a comparison."""
    assert isinstance(again(livelihood.make_holder(livelihood.Touchy()))(), livelihood.Touchy)


def test_a_function_that_calls_itself_is_whole():
    """Its cell holds it."""
    assert again(livelihood.make_recursive())(3) == [3, 2, 1]


def test_namesakes_are_told_apart():
    """Two lambdas of one line are two."""
    assert [function() for function in again(livelihood.make_twins())] == ["first", "second"]


def test_a_lambda_at_module_level_and_a_wrapped_original():
    """Found in the module's source by their place."""
    assert again(livelihood.double)(4) == 8
    assert again(livelihood.decorated.__wrapped__)(4) == 4


def test_methods_by_the_name_that_their_class_has_for_them():
    """Decorated without functools.wraps, a lambda, private, of the class, and given to one object alone."""
    dressed = livelihood.Dressed()
    dressed.own = types.MethodType(livelihood.stranger, dressed)
    held = [dressed.second, dressed.first, dressed.third, dressed.fourth, dressed.fifth(), dressed.own]
    said = ["wrapped second", "wrapped first", "third", "fourth", "fifth", "stranger of Dressed"]
    assert [method() for method in held] == said
    assert [method() for method in again(held)] == said


def test_an_overridden_method_is_not_the_one_that_overrides_it():
    """``super().render``, kept, is the base's afterwards."""
    over = livelihood.Overdressed()
    assert [method() for method in again([over.under(), over.first])] == ["wrapped first", "over"]


def test_methods_follow_their_objects():
    """Bound, private and class methods."""
    keeper = livelihood.Keeper("thing")
    same, method, private = again([keeper, keeper.method, keeper.get_private()])
    assert method.__self__ is same
    assert method() == "thing"
    assert private() == "private"
    assert again(livelihood.Keeper.make)().thing is None
