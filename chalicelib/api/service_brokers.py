"""/v3/service_brokers."""

import re
from typing import Any
from urllib.parse import urlsplit

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.parsing import Body
from chalicelib.api.render import accepted, common, listing, paginated, to_one
from chalicelib.api.scoped import narrowed
from chalicelib.services.brokering import brokers, visibility
from chalicelib.services.listing import page
from chalicelib.tables.services import ServiceBroker

endpoints = Endpoints(__name__)

MAX_URL = 2000
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+\Z")


def render(request: Request, broker: ServiceBroker) -> dict[str, Any]:
    """Credentials are never shown."""
    document = common(request, broker)
    document["links"]["service_offerings"] = {
        "href": f"{request.base}/v3/service_offerings?service_broker_guids={broker.guid}"
    }
    if broker.space_guid:
        document["links"]["space"] = {"href": f"{request.base}/v3/spaces/{broker.space_guid}"}
    relationships = {"space": to_one(broker.space_guid)} if broker.space_guid else {}
    return document | {"name": broker.name, "url": broker.url, "relationships": relationships}


def _url(body: Body, required: bool) -> str | None:
    """An address of a broker; credentials have a place of their own."""
    text = body.text("url", required=required, limit=MAX_URL)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        if is_url and (parts.username is not None or parts.password is not None):
            body.wrong("Url must not contain authentication")
        elif not is_url or not HOST.match(parts.netloc) or not text.isascii() or not text.isprintable():
            body.wrong("Url must be a valid url")
        elif parts.query or parts.fragment or " " in text:
            body.wrong("Url must not contain a query or a fragment")
    except ValueError:
        body.wrong("Url must be a valid url")
    return text.rstrip("/")


def _credentials(body: Body, required: bool) -> dict[str, str] | None:
    part = body.part("authentication", required=required)
    if not part.data:
        return None
    part.choice("type", ("basic",), "basic")
    inner = part.part("credentials", required=True)
    username = inner.text("username", required=True)
    password = inner.text("password", required=True, limit=2000)
    inner.finish()
    part.finish()
    if ":" in (username or ""):
        body.wrong("Authentication.credentials.username must not contain a colon")
    return {"username": username or "", "password": password or ""}


@endpoints("GET", "/v3/service_brokers")
def index(request: Request) -> Answer:
    what = listing(request, visibility.broker_lists(request.actor), "space_guids")
    what = narrowed(request, what, space_guids="space_guid")
    return paginated(request, page(ServiceBroker, what), render)


@endpoints("POST", "/v3/service_brokers")
def create(request: Request) -> Answer:
    actor = request.actor
    body = Body(request.json())
    broker = ServiceBroker(
        name=body.name(), url=_url(body, True) or "", space_guid=body.relationship("space", required=False)
    )
    credentials = _credentials(body, True)
    body.metadata(broker)
    body.done()
    return accepted(request, brokers.create(request.world, actor, broker, credentials or {}, request.trace))


@endpoints("GET", "/v3/service_brokers/{guid}")
def show(request: Request, guid: str) -> Answer:
    return Answer(render(request, brokers.find_visible(request.actor, guid)))


@endpoints("PATCH", "/v3/service_brokers/{guid}")
def update(request: Request, guid: str) -> Answer:
    broker = brokers.find_visible(request.actor, guid)
    brokers.require_change(request.actor, broker)
    body = Body(request.json())
    name = body.name() if body.has("name") else None
    url = _url(body, body.has("url"))
    credentials = _credentials(body, body.has("authentication"))
    body.metadata(broker)
    body.done()
    job = brokers.update(request.world, request.actor, broker, name, url, credentials, request.trace)
    return accepted(request, job) if job else Answer(render(request, broker))


@endpoints("DELETE", "/v3/service_brokers/{guid}")
def delete(request: Request, guid: str) -> Answer:
    broker = brokers.find_visible(request.actor, guid)
    brokers.require_change(request.actor, broker)
    return accepted(request, brokers.delete(request.world, request.actor, broker, request.trace))
