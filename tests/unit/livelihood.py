"""A module of things that applications hold, for the tests of saving: nothing in it is special to them."""

from __future__ import annotations

from functools import wraps

from twisted.application.service import Service
from twisted.internet import protocol


def unnamed(method):
    """A decorator that gives its function a name of its own."""

    def wrapper(self):
        return f"wrapped {method(self)}"

    return wrapper


class Dressed:
    """Methods whose functions are called otherwise than they are."""

    @unnamed
    def first(self):
        return "first"

    @unnamed
    def second(self):
        return "second"

    third = lambda self: "third"  # noqa: E731 - the name of a lambda is the point

    @classmethod
    def fourth(cls):
        return "fourth"

    def __fifth(self):
        return "fifth"

    def fifth(self):
        return self.__fifth


class Overdressed(Dressed):
    def first(self):
        return "over"

    def under(self):
        return super().first


def stranger(owner):
    """A function that an object gets as its method."""
    return f"stranger of {type(owner).__name__}"


class Touchy:
    """What cannot be compared before it is whole."""

    def __eq__(self, other):
        raise AttributeError("there is nothing to compare yet")

    __hash__ = None


def make_holder(value):
    return lambda: value


def make_adder(start):
    """A closure over a value that it changes."""
    total = start

    def add(number):
        nonlocal total
        total += number
        return total

    return add


def make_recursive():
    def countdown(number):
        return [number, *countdown(number - 1)] if number else []

    return countdown


def make_twins():
    return [lambda: "first", lambda: "second"]


def logged(function):
    @wraps(function)
    def wrapper(*arguments):
        return ("logged", function(*arguments))

    return wrapper


@logged
def decorated(value):
    return value


double = lambda number: number * 2  # noqa: E731 - what people write


class Keeper(Service):
    """A service that holds one thing."""

    def __init__(self, thing=None):
        self.thing = thing

    def method(self):
        return self.thing

    def __private(self):
        return "private"

    def get_private(self):
        return self.__private

    @classmethod
    def make(cls):
        return cls()


class Stuck:
    """Refuses to be saved, in its own words."""

    def __getstate__(self):
        raise RuntimeError("not while the moon is up")


class EchoFactory(protocol.Factory):
    protocol = protocol.Protocol


class Aging:
    """Loaded, it is not what was saved."""

    def __init__(self):
        self.age = 1

    def __setstate__(self, state):
        self.age = state["age"] + 1
