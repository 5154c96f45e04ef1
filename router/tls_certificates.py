"""Certificates read from PEM and judged, and which one answers for which name. Pure: the time is an argument."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

#: An entry is no larger than this.
MAX_BYTES = 65536

#: What Envoy's TLS library (BoringSSL) signs with.
CURVES = ("secp256r1", "secp384r1", "secp521r1")
LEAST_RSA_BITS = 2048

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.S)
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class BadCertificate(ValueError):
    """The text says what is wrong, in a few words, and tells nothing of the key."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """name: the entry's. chain, key: PEM. names: hosts that it is for, some with ``*.``. not_after: seconds of the
    epoch."""

    name: str
    chain: bytes
    key: bytes = field(repr=False)
    names: tuple[str, ...]
    not_after: float


def parse(name: str, pem: bytes, now: float) -> Certificate:
    """Raises BadCertificate for what Envoy, or a client, would refuse."""
    if len(pem) > MAX_BYTES:
        raise BadCertificate(f"larger than {MAX_BYTES} bytes")
    blocks = [(match.group(1), match.group(0)) for match in _BLOCK.finditer(pem)]
    chain = [block for kind, block in blocks if kind in (b"CERTIFICATE", b"X509 CERTIFICATE")]
    keys = [block for kind, block in blocks if kind.endswith(b"PRIVATE KEY")]
    if not chain:
        raise BadCertificate("there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)")
    if len(keys) != 1:
        raise BadCertificate(f"there are {len(keys)} private keys in it; one is needed")
    leaf = _certificates(chain)[0]
    if _public(keys[0]) != leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise BadCertificate("the private key is not the certificate's (the first certificate must be the host's own)")
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if ends.timestamp() <= now:
        raise BadCertificate(f"it expired on {ends:%Y-%m-%d %H:%M} UTC")
    if starts.timestamp() > now:
        raise BadCertificate(f"it is not valid before {starts:%Y-%m-%d %H:%M} UTC")
    names = _names(leaf)
    if not names:
        raise BadCertificate("it names no host (subject alternative names)")
    return Certificate(name, b"\n".join(chain) + b"\n", keys[0] + b"\n", names, ends.timestamp())


def _certificates(blocks: list[bytes]) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("a certificate in it cannot be read") from None


def _public(block: bytes) -> bytes:
    """The public half of a private key, DER."""
    try:
        key = load_pem_private_key(block, password=None)
    except TypeError:
        raise BadCertificate("the private key is encrypted; store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("the private key cannot be read") from None
    is_rsa = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS
    if not is_rsa and not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES):
        raise BadCertificate(f"the key must be RSA of {LEAST_RSA_BITS} bits or more, or ECDSA on P-256, P-384 or P-521")
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = {name.lower().rstrip(".") for name in named.get_values_for_type(x509.DNSName)}
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


@dataclass(frozen=True, slots=True)
class Serving:
    """certificates: by entry name. hosts: the names that a client may ask for, by the entry that answers for them;
    default: the entry for who asks for none of them, or names no host at all."""

    certificates: Mapping[str, Certificate]
    hosts: Mapping[str, tuple[str, ...]]
    default: str


def serving(certificates: Iterable[Certificate], domain: str) -> Serving | None:
    """One answer for every name: of two certificates for a name, the one that lasts longer. None without any."""
    known = {one.name: one for one in certificates}
    if not known:
        return None
    owners: dict[str, str] = {}
    for one in sorted(known.values(), key=lambda one: (one.not_after, one.name)):
        owners.update(dict.fromkeys(one.names, one.name))
    hosts = {
        entry: tuple(sorted(name for name, owner in owners.items() if owner == entry))
        for entry in sorted(set(owners.values()))
    }
    default = owners.get(f"*.{domain}") or owners.get(f"api.{domain}") or min(hosts)
    return Serving({entry: known[entry] for entry in hosts}, hosts, default)
