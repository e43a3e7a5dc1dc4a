"""Classes whose objects cannot be saved, each for a reason of its own; and ones that run deep."""

from __future__ import annotations

import ctypes
import os
import signal


class Raises:
    def __reduce__(self):
        raise ValueError("not this one")


class Exits:
    def __reduce__(self):
        raise SystemExit(3)


class Recurses:
    def __reduce__(self):
        return self.__reduce__()


class Crashes:
    """The interpreter, with a signal."""

    def __reduce__(self):
        ctypes.string_at(0)


class Hangs:
    def __reduce__(self):
        signal.pause()


class Leaves:
    """The process, without a word."""

    def __reduce__(self):
        os._exit(3)


class Wrong:
    """Its reduction is none."""

    def __reduce__(self):
        return 7


def local():
    class Local:
        pass

    return Local()


class Link:
    """One of a chain, of a list that is linked both ways."""

    def __init__(self, number, before=None):
        self.number, self.before, self.after = number, before, None


def chain(count):
    """The first of so many links, each leading to the next."""
    first = last = Link(0)
    for number in range(1, count):
        last.after = Link(number)
        last = last.after
    return first


def linked(count):
    """The first of so many links that lead both ways."""
    first = last = Link(0)
    for number in range(1, count):
        last.after = Link(number, last)
        last = last.after
    return first


def nested(depth):
    """A list in a list in a list."""
    value = []
    for _ in range(depth):
        value = [value]
    return value
