"""What applications are made of every day, saved and loaded: it comes back, and does what it did."""

from __future__ import annotations

import argparse
import array
import collections
import configparser
import contextlib
import datetime as dt
import decimal
import email.message
import fractions
import functools
import graphlib
import hashlib
import heapq
import http
import http.cookiejar
import io
import ipaddress
import itertools
import json
import logging
import operator
import os
import random
import re
import ssl
import struct
import threading
import time
import types
import typing
import uuid
import zoneinfo

from saved import again, loaded, payload
from twisted.application.service import MultiService
from twisted.internet import reactor, task
from twisted.python import failure, usage
from twisted.web import client

from tapdaemon.core import makers


def test_plain_data_and_what_computes(tmp_path):
    """Plain data of the standard library, its functions that compute, classes of listed modules."""
    struct_time, null = time.gmtime(0), (tmp_path / "null").open("a")
    plain = [
        collections.OrderedDict(a=1), collections.deque([1]), collections.Counter("aa"), decimal.Decimal("1.5"),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC), uuid.UUID(int=7), re.compile("a+"), {1}, frozenset({2}),
        range(3), ValueError("x"), MultiService, time.time, len, 3 + 4j, bytearray(b"x"), struct_time,
        array.array("i", [1, 2]), operator.add, heapq.heappush, hashlib.sha256, str.lower, os.urandom,
        os.stat(tmp_path), ssl.Options.OP_NO_TLSv1, ssl.VerifyFlags.VERIFY_DEFAULT, http.HTTPStatus.OK, int | None,
        list[int], fractions.Fraction(1, 3), ipaddress.ip_network("10.0.0.0/8"), zoneinfo.ZoneInfo("UTC"),
        types.SimpleNamespace(a=1), functools.partial(len, "a"), argparse.Namespace(a=1),
    ]  # fmt: skip
    null.close()
    assert repr(again(plain)) == repr(plain)


def test_types_that_are_data():
    """Of a schema, say: as `typing` writes them, and as Python does."""
    kinds = [getattr(typing, name)[int] for name in ("List", "Sequence", "Set", "Optional", "Type")]
    kinds += [int | None, list[int], typing.Callable[[int], str], typing.Any]
    assert again(kinds) == kinds


def test_what_has_no_repr_of_its_own():
    """By what it does afterwards."""
    held = [
        struct.Struct("!hi"), json.JSONDecoder(parse_float=decimal.Decimal), json.JSONEncoder(indent=1),
        logging.StreamHandler(), email.message.Message(), email.message.EmailMessage(), contextlib.ExitStack(),
        threading.Barrier(1), graphlib.TopologicalSorter({"a": ["b"]}), random.Random(7), itertools.count(5),
        itertools.count(1.5, 2), "-".join, configparser.ConfigParser(),
    ]  # fmt: skip
    held[-1].read_string("[shop]\nopen = yes\n")
    held[3].setFormatter(logging.Formatter("%(message)s!"))
    held[4]["To"] = held[5]["To"] = "ann@example.org"
    data = payload(held)
    packed, decoder, encoder, handler, mail, newer, stack, barrier, sorter, chance, count, other, join, config = loaded(
        data
    )
    assert packed.pack(1, 2) == held[0].pack(1, 2)
    assert decoder.decode("[1.5]") == [decimal.Decimal("1.5")]
    assert encoder.encode([1]) == "[\n 1\n]"
    assert handler.format(logging.makeLogRecord({"msg": "x"})) == "x!"
    assert (mail["To"], newer["To"]) == ("ann@example.org", "ann@example.org")
    stack.close()
    assert barrier.wait() == 0
    assert list(sorter.static_order()) == ["b", "a"]
    assert join("ab") == "a-b"
    assert config.getboolean("shop", "open")
    assert (chance.random(), next(count)) == (random.Random(7).random(), 5)
    assert (next(other), next(other)) == (1.5, 3.5)


class ShopOptions(usage.Options):
    """As a maker has them; a parameter with a type is what needs a class of Twisted's own."""

    optParameters = (("port", "p", 80, "Where it listens.", int),)
    optFlags = (("verbose", "v", "Say more."),)


def test_a_makers_options_and_their_parents():
    """An application may hold them, and asks them later what it was made with."""
    options = ShopOptions()
    options.parent = makers.twistd_options("shop")
    options.parent.subOptions = options
    options.parent["umask"] = 0o27
    options.parseOptions(["-v", "--port", "81"])
    found = again(options)
    assert (found["port"], found["verbose"]) == (81, 1)
    assert (found.parent["umask"], found.parent["pidfile"]) == (0o27, "twistd.pid")
    assert found.parent.subOptions is found
    assert found.parent.subCommand == "shop"
    found.parseOptions(["--port", "82"])
    assert found["port"] == 82


def test_what_happened_last():
    """A Failure that was kept says what it said."""
    found = again(failure.Failure(ValueError("no such shelf")))
    assert found.check(ValueError)
    assert found.getErrorMessage() == "no such shelf"
    assert "no such shelf" in found.getTraceback()


def test_a_client_with_cookies():
    jar = http.cookiejar.CookieJar()
    jar.set_cookie(
        http.cookiejar.Cookie(
            0, "visits", "7", None, False, "shop.example", True, False, "/", True, False, None, True, None, None, {}
        )
    )
    found = again(client.CookieAgent(client.Agent(reactor), jar))
    assert [cookie.value for cookie in found.cookieJar] == ["7"]


def test_a_clock_and_its_loop():
    """What is due belongs to the run; the loop itself is kept."""
    loop = task.LoopingCall(print)
    loop.clock = task.Clock()
    loop.start(5, now=False)
    assert again(loop).f is print
    loop.stop()


def test_a_pickle_of_a_stream_is_no_surprise():
    """BytesIO and StringIO have values of their own."""
    assert again(io.BytesIO(b"x")).getvalue() == b"x"
