"""A module of things that applications hold, for the tests of saving: nothing in it is special to them."""

from __future__ import annotations

from functools import wraps

from twisted.application.service import Service
from twisted.internet import protocol


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
