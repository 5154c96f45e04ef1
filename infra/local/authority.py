"""Certificates of a local cloud, by an authority of its own that nobody else can use.

Its key is forgotten when it has signed the one certificate, so who trusts the authority trusts nobody who could sign
more; and it may speak for this machine and the cloud's domain alone. All of it ends with the cloud.
"""

import datetime
import ipaddress
from pathlib import Path

from infra.local.ops import write_private

#: What clients are to trust, and the folder of what the routers serve, below the cloud's folder for TLS.
AUTHORITY, SERVED = "ca.pem", "served"

#: Browsers take no certificate that lasts longer than 398 days.
LIFE = datetime.timedelta(days=365)

#: Clocks of containers and browsers may be a little behind.
LEEWAY = datetime.timedelta(days=1)


def make(folder: Path, domain: str, now: datetime.datetime) -> Path:
    """Make everything in ``folder``; returns what routers are told as ZF_CERTIFICATES."""
    authority, bundle = certificates(domain, now)
    served = folder / SERVED
    served.mkdir(parents=True, mode=0o700)
    write_private(folder / AUTHORITY, authority)
    write_private(served / "local.pem", bundle)
    return served


def certificates(domain: str, now: datetime.datetime) -> tuple[str, str]:
    """PEM: the authority's certificate, and the routers' with its key."""
    # Imported here: who asks for no TLS need not wait for it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"zerofoundry local cloud, {text}")])

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    def begun(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LEEWAY)
            .not_valid_after(now + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        )

    own, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    only: list[x509.GeneralName] = [
        x509.DNSName(domain),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
        x509.IPAddress(ipaddress.ip_network("::1/128")),
    ]
    hosts: list[x509.GeneralName] = [
        x509.DNSName(f"*.{domain}"),
        x509.DNSName(domain),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    authority = (
        begun(name("authority"), own)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=only, excluded_subtrees=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    served = (
        begun(name("routers"), key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(own, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority.public_bytes(Encoding.PEM).decode(), (served.public_bytes(Encoding.PEM) + secret).decode()
