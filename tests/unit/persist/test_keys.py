"""Settings of TLS and keys of SSH, saved and loaded: they still verify, and read their files again."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from saved import again, loaded, payload
from twisted.application import internet
from twisted.internet import endpoints, protocol, reactor
from twisted.internet import ssl as tls
from twisted.python import failure
from twisted.web import client

from tapdaemon.persist.rules import descriptions

DAY = dt.timedelta(days=1)


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


def test_ssh_keys_are_kept_as_openssh_writes_them():
    """A private and a public key, by value; a factory that reads its own from a folder keeps none."""
    keys = pytest.importorskip("twisted.conch.ssh.keys", reason="SKIPPED: this Twisted has no conch extra")
    from cryptography.hazmat.primitives.asymmetric import rsa
    from twisted.conch.openssh_compat.factory import OpenSSHFactory

    key = keys.Key(rsa.generate_private_key(65537, 2048))
    for one in (key, key.public()):
        assert again(one) == one
    factory = OpenSSHFactory()
    factory.publicKeys = {b"ssh-rsa": key.public()}
    factory.privateKeys = {b"ssh-rsa": key}
    assert not {"publicKeys", "privateKeys"} & set(vars(again(factory)))


def test_a_context_factory_reads_its_files_again(tmp_path):
    """Twice over: Twisted's own comes back without a context, and cannot be saved a second time."""
    SSL = pytest.importorskip("OpenSSL.SSL", reason="SKIPPED: there is no pyOpenSSL here")  # noqa: N806 - a module
    from twisted.internet.ssl import DefaultOpenSSLContextFactory

    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    factory = DefaultOpenSSLContextFactory(str(tmp_path / "key.pem"), str(tmp_path / "cert.pem"))
    for _ in range(2):
        factory = again(factory)
        assert isinstance(factory.getContext(), SSL.Context)
    (tmp_path / "key.pem").unlink()
    data = payload([factory])
    with pytest.raises(SSL.Error):
        loaded(data)
