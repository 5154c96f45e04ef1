"""The control plane's configuration: environment variables, read once, into one frozen value."""

import os
from collections.abc import Mapping

from chalicelib.contracts.frozen import frozen
from chalicelib.core import addresses, timers
from chalicelib.core.addresses import Allowed
from chalicelib.core.joining import ROLE_ARN
from chalicelib.core.timers import Timers

#: Of the schemes by which users reach the routers.
PORTS = {"http": 80, "https": 443}


@frozen
class Config:
    """prefix: starts every AWS name. domain, port, scheme: where users reach the routers.

    allowed_addresses: where the platform connects at a user's word, besides public places. dea_role_arn: the role of
    hosts that AWS does not run; empty where there are none. endpoint_url: what stands for AWS, empty for itself.
    """

    prefix: str
    region: str
    account: str
    domain: str
    port: int
    scheme: str
    timers: Timers
    allowed_addresses: Allowed
    dea_role_arn: str = ""
    endpoint_url: str = ""

    @property
    def bucket(self) -> str:
        return f"{self.prefix}-blobs"

    @property
    def api_url(self) -> str:
        """The API's public address, for links in what no request asked for (VCAP_APPLICATION)."""
        return f"{self.scheme}://{self.api_host}{self.port_suffix}"

    @property
    def api_host(self) -> str:
        """The API's public name, which the routers serve: no user can have it."""
        return f"api.{self.domain}"

    @property
    def port_suffix(self) -> str:
        """``:8080``, or nothing where the scheme's own port is used."""
        return "" if self.port == PORTS[self.scheme] else f":{self.port}"

    @property
    def api_hosts(self) -> frozenset[str]:
        """Names that the API answers on; links are built from the one that was asked."""
        return frozenset({"127.0.0.1", "localhost", *(f"{name}.{self.domain}" for name in ("api", "login", "uaa"))})


def from_env(env: Mapping[str, str] = os.environ) -> Config:
    """Raises ValueError, which names the variable that is missing (ZF_PREFIX, the one without a default) or wrong."""
    if not env.get("ZF_PREFIX"):
        raise ValueError("ZF_PREFIX is not set; it starts the names of this installation's tables, topics and queues")
    port, scheme = env.get("ZF_EXTERNAL_PORT", "443"), env.get("ZF_EXTERNAL_SCHEME", "https")
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"ZF_EXTERNAL_PORT is {port!r}; it must be a port, 1 to 65535")
    if scheme not in PORTS:
        raise ValueError(f"ZF_EXTERNAL_SCHEME is {scheme!r}; it can be {', '.join(PORTS)}")
    role = env.get("ZF_DEA_ROLE_ARN", "")
    if role and not ROLE_ARN.fullmatch(role):
        raise ValueError(f"ZF_DEA_ROLE_ARN is {role!r}; it must be like arn:aws:iam::123456789012:role/NAME")
    return Config(
        prefix=env["ZF_PREFIX"],
        region=env.get("AWS_DEFAULT_REGION") or env.get("AWS_REGION", "us-east-1"),
        account=env.get("ZF_ACCOUNT", "123456789012"),
        domain=env.get("ZF_DOMAIN", "localhost"),
        port=int(port),
        scheme=scheme,
        timers=timers.from_env(env),
        allowed_addresses=Allowed.parse(env.get(addresses.VARIABLE, "")),
        dea_role_arn=role,
        endpoint_url=env.get("AWS_ENDPOINT_URL", ""),
    )
