"""Which certificates are good, and which of them answers for a name."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from router.tls_certificates import BadCertificate, Certificate, parse, serving
from tests.support.certificates import NOW, bundle, certificate_pem, key_pem, new_key

AT = NOW.timestamp()


def test_a_good_one_is_read_in_any_order_and_with_what_stands_between() -> None:
    key = new_key()
    pem = certificate_pem(key, "*.Example.com", "example.com", ends_days=3)
    read = parse("wild", b"# key first\n" + key_pem(key) + b"text\n" + pem + pem, AT)
    assert (read.name, read.names, read.not_after) == ("wild", ("*.example.com", "example.com"), AT + 3 * 86400)
    assert read.chain.count(b"BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in repr(read)


def _key(kind: str) -> bytes:
    made: Any = {
        "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
        "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    pem: bytes = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "no certificate"),
        (b"\xff\x00garbage", "no certificate"),
        (bundle("a.x") + b" " * 70000, "larger than"),
        (key_pem(new_key()), "no certificate"),
        (certificate_pem(new_key(), "a.x"), "0 private keys"),
        (bundle("a.x") + key_pem(new_key()), "2 private keys"),
        (certificate_pem(new_key(), "a.x") + key_pem(new_key()), "not the certificate's"),
        (certificate_pem(key := new_key(), "a.x") + key_pem(key, b"secret"), "encrypted"),
        (bundle("a.x").replace(b"BEGIN CERTIFICATE-----\nM", b"BEGIN CERTIFICATE-----\nX"), "cannot be read"),
        (bundle("a.x", starts_days=-9, ends_days=-2), "expired on"),
        (bundle("a.x", starts_days=2), "not valid before"),
        (bundle(), "names no host"),
        (bundle("*w.x"), "names no host"),
        *((certificate_pem(new_key(), "a.x") + _key(kind), "must be RSA") for kind in ("p224", "rsa1024", "ed25519")),
    ],
)
def test_a_bad_one_is_refused_in_a_few_words(pem: bytes, words: str) -> None:
    with pytest.raises(BadCertificate, match=words) as caught:
        parse("bad", pem, AT)
    assert "\n" not in str(caught.value)


def test_a_name_has_one_certificate_the_one_that_lasts_longer() -> None:
    def one(name: str, ends: float, *names: str) -> Certificate:
        return Certificate(name, b"", b"", names, ends)

    found = serving(
        [one("old", 1, "a.x", "b.x"), one("new", 2, "b.x"), one("wild", 1, "*.p.example"), one("gone", 0, "a.x")],
        "p.example",
    )
    assert found is not None
    assert found.hosts == {"new": ("b.x",), "old": ("a.x",), "wild": ("*.p.example",)}
    assert found.default == "wild"
    assert set(found.certificates) == {"old", "new", "wild"}
    elsewhere = serving([one("b", 1, "b.x"), one("a", 1, "a.x")], "p.example")
    assert elsewhere is not None
    assert elsewhere.default == "a"
    assert serving([], "p.example") is None
