"""API Gateway on one machine: a WSGI application that calls a Chalice app as Lambda would.

It stands on chalice's LocalGateway, with what that lacks: chunked bodies (the server decodes them), HEAD, Cloud
Foundry's 404 instead of API Gateway's 403 (in the cloud a gateway response does that), a limit for bodies,
requests side by side, and a route table that is not read from end to end for each of them.
"""

import base64
import json
import re
import threading
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse

from chalice import Chalice
from chalice.config import Config
from chalice.local import LambdaEventConverter, LocalGateway, MatchResult, RouteMatcher

from chalicelib.core.errors import PaasError, TooLarge, UnknownRequest

#: API Gateway's limit for a request body, bytes.
BODY_LIMIT = 10 * 1024 * 1024

#: API Gateway gives up on a function after this, seconds.
TIMEOUT_S = 29


class PerThread:
    """What Chalice keeps of the present request on the app itself, kept per thread, so that requests can overlap."""

    _present = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._present, "request", None)

    @current_request.setter
    def current_request(self, value: Any) -> None:
        self._present.request = value

    @property
    def lambda_context(self) -> Any:
        return getattr(self._present, "context", None)

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._present.context = value


class RouteTable(RouteMatcher):
    """Finds the route of a path; Literal segments win over variables."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._by_length: dict[int, list[tuple[str, list[str]]]] = {}
        # "{" sorts after every letter, digit and underscore: literals come first.
        for template in sorted(templates):
            parts = template.split("/")
            self._by_length.setdefault(len(parts), []).append((template, parts))

    def match_route(self, url: str) -> MatchResult:
        """Raises ValueError for a path that no route has. Captured segments stay percent-encoded, as on AWS."""
        path, _, query = url.partition("?")
        parts = (path.rstrip("/") or "/").split("/")
        for template, wanted in self._by_length.get(len(parts), []):
            captured = {}
            for part, want in zip(parts, wanted, strict=True):
                if want.startswith("{") and part:
                    captured[want[1:-1]] = part
                elif part != want:
                    break
            else:
                return MatchResult(template, captured, parse_qs(query, keep_blank_values=True))
        raise ValueError(f"no route for {path}")


class Gateway:
    """The WSGI application around ``app``, whose class it changes to one that takes requests side by side."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = type("LocalApp", (PerThread, type(app)), {})
        self._app = app
        self._routes = RouteTable(app.routes)
        config = Config.create(function_name="api_handler", lambda_memory_size=1024, lambda_timeout=TIMEOUT_S)
        self._gateway = LocalGateway(app, config)
        self._gateway.event_converter = LambdaEventConverter(self._routes, app.api.binary_types)
        self.counts = {"requests": 0, "errors_5xx": 0}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        self.counts["requests"] += 1
        try:
            answer = self._invoke(environ)
        except PaasError as error:
            document = {"Content-Type": "application/json; charset=utf-8"}
            answer = {"statusCode": error.status, "headers": document, "body": json.dumps(error.body())}
        status = answer["statusCode"]
        self.counts["errors_5xx"] += status >= 500
        body = body_of(answer)
        headers = [*headers_of(answer)]
        if status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Length", str(len(body))))
        start_response(f"{status} {reason(status)}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" or status == HTTPStatus.NO_CONTENT else [body]

    def _invoke(self, environ: dict[str, Any]) -> dict[str, Any]:
        """Lambda's answer. Raises UnknownRequest for a path or a method that no route has, TooLarge for the body."""
        url = url_of(environ)
        try:
            methods = self._app.routes[self._routes.match_route(url).route]
        except ValueError:
            raise UnknownRequest from None
        method = environ["REQUEST_METHOD"]
        if method == "HEAD" and method not in methods:
            method = "GET"
        if method not in methods:
            raise UnknownRequest
        if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            raise TooLarge(f"The request body is larger than {BODY_LIMIT} bytes.")
        body = environ["wsgi.input"].read() or None
        headers = request_headers(environ, methods[method].content_types)
        return dict(self._gateway.handle_request(method, url, headers, body))


def url_of(environ: dict[str, Any]) -> str:
    """Path as the client encoded it, without doubled slashes, and query."""
    target = re.sub(r"^https?://[^/?]*", "", environ["REQUEST_URI"])
    path, _, query = target.partition("?")
    path = "/" + re.sub(r"/{2,}", "/", path).lstrip("/")
    return f"{path}?{query}" if query else path


def request_headers(environ: dict[str, Any], content_types: list[str]) -> dict[str, str]:
    """Lower-case names."""
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    headers.setdefault("x-forwarded-proto", environ["wsgi.url_scheme"])
    content_type = environ.get("CONTENT_TYPE", "")
    # Cloud Foundry never looks at the type of JSON; Chalice would answer 415 for one that the route does not name.
    if content_type.partition(";")[0].strip().lower() in content_types:
        headers["content-type"] = content_type
    elif content_type and content_types:
        headers["content-type"] = content_types[0]
    return headers


def headers_of(answer: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The answer's headers but for the length, which is ours to tell."""
    for name, value in {**answer["headers"], **answer.get("multiValueHeaders", {})}.items():
        if name.lower() not in ("content-length", "connection", "transfer-encoding"):
            for single in value if isinstance(value, list) else [value]:
                yield name, str(single)


def body_of(answer: dict[str, Any]) -> bytes:
    body = answer["body"] or ""
    if answer.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body if isinstance(body, bytes) else body.encode()


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
