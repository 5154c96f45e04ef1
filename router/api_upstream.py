"""Where the CloudController's API is: ``ZF_API_UPSTREAM``.

``http://127.0.0.1:9000``: an address on the same host or network, without encryption. ``https://HOST[:PORT][/PATH]``: a
name that is looked up again and again, as API Gateway's is, whose certificate must be good for it by an authority of
``ZF_API_CA`` (a file, PEM; else those that this system trusts), and a stage that stands before every path.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import aiohttp

VARIABLE, CA_VARIABLE = "ZF_API_UPSTREAM", "ZF_API_CA"

#: Bundles of distributions, for a Python whose own default is another one's: Debian, Amazon Linux and Fedora, Alpine.
SYSTEM_CA = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True)
class Upstream:
    """path: before each path of the API, "" or "/cf". ca_file: who is believed about ``host``; empty: plain HTTP."""

    host: str
    port: int
    path: str = ""
    ca_file: str = ""

    @property
    def authority(self) -> str:
        """Host as HTTP has it, the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.ca_file else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Paths of the API begin behind it."""
        return f"{'https' if self.ca_file else 'http'}://{self.authority}{self.path}"

    def context(self) -> ssl.SSLContext | None:
        """How its certificate is looked at; None for plain HTTP."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None

    def session(self) -> aiohttp.ClientSession:
        """For requests to the API alone: others may be believed by other authorities."""
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.context() or True))


def from_env(env: Mapping[str, str]) -> Upstream:
    """Raises ValueError, naming the variable, for what is missing or wrong."""
    url = env.get(VARIABLE)
    if not url:
        raise ValueError(f"{VARIABLE} is not set")
    parts, port = _split(url)
    host, path = parts.hostname or "", parts.path.rstrip("/")
    if parts.scheme == "http" and _is_address(host) and not path:
        return Upstream(host, port or 80)
    if parts.scheme == "https" and _HOST.fullmatch(host) and not _is_address(host) and _PATH.fullmatch(path):
        return Upstream(host, port or 443, path, _authorities(env.get(CA_VARIABLE) or ""))
    raise _wrong(url)


def _split(url: str) -> tuple[SplitResult, int | None]:
    """With its port. Raises ValueError for what is no URL, or says more than where something is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong(url) from None
    if parts.username is not None or set("?#") & set(url) or url != url.strip() or port == 0:
        raise _wrong(url)
    return parts, port


def _wrong(url: str) -> ValueError:
    # Without what stands before an @, which may be a password.
    shown = re.sub(r"//[^/]*@", "//", url)
    return ValueError(
        f"{VARIABLE} is {shown!r}; it must look like http://127.0.0.1:9000, an address, or "
        "https://abc123.execute-api.eu-central-1.amazonaws.com/cf, a name"
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _authorities(named: str) -> str:
    """The file of certificates. Raises ValueError: nobody is believed without one."""
    default = ssl.get_default_verify_paths().cafile
    known = [named] if named else [path for path in (default, *SYSTEM_CA) if path and Path(path).is_file()]
    if not known:
        raise ValueError(f"{CA_VARIABLE} is not set, and this system has no file of authorities where others have it")
    try:
        ssl.create_default_context(cafile=known[0])
    except OSError as error:
        raise ValueError(f"{CA_VARIABLE}: {known[0]!r} is no file of certificates: {error}") from None
    return str(Path(known[0]).absolute())
