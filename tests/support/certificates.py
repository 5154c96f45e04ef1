"""Certificates of a certificate authority that lives as long as the tests."""

import datetime
import ssl
from functools import cache
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@cache
def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(_name("tests"))
        .issuer_name(_name("tests"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 1000 * DAY)
        .not_valid_after(NOW + 1000 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made, key


def trusting() -> ssl.SSLContext:
    """A client's context that believes the authority alone."""
    return ssl.create_default_context(cadata=authority_pem().decode())


def authority_pem() -> bytes:
    return authority()[0].public_bytes(Encoding.PEM)


def serving(pem: bytes, context: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """A server's context for a bundle, or ``context`` with it from now on."""
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def certificate_pem(key: Key, *hosts: str, starts_days: int = -1, ends_days: int = 90) -> bytes:
    """For these hosts, with the key's public half."""
    issuer, issuer_key = authority()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("host"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + starts_days * DAY)
        .not_valid_after(NOW + ends_days * DAY)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def bundle(*hosts: str, starts_days: int = -1, ends_days: int = 90) -> bytes:
    """Certificate and key, as a file NAME.pem has them."""
    key = new_key()
    return certificate_pem(key, *hosts, starts_days=starts_days, ends_days=ends_days) + key_pem(key)
