"""The one way to the API: httpx, with tokens, patience and names under .localhost.

- A token that ends soon is renewed before the request; a 401 CF-InvalidAuthToken renews it once and repeats.
- An API that has answered before may be away for `patience_s` (a control plane that restarts): requests that may be
  repeated safely wait for it. One that never answered is reported at once.
- A local cloud of this home that speaks https has an authority of its own, which is trusted for names of this machine.
- glibc does not resolve *.localhost, so such hosts are reached at 127.0.0.1 with the Host header kept.
- The token goes to the API's own origin, the log cache's and the UAA's, never anywhere else.
"""

import ipaddress
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from zf import VERSION
from zf.client import config
from zf.client.errors import (
    ApiError,
    BadAnswerError,
    NotFoundError,
    NotLoggedInError,
    UnreachableError,
    ZfError,
    way_out,
)
from zf.client.lean_httpx import httpx
from zf.client.waiting import backoff

#: Connect: what the cf command allows. Read: longer than API Gateway's 29 s.
TIMEOUT_S = httpx.Timeout(60, connect=6)
#: Answers of a proxy in front of an API that is away for the moment.
AWAY = frozenset({502, 503, 504})

Json = dict[str, Any]


class Tokens(Protocol):
    """Where the bearer token comes from; see login.Login."""

    def token(self, http: "Http") -> str: ...

    def renew(self, http: "Http", stale: str) -> str: ...


