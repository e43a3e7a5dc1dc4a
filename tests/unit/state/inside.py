"""Objects with something inside that no attribute shows, for the tests of what changes in them."""

from __future__ import annotations

import array
import io
import itertools
import random
from collections import deque
from functools import partial


class Dice(random.Random):
    """A generator with attributes, and a constructor of its own."""

    def __init__(self, name):
        super().__init__(5)
        self.name, self.rolls = name, 0


class Buffer(bytearray):
    def __init__(self, name):
        super().__init__(b"x")
        self.name, self.rolls = name, 0


class Stream(io.BytesIO):
    def __init__(self, name):
        super().__init__(b"x")
        self.name, self.rolls = name, 0


def roll(one):
    one.rolls += 3
    (one.random if isinstance(one, Dice) else one.extend if isinstance(one, Buffer) else one.write)(
        *([] if isinstance(one, Dice) else [b"yz"])
    )


def told(one):
    shown = one.random() if isinstance(one, Dice) else one.getvalue() if isinstance(one, Stream) else bytes(one)
    return one.name, one.rolls, shown


def thrice(call):
    for _ in range(3):
        call()


KINDS = {
    "next of a counter": (lambda: itertools.count(1).__next__, thrice, lambda call: call()),
    "next of one that counts down": (lambda: itertools.count(1, -2).__next__, thrice, lambda call: call()),
    "a partial over a counter": (lambda: partial(next, itertools.count()), thrice, lambda call: call()),
    "a partial over one of floats": (lambda: partial(next, itertools.count(1, 0.5)), thrice, lambda call: call()),
    "a method of C's generator": (lambda: random.Random(5).random, thrice, lambda call: call()),
    "a method of Python's generator": (
        lambda: random.Random(5).randint,
        lambda call: call(1, 9),
        lambda call: call(1, 10**9),
    ),
    "append": (lambda: [].append, lambda call: call(5), lambda call: call.__self__),
    "popleft": (lambda: deque([1, 2, 3]).popleft, lambda call: call(), lambda call: list(call.__self__)),
    "setitem": (lambda: {}.__setitem__, lambda call: call("a", 1), lambda call: call.__self__),
    "get": (lambda: {"a": [1]}.get, lambda call: call("a").append(2), lambda call: call("a")),
    "an array": (lambda: array.array("i", [1]), lambda one: one.append(5), list),
    "text in memory": (lambda: io.StringIO("a\n", newline="\r\n"), lambda one: one.write("b\n"), io.StringIO.getvalue),
    "own generator": (lambda: Dice("a"), roll, told),
    "own buffer": (lambda: Buffer("a"), roll, told),
    "own stream": (lambda: Stream("a"), roll, told),
}
"""By name: how one is made, how it changes, and what it tells of itself then."""
