# ruff: noqa: B023, C400, E731, FURB192, PLC3002, PLW0108, RUF012 - odd forms of functions are what this file is for
"""Functions of every kind, each with how it is made and how it is used; run as a program it saves and loads them all.

It needs no library, so that any Python can do it: python function_kinds.py save|load FOLDER-OF-SOURCES FILE.
"""

import asyncio
import functools
import io
import json
import pickle
import sys
import types


def make_pair():
    """Two functions over one variable."""
    count = 0

    def increase(step=1):
        nonlocal count
        count += step
        return count

    return increase, lambda: count


def make_recursive():
    def countdown(number):
        return [number, *countdown(number - 1)] if number else []

    return countdown


def make_mutual():
    def even(number):
        return number == 0 or odd(number - 1)

    def odd(number):
        return number != 0 and even(number - 1)

    return even


def make_empty():
    """A closure over a variable that has no value yet."""

    def read():
        try:
            return later
        except NameError:
            return "nothing yet"

    if make_empty is None:
        later = 1
    return read


def make_documented():
    def documented(a, *, b=3):
        """What it says."""
        return a, b

    documented.__name__, documented.limit = "renamed", 7
    return documented


def make_asynchronous(value):
    async def answer():
        return [value async for value in numbers()]

    async def numbers():
        for number in range(value):
            yield number

    return answer


def make_generator(start):
    def numbers(end):
        yield from range(start, end)

    return numbers


def make_deferring(factor):
    def multiplied(deferred):
        number = yield deferred
        return number * factor

    return multiplied


def plain(function):
    def wrapper(*args):
        return ["plain", function(*args)]

    return wrapper


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ["wrapped", function(*args)]

    return wrapper


@plain
def in_plain(number):
    return number


@wrapped
@plain
def in_both(number):
    """Says what it does."""
    return number


@wrapped
def in_wraps(number):
    return number


class Base:
    def greet(self):
        return "base"


class Derived(Base):
    rules = [lambda number: number + 1, lambda number: number * 2]
    table = {name: lambda name=name: name for name in "ab"}

    @plain
    def greet(self):
        return [super().greet(), self.__hidden()]

    @staticmethod
    def __hidden():
        return "hidden"

    make = staticmethod(lambda: lambda: Derived._Derived__hidden())


double = lambda number: number * 2


def described(function):
    return [function(1), function.__name__, function.__doc__, function.limit, function.__kwdefaults__]


def counted(pair):
    increase, read = pair
    return [increase(), increase(5), read(), increase.__closure__[0] is read.__closure__[0]]


def same_cell(function):
    """A recursive function's cell holds that very function."""
    return [function(3), function.__closure__[0].cell_contents is function]


def each(*args):
    return lambda functions: [function(*args) for function in functions]


KINDS = {
    "a lambda of a module": (lambda: double, lambda f: f(4)),
    "a lambda of a function": (lambda: lambda n: n + 1, lambda f: f(4)),
    "lambdas on one line": (
        lambda: [lambda: 0, lambda: 1, lambda x=2: x, lambda: None, lambda: (1, 2), lambda: -1],
        each(),
    ),
    "nested lambdas on one line": (
        lambda: [lambda: lambda: "a", lambda: lambda: "b"],
        lambda f: [one()() for one in f],
    ),
    "inner lambdas on one line": (lambda: [(lambda: lambda: "a")(), (lambda: lambda: "b")()], each()),
    "lambdas in a list comprehension": (lambda: [lambda: i for i in range(3)], each()),
    "lambdas in a set comprehension": (lambda: sorted({(i, lambda i=i: i) for i in range(3)})[0][1], lambda f: f()),
    "lambdas in a dict comprehension": (lambda: {i: lambda j: (i, j) for i in range(3)}, lambda f: f[0](1)),
    "lambdas in a generator expression": (lambda: list(lambda k=k: k for k in range(3)), each()),
    "lambdas in an f-string": (lambda: f"{(lambda: 1)()}" and (lambda x: f"{x!r:>{x}}{{}}{x=}"), lambda f: f(4)),
    "lambdas in a class": (lambda: Derived.rules, each(5)),
    "lambdas in a class's comprehension": (lambda: Derived.table, lambda f: f["a"]()),
    "a closure over a private name": (Derived.make, lambda f: f()),
    "a pair over one variable": (make_pair, counted),
    "recursive in its own cell": (make_recursive, same_cell),
    "recursive in each other's cells": (make_mutual, lambda f: [f(4), f(5)]),
    "over an empty cell": (make_empty, lambda f: f()),
    "with keyword-only defaults and attributes": (make_documented, described),
    "an async function": (lambda: make_asynchronous(3), lambda f: asyncio.run(f())),
    "a generator function": (lambda: make_generator(2), lambda f: list(f(5))),
    "decorated without wraps": (lambda: in_plain, lambda f: [f(1), f.__name__]),
    "decorated with wraps": (lambda: in_both.__wrapped__, lambda f: f(1)),
    "the original of what is wrapped": (lambda: in_wraps.__wrapped__, lambda f: f(1)),
    "wrapped twice": (lambda: in_both, lambda f: [f(1), f.__name__, f.__wrapped__(1)]),
    "wrapped, by name": (lambda: in_wraps, lambda f: [f(1), f is in_wraps]),
    "a method's own function": (lambda: Derived.greet.__closure__[0].cell_contents, lambda f: f(Derived())),
    "a default that is a function": (lambda: lambda x, f=lambda y: y + 1: f(x), lambda f: f(1)),
}


def pickler_over(base):
    """A pickler with the rules for functions and cells alone."""
    from tapdaemon.persist.rules import functions

    class Pickler(base):
        def reducer_override(self, value):
            if isinstance(value, types.FunctionType):
                return functions.reduce_function(value)
            return functions.reduce_cell(value) if isinstance(value, types.CellType) else NotImplemented

    return Pickler


def saved(value, base):
    buffer = io.BytesIO()
    pickler_over(base)(buffer, 5).dump(value)
    return buffer.getvalue()


def main(verb, sources, path):
    """Save each kind with what it does; or say what each does that was loaded."""
    import function_kinds

    for name in ("tapdaemon", "tapdaemon.persist", "tapdaemon.persist.rules"):  # without what they import
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [f"{sources}/{name.replace('.', '/')}"]
    kinds = function_kinds.KINDS
    if verb == "save":
        with open(path, "wb") as file:
            each = {
                name: [saved(make(), pickler) for pickler in (pickle.Pickler, pickle._Pickler)]
                for name, (make, _) in kinds.items()
            }
            pickle.dump(each, file)
        print(json.dumps({name: use(make()) for name, (make, use) in kinds.items()}))
    else:
        with open(path, "rb") as file:
            payloads = pickle.load(file)
        print(json.dumps({name: [outcome(kinds[name][1], one) for one in payloads[name]] for name in kinds}))


def outcome(use, payload):
    try:
        return [use(load(io.BytesIO(payload)).load()) for load in (pickle.Unpickler, pickle._Unpickler)]
    except Exception as error:  # noqa: BLE001 - it is what the test shows
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(*sys.argv[1:])
