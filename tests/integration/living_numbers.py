"""Rows of the living table: numbers, dates, bytes, and what draws or counts them."""

from __future__ import annotations

from living import Group, Row

HEAD = """
import array
import datetime
import decimal
import fractions
import io
import pathlib
import random
import uuid
"""

ROWS = [
    Row(
        "Decimal and Fraction",
        """
class Sum(Service):
    def __init__(self):
        self.sum, self.part = decimal.Decimal("0.10"), fractions.Fraction(1, 3)
    def do_use(self):
        self.sum, self.part = self.sum * 3, self.part / 2
    def do_get(self):
        return self.sum, self.part
""",
    ),
    Row(
        "datetime, with a zone",
        """
class Day(Service):
    def __init__(self):
        self.day = datetime.datetime(2024, 2, 28, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    def do_use(self):
        self.day += datetime.timedelta(days=1)
    def do_get(self):
        return self.day.isoformat()
""",
    ),
    Row(
        "bytes and bytearray",
        """
class Bytes(Service):
    def __init__(self):
        self.data, self.buffer = b"", bytearray(b"begin")
    def do_use(self):
        self.data += b"\\x00\\xff"
        self.buffer.extend(b"+1")
        self.buffer[0] = 66
    def do_get(self):
        return self.data, self.buffer
""",
    ),
    Row(
        "array, and a file in memory",
        """
class Array(Service):
    def __init__(self):
        self.numbers, self.page = array.array("d", [1.5]), io.StringIO()
    def do_use(self):
        self.numbers.append(self.numbers[-1] * 2)
        self.page.write("line,")
    def do_get(self):
        return self.numbers.tolist(), self.page.getvalue(), self.page.tell()
""",
    ),
    Row(
        "itertools.count as a source of ids",
        """
class Ids(Service):
    def __init__(self):
        self.ids, self.last = itertools.count(1), 0
    def do_use(self):
        self.last = next(self.ids)
    def do_get(self):
        return self.last, self.ids
""",
    ),
    Row(
        "random.Random of its own",
        """
class Dice(Service):
    def __init__(self):
        self.dice, self.thrown = random.Random(7), []
    def do_use(self):
        self.thrown.append(self.dice.randrange(10**6))
    def do_get(self):
        return self.thrown
""",
    ),
    Row(
        "UUID, path, complex, range",
        """
class Odds(Service):
    def __init__(self):
        self.id, self.path, self.z, self.left = uuid.UUID(int=1), pathlib.PurePath("/srv"), 1 + 0j, range(9)
    def do_use(self):
        self.id = uuid.uuid5(self.id, "next")
        self.path /= "below"
        self.z *= 1j
        self.left = self.left[1:]
    def do_get(self):
        return self.id, self.path, self.z, self.left
""",
    ),
]

NUMBERS = Group("numbers", HEAD, ROWS)