def is_local(host: str) -> bool:
    """True for this machine: localhost, *.localhost, 127.0.0.0/8, ::1."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def api_url(given: str) -> str:
    """The URL meant by what somebody typed: https unless it is this machine. Raises ZfError when it is none."""
    text = given.strip()
    if "://" not in text:
        text = f"{'http' if is_local(urlsplit('//' + text).hostname or '') else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise ZfError(f"'{given}' is not the address of an API", "Give a URL such as http://localhost:8080")
    return text.rstrip("/")


class _ToThisMachine(httpx.HTTPTransport):
    """Sends localhost and *.localhost to 127.0.0.1; proxies of the environment do not apply."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if not host.replace(".", "").isdigit() and ":" not in host:
            request = httpx.Request(
                request.method,
                request.url.copy_with(host="127.0.0.1"),
                headers=request.headers,  # already holds Host
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        return super().handle_request(request)


def trusting_local() -> ssl.SSLContext:
    """Believes those whom every program believes (or SSL_CERT_FILE names), and this home's local cloud."""
    context = httpx.create_ssl_context()
    authority = config.local_authority(config.home(os.environ))
    if authority.exists():
        context.load_verify_locations(authority)
    return context


def client_for(url: str) -> httpx.Client:
    """A connection pool that fits the URL's host. Certificates are loaded only for https (30 ms)."""
    headers = {"User-Agent": f"zf/{VERSION}", "Accept": "application/json"}
    if is_local(urlsplit(url).hostname or ""):
        verify = trusting_local() if url.startswith("https:") else False
        return httpx.Client(transport=_ToThisMachine(verify=verify), timeout=TIMEOUT_S, headers=headers)
    return httpx.Client(timeout=TIMEOUT_S, headers=headers)


class Http:
    """api: base URL. tokens: who signs the requests, None for nobody. also: other origins that get the token."""

    def __init__(
        self,
        api: str,
        tokens: Tokens | None = None,
        *,
        also: tuple[str, ...] = (),
        patience_s: float = 2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api, self.patience_s = api.rstrip("/"), patience_s
        self._tokens, self._sleep = tokens, sleep
        self._trusted = {_origin(self.api), *(_origin(url) for url in also if url)}
        self._clients: dict[str, httpx.Client] = {}
        self._answered = False

    def url(self, path: str) -> str:
        """path: relative to the API, or an absolute URL (a link): then its path on the API's own origin."""
        if "://" not in path:
            return self.api + path
        if _origin(path) in self._trusted:
            return path
        parts = urlsplit(path)
        return urlunsplit((*urlsplit(self.api)[:2], *parts[2:]))

    def send(
        self,
        method: str,
        path: str,
        *,
        auth: bool = True,
        safe: bool | None = None,
        patience_s: float | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Any answer of the API. request: what httpx.Client.build_request takes. safe: may be repeated (GETs are).

        Raises UnreachableError, and NotLoggedInError when the token is refused and cannot be renewed.
        """
        url = path if not auth and "://" in path else self.url(path)
        safe = method in ("GET", "HEAD") if safe is None else safe
        patience_s = self.patience_s if patience_s is None else patience_s
        tokens = self._tokens if auth else None
        token = tokens.token(self) if tokens else ""
        renewed, waited = False, 0.0
        pauses = backoff(0.1, 1.6, 1.0)
        while True:
            try:
                response = self._once(method, url, token, request)
            except httpx.HTTPError as error:
                # A refused connection carried nothing; anything else may have been carried out.
                again = safe or isinstance(error, httpx.ConnectError)
                problem: UnreachableError | None = _unreachable(url, error)
            else:
                self._answered = True
                if response.status_code == 401 and tokens and not renewed and _is_stale(response):
                    token, renewed = tokens.renew(self, token), True
                    continue
                if not (safe and response.status_code in AWAY):
                    return response
                again, problem = True, None
            pause = next(pauses)
            if not again or not self._answered or waited + pause > patience_s:
                if problem is None:
                    return response
                raise problem
            self._sleep(pause)
            waited += pause

    def json(self, method: str, path: str, **request: Any) -> Json:
        """The parsed body of a success, {} when it is empty. Raises ApiError (NotFoundError for 404) for the rest."""
        response = self.send(method, path, **request)
        raise_for(response, self.api)
        if not response.content:
            return {}
        return parsed(response, self.api)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _once(self, method: str, url: str, token: str, request: Mapping[str, Any]) -> httpx.Response:
        origin = _origin(url)
        if origin not in self._clients:
            self._clients[origin] = client_for(url)
        client = self._clients[origin]
        built = client.build_request(method, url, **request)
        if token:
            built.headers.setdefault("Authorization", f"bearer {token}")
        return client.send(built)


def parsed(response: httpx.Response, api: str) -> Json:
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadAnswerError(f"{api} does not answer like a Cloud Foundry API", "Set the right address: zf api URL")
    return body


def raise_for(response: httpx.Response, api: str) -> None:
    """Nothing for a success; else the API's own words, and what to do about them."""
    status = response.status_code
    if status < 400:
        return
    errors = v3_errors(response)
    said = "; ".join(str(error.get("detail") or error.get("title") or "no detail").rstrip(".") for error in errors)
    said = said or _uaa_error(response) or f"{api} answered {status} {response.reason_phrase}".rstrip()
    if status == 401:
        raise NotLoggedInError(said, api)
    if status == 404:
        raise NotFoundError(said, "Check the name and the target: zf target", errors=errors)
    hint = way_out(said) or "Correct it and run the command again"
    if status == 403 and not way_out(said):
        hint = "Your roles do not allow it; a manager of the org or space can grant one"
    elif status == 429:
        hint = "Too many requests; try again in a moment"
    elif status >= 500:
        trace = response.headers.get("x-vcap-request-id", "")
        hint = "Try again in a moment" + (f"; if it stays, report request {trace}" if trace else "")
    raise ApiError(said, hint, status=status, errors=errors)


def v3_errors(response: httpx.Response) -> list[Json]:
    try:
        errors = response.json()["errors"]
        return [error for error in errors if isinstance(error, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _uaa_error(response: httpx.Response) -> str:
    """What a UAA says is wrong, in its own form; empty when it does not."""
    try:
        return str(response.json()["error_description"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return ""


def _is_stale(response: httpx.Response) -> bool:
    return any(
        error.get("title") == "CF-InvalidAuthToken" or error.get("code") == 1000 for error in v3_errors(response)
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _unreachable(url: str, error: httpx.HTTPError) -> UnreachableError:
    origin = _origin(url)
    hint = (
        "Is the cloud up? Start it with: zf local up"
        if is_local(urlsplit(url).hostname or "")
        else "Check the address (zf api URL) and your network"
    )
    if isinstance(error, httpx.ConnectError):
        return UnreachableError(f"Cannot reach {origin}: {_reason(error)}", hint)
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{origin} did not answer in time", hint)
    return UnreachableError(f"The connection to {origin} broke off: {_reason(error)}", "Try again in a moment")


def _reason(error: Exception) -> str:
    text = str(error).partition("] ")[2] or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
