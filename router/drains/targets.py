"""What a drain's URL says. Pure. The URL is a secret (users, tokens in paths): only scheme, host and port are told."""

import ipaddress
from dataclasses import dataclass, field

from yarl import URL

TLS, PLAIN, POSTS, BATCHES = "syslog-tls", "syslog", "https", "https-batch"

#: Where servers listen when the URL does not say (RFC 5425, RFC 3195's neighbour, HTTPS).
PORTS = {TLS: 6514, PLAIN: 514, POSTS: 443, BATCHES: 443}


class BadDrainError(ValueError):
    """The text is for the app's log."""


@dataclass(frozen=True, slots=True)
class Target:
    """url: of an HTTP request, with what it needs to be let in."""

    scheme: str
    host: str
    port: int
    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def is_http(self) -> bool:
        return self.scheme in (POSTS, BATCHES)

    @property
    def is_numeric(self) -> bool:
        """Whether the host is an address, which nobody would look up."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def parse(url: str, plain_allowed: bool) -> Target:
    """plain_allowed: whether lines may go over the network in the clear. Raises BadDrainError."""
    try:
        parts = URL(url)
        host, port = parts.host, parts.explicit_port
    except ValueError:
        raise BadDrainError("its URL is not valid") from None
    if parts.scheme not in PORTS or not host:
        raise BadDrainError(
            f"its URL must begin with one of {', '.join(f'{name}://' for name in PORTS)} and name a host"
        )
    if parts.scheme == PLAIN and not plain_allowed:
        raise BadDrainError("the operator does not allow drains without encryption; use syslog-tls:// or https://")
    http = parts.with_scheme("https").with_fragment(None) if parts.scheme in (POSTS, BATCHES) else parts
    return Target(parts.scheme, host, port or PORTS[parts.scheme], str(http))
