"""What applications are made of every day, saved and loaded through the gate: it comes back, and does what it did."""

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

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.application import internet
from twisted.application.service import MultiService
from twisted.internet import endpoints, protocol, reactor, task
from twisted.internet import ssl as tls
from twisted.python import failure, usage
from twisted.web import client

from tapdaemon.core import makers
from tapdaemon.persist.codec import pickling
from tapdaemon.persist.rules import descriptions

DAY = dt.timedelta(days=1)
NEEDED = ["twisted", "test_everyday"]


def again(value):
    return pickling.loads(pickling.dumps(value)[0], NEEDED)


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
    payload, _ = pickling.dumps(held)
    packed, decoder, encoder, handler, mail, newer, stack, barrier, sorter, chance, count, other, join, config = (
        pickling.loads(payload, NEEDED)
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


@pytest.mark.filterwarnings("ignore:.*real persistence system")  # which is what this is
def test_settings_of_tls():
    """CertificateOptions make a context again, wherever an application has them."""
    factory = protocol.ServerFactory()
    options = tls.CertificateOptions()
    for holder in (
        options,
        internet.SSLServer(443, factory, options),
        endpoints.SSL4ServerEndpoint(reactor, 443, options),
        client.Agent(reactor, client.BrowserLikePolicyForHTTPS()),
    ):
        again(holder)
    assert again(options).getContext() is not None


def self_signed(name):
    """A certificate for a host's name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    keyed = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return tls.PrivateCertificate.loadPEM(keyed + made.public_bytes(serialization.Encoding.PEM))


def handshake(client, certificate) -> str:
    """What a client says of a server; nothing if it is content."""
    said: list[failure.Failure] = []
    wrapping = types.SimpleNamespace(wrappedFactory=protocol.ClientFactory())
    told = types.SimpleNamespace(failVerification=said.append, factory=wrapping)
    asking = client.clientConnectionForTLS(told)
    asking.set_connect_state()
    answering = SSL.Connection(certificate.options().getContext(), None)
    answering.set_accept_state()
    for one, other in [(asking, answering), (answering, asking)] * 5:
        try:
            one.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            return str(error)
        with contextlib.suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(1 << 16))
    return "".join(one.type.__name__ for one in said)


@pytest.mark.filterwarnings("ignore:.*real persistence system")
def test_a_client_of_tls_still_verifies():
    """It comes back with the server's name, and refuses one of another name, and one that nobody vouches for."""
    descriptions.watch()
    shop, other = self_signed("shop.example"), self_signed("other.example")
    plain = again(tls.optionsForClientTLS("shop.example"))
    assert "certificate verify failed" in handshake(plain, shop)
    trusting = tls.trustRootFromCertificates([tls.Certificate(one.original) for one in (shop, other)])
    client = again(again(tls.optionsForClientTLS("shop.example", trustRoot=trusting)))
    assert handshake(client, shop) == ""
    assert handshake(client, other)
    endpoint = endpoints.wrapClientTLS(client, endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", 1))
    again(endpoint)


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
