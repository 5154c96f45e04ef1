"""What every endpoint does the same way: parse, authenticate, call the view, render its answer or its error.

A view takes a :class:`Request` and the path's variables and returns an :class:`Answer`. Its errors are PaasErrors. A
database or a store that does not answer is a 503; anything else is a defect, logged with its trace and answered as
Cloud Foundry's 500.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cached_property, wraps
from typing import Any
from urllib.parse import unquote

from chalice import Blueprint, Response

from chalicelib.adapters.clock import new_guid
from chalicelib.adapters.outage import is_outage
from chalicelib.bootstrap import World, world
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import BadQuery, Conflict, PaasError, ParseError, Unavailable
from chalicelib.core.roles import Actor
from chalicelib.services import access

log = logging.getLogger(__name__)

#: Clients send JSON as anything: curl as a form, cf without a type.
CONTENT_TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "application/x-yaml",
    "application/yaml",
    "text/yaml",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data",
]

#: Largest JSON or YAML body, bytes. API Gateway takes 10 MB, Lambda 6 MB with its own wrapping.
MAX_BODY_BYTES = 5 * 1024 * 1024
#: Of a request id, characters. A guid has 36.
MAX_TRACE = 100

#: Values of one filter. cf asks for at most 200 at a time.
MAX_VALUES = 500


@frozen
class Answer:
    """body None: an empty answer. A Location header makes clients follow a job: only with 202."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Request:
    """One HTTP request in our own words, so that views do not know Chalice."""

    def __init__(self, raw: Any, the_world: World) -> None:
        self.raw, self.world = raw, the_world
        self.headers: Mapping[str, str] = raw.headers
        # The caller's own only where no router stands before us; it goes into every log line and message.
        self.trace = self.headers.get("x-vcap-request-id", "")[:MAX_TRACE] or new_guid()

    @cached_property
    def actor(self) -> Actor:
        """Who asks; raises NotAuthenticated, InvalidToken, and NotAuthorized for a token that is not for this API."""
        actor = access.authenticate(self.world, self.headers.get("authorization"))
        if self.raw.context["resourcePath"].startswith(("/v3", "/internal", "/admin")):
            access.require_api_scope(actor, writes=self.raw.method not in ("GET", "HEAD"))
        return actor

    @cached_property
    def base(self) -> str:
        """``http://api.localhost:8080``: of the host that was asked when it is one of ours. Behind a router that is
        not Host, which may be API Gateway's own name."""
        host = self.headers.get("x-forwarded-host") or self.headers.get("host", "")
        if host.rpartition(":")[0] in self.world.config.api_hosts or host in self.world.config.api_hosts:
            return f"{self.headers.get('x-forwarded-proto', self.world.config.scheme)}://{host}"
        return self.world.config.api_url

    @cached_property
    def path(self) -> str:
        """What was asked for, without the stage that API Gateway puts before it."""
        stage, path = self.raw.context.get("stage"), str(self.raw.context["path"])
        return path.removeprefix(f"/{stage}") if stage else path

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters, the last value of each, decoded once (by the gateway)."""
        params = self.raw.query_params
        return {} if params is None else {key: params.getlist(key)[-1] for key in params}

    def only(self, *allowed: str) -> None:
        """Refuse query parameters that this endpoint does not know. Raises BadQuery."""
        unknown = [key for key in self.query if key not in allowed]
        if unknown:
            names = ", ".join(f"'{key}'" for key in unknown)
            valid = ", ".join(f"'{key}'" for key in allowed)
            raise BadQuery(f"Unknown query parameter(s): {names}. Valid parameters are: {valid}")

    def values(self, key: str) -> frozenset[str] | None:
        """A comma-separated filter. Clients encode each value once more, so that its own commas survive.

        Raises BadQuery for more than MAX_VALUES: many a value costs a read.
        """
        if key not in self.query:
            return None
        values = self.query[key].split(",")
        if len(values) > MAX_VALUES:
            raise BadQuery(f"{key} can have at most {MAX_VALUES} values")
        return frozenset(map(unquote, values))

    @cached_property
    def text(self) -> str:
        """The body as text. Raises ParseError when it is not UTF-8 or too large."""
        body: bytes = self.raw.raw_body or b""
        if len(body) > MAX_BODY_BYTES:
            raise ParseError
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise ParseError from None

    def json(self) -> dict[str, Any]:
        """The body as an object; an empty body is an empty object. Raises ParseError."""
        if not self.text.strip():
            return {}
        try:
            data = json.loads(self.text, parse_constant=_no_constant)
            if "\\u" in self.text:
                json.dumps(data, ensure_ascii=False).encode()  # half a character cannot be stored
        except (ValueError, RecursionError):
            raise ParseError from None
        if not isinstance(data, dict):
            raise ParseError
        return data


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


View = Callable[..., Answer]


class Endpoints:
    """A blueprint of views: ``endpoints = Endpoints(__name__)``, then ``@endpoints("GET", "/v3/apps/{guid}")``."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(name)
        #: (method, path) -> view: what the API's description and its table of permissions are made from.
        self.views: dict[tuple[str, str], View] = {}
        #: (method, path) -> field of the body -> its JSON schema, where reading the view does not tell.
        self.takes: dict[tuple[str, str], dict[str, Any]] = {}

    def __call__(self, method: str, path: str, **takes: Any) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            @wraps(view)
            def endpoint(**variables: str) -> Response:
                request = Request(self.blueprint.current_request, world())
                decoded = {name: unquote(value) for name, value in variables.items()}
                return answer(request, view, decoded)

            self.blueprint.route(path, methods=[method], content_types=CONTENT_TYPES)(endpoint)
            self.views[method, path], self.takes[method, path] = view, takes
            return view

        return decorate


#: What a caller is told to wait while a service is down, seconds.
RETRY_AFTER_S = 5

#: How often a request that lost a race for a row begins anew. It has written nothing: units are all or nothing.
ATTEMPTS = 6


def _settled(request: Request, view: View, variables: dict[str, str]) -> Answer:
    for _ in range(ATTEMPTS - 1):
        try:
            return view(request, **variables)
        except Conflict:
            time.sleep(random.uniform(0, 0.05))
    return view(request, **variables)


def _failed(request: Request, error: Exception) -> Answer:
    """Of what no view expects."""
    if is_outage(error):
        log.error("request %s: a service is down: %s", request.trace, error, extra={"trace": request.trace})
        down = Unavailable("The platform is temporarily unavailable. Try again later.")
        return Answer(down.body(), down.status, {"Retry-After": str(RETRY_AFTER_S)})
    log.exception("request %s failed", request.trace, extra={"trace": request.trace})
    unknown = PaasError("An unknown error occurred.")
    return Answer(unknown.body(), unknown.status)


def answer(request: Request, view: View, variables: dict[str, str]) -> Response:
    """Call the view; every error becomes a document that clients understand."""
    try:
        result = _settled(request, view, variables)
    except PaasError as error:
        result = Answer(error.body(), error.status)
    except Exception as error:
        result = _failed(request, error)
    headers = {"X-Vcap-Request-Id": request.trace, **result.headers}
    if result.body is None:
        return Response("", status_code=result.status, headers=headers)
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    body = result.body if isinstance(result.body, str | bytes) else json.dumps(result.body)
    return Response(body, status_code=result.status, headers=headers)
