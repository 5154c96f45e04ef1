"""A local cloud's own certificates, as clients see them."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from infra.local import authority
from router.tls_certificates import parse

NOW = datetime.datetime.now(datetime.UTC)


def test_only_the_owner_reads_them_and_the_authoritys_key_is_nowhere(tmp_path: Path) -> None:
    served = authority.make(tmp_path / "tls", "zf.localhost", NOW)
    files = {path.relative_to(tmp_path / "tls"): path for path in tmp_path.rglob("*.*")}
    assert set(map(str, files)) == {"ca.pem", "served/local.pem"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert served.stat().st_mode & 0o777 == 0o700
    read = parse("local", (served / "local.pem").read_bytes(), NOW.timestamp())
    assert read.names == ("*.zf.localhost", "localhost", "zf.localhost")
    assert b"PRIVATE" not in (tmp_path / "tls" / "ca.pem").read_bytes()
    leaf = x509.load_pem_x509_certificate(read.chain).public_key()
    signer = x509.load_pem_x509_certificate((tmp_path / "tls" / "ca.pem").read_bytes()).public_key()
    assert isinstance(leaf, ec.EllipticCurvePublicKey)
    assert leaf != signer


@pytest.mark.parametrize(
    ("domain", "host", "good"),
    [
        ("zf.localhost", "app.zf.localhost", True),
        ("zf.localhost", "localhost", True),
        ("zf.localhost", "127.0.0.1", True),
        ("zf.localhost", "app.example.com", False),
        # Why a domain of one name is refused with --tls.
        ("localhost", "app.localhost", False),
    ],
)
def test_openssl_believes_them_for_the_clouds_names_alone(domain: str, host: str, good: bool, tmp_path: Path) -> None:
    trusted, bundle = authority.certificates(domain, NOW)
    client, server = ssl.create_default_context(cadata=trusted), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # As strict as Python 3.13 is by itself.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    file = tmp_path / "local.pem"
    file.write_text(bundle)
    server.load_cert_chain(file)
    if good:
        handshake(client, server, host)
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(client, server, host)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """In memory. Raises SSLError."""
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(one, two, server_hostname=host), server.wrap_bio(two, one, server_side=True)]
    open_ends = list(ends)
    while open_ends:
        for end in list(open_ends):
            try:
                end.do_handshake()
                open_ends.remove(end)
            except ssl.SSLWantReadError:
                continue
