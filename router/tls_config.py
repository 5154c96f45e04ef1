"""Envoy's listener that ends TLS, and its certificates as secrets. Pure.

Certificates come by SDS, so a renewed one reaches new handshakes and leaves every connection open. Each has a filter
chain of its own, which a client's SNI chooses: a certificate that is added or taken away changes its own chain, and
connections on the others stay. What is served is the same on all of them.
"""

from typing import Any

from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2  # noqa: F401 (named in an Any)
from envoy.extensions.transport_sockets.tls.v3 import (
    secret_pb2,
    tls_pb2,  # noqa: F401 (named in an Any)
)

from router.config import Config
from router.envoy_config import serialised
from router.listener_config import filter_chain, listener, routed
from router.tls_certificates import Certificate, Serving

_EXTENSIONS = "type.googleapis.com/envoy.extensions."

#: Of TLS 1.2, those with forward secrecy and authenticated encryption (Mozilla's "intermediate" without DHE, which
#: BoringSSL does not have). Those of TLS 1.3 are not ours to choose.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

#: A handshake that takes longer is given up: half-open ones would take every connection that Envoy lets in.
HANDSHAKE_TIMEOUT = "10s"

_INSPECTOR = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": {"@type": f"{_EXTENSIONS}filters.listener.tls_inspector.v3.TlsInspector"},
}


def secret(certificate: Certificate) -> bytes:
    return serialised(
        secret_pb2.Secret,
        {
            "name": certificate.name,
            "tls_certificate": {
                "certificate_chain": {"inline_string": certificate.chain.decode()},
                "private_key": {"inline_string": certificate.key.decode()},
            },
        },
    )


def tls_listener(config: Config, serving: Serving) -> bytes:
    """``config.tls`` is there."""
    assert config.tls is not None
    manager = filter_chain(routed(config, config.external_port))

    def chain(name: str, entry: str, match: dict[str, Any]) -> dict[str, Any]:
        return manager | {
            "name": name,
            "filter_chain_match": match,
            "transport_socket": _transport_socket(entry),
            "transport_socket_connect_timeout": HANDSHAKE_TIMEOUT,
        }

    chains = [chain(entry, entry, {"server_names": list(hosts)}) for entry, hosts in serving.hosts.items()]
    # Who asks for a host that no certificate names, or for none, is served all the same: it is his to refuse.
    chains.append(chain("*", serving.default, {}))
    return listener("ingress-tls", config.tls.listen, chains, config.proxy_protocol, [_INSPECTOR])


def _transport_socket(entry: str) -> dict[str, Any]:
    by_ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "cipher_suites": list(CIPHERS)},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": entry, "sds_config": by_ads}],
            },
        },
    }
