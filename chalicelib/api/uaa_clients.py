"""/oauth/clients: programs that ask for tokens, and their secrets."""

import re
from typing import Any

from chalicelib.adapters.keys import LONGEST_TOKEN_S
from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.uaa import body_of, has_scope, in_uaa_words, page_of, require_scope, scim_list
from chalicelib.core import scim
from chalicelib.core.errors import UaaError
from chalicelib.services import clients, passwords, uaa
from chalicelib.tables.identity import Client

endpoints = Endpoints(__name__)

ID = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")
SCOPE = re.compile(r"[A-Za-z0-9_.*-]{1,100}\Z")
MAX_SCOPES = 100
GRANTS = (uaa.CLIENT_CREDENTIALS, uaa.PASSWORD, uaa.REFRESH)
#: field -> (attribute, seconds at most).
VALIDITIES = {
    "access_token_validity": ("access_validity_s", LONGEST_TOKEN_S),
    "refresh_token_validity": ("refresh_validity_s", 365 * 24 * 3600),
}
#: What a client may say of itself that changes nothing here.
IGNORED = {"resource_ids", "redirect_uri", "autoapprove", "lastModified", "allowedproviders", "required_user_groups"}
FIELDS = {"client_id", "client_secret", "name", "scope", "authorities", "authorized_grant_types", *VALIDITIES, *IGNORED}


def render(client: Client) -> dict[str, Any]:
    """Never a secret, nor its hash."""
    return {
        "client_id": client.client_id,
        "name": client.name or client.client_id,
        "scope": client.scopes or ["uaa.none"],
        "authorities": client.authorities or ["uaa.none"],
        "authorized_grant_types": client.grants,
        "access_token_validity": int(client.access_validity_s),
        "refresh_token_validity": int(client.refresh_validity_s),
        "resource_ids": ["none"],
        "redirect_uri": [],
        "autoapprove": [],
        "lastModified": int(client.modified_at) * 1000,
    }


@endpoints("GET", "/oauth/clients")
@in_uaa_words
def index(request: Request) -> Answer:
    require_scope(request, "clients.read")
    start, count = page_of(request)
    text = request.query.get("filter")
    if not text:
        found, total = clients.page(start, count)
        return scim_list([render(client) for client in found], start, total)
    try:
        wanted = scim.parse(text, frozenset({"client_id"})).pinned("client_id")
    except scim.FilterError as error:
        raise UaaError(400, "scim", str(error)) from None
    if wanted is None:
        raise UaaError(400, "scim", 'The filter must be client_id eq "<id>", and may have several with or')
    found = clients.load(sorted(wanted))
    return scim_list([render(client) for client in found[start - 1 : start - 1 + count]], start, len(found))


@endpoints("POST", "/oauth/clients")
@in_uaa_words
def create(request: Request) -> Answer:
    """The creator cannot give what he lacks, unless he is an administrator of the UAA."""
    require_scope(request, "clients.write")
    body = body_of(request)
    client_id, secret = body.get("client_id"), body.get("client_secret")
    if not isinstance(client_id, str) or not ID.match(client_id):
        raise UaaError(400, "invalid_client", "client_id must be letters, digits, dots, dashes and underscores")
    client = Client(client_id, grants=[uaa.CLIENT_CREDENTIALS])
    _apply(request, client, body)
    return Answer(render(clients.create(request.world, client, _secret(secret))), 201)


@endpoints("GET", "/oauth/clients/{guid}")
@in_uaa_words
def show(request: Request, guid: str) -> Answer:
    require_scope(request, "clients.read")
    return Answer(render(clients.get(guid)))


@endpoints("PUT", "/oauth/clients/{guid}")
@in_uaa_words
def update(request: Request, guid: str) -> Answer:
    """Everything but the secrets."""
    require_scope(request, "clients.write")
    client, body = clients.get(guid), body_of(request)
    if body.get("client_id", guid) != guid:
        raise UaaError(400, "invalid_client", "The client id in the body must be that of the path")
    if "client_secret" in body:
        raise UaaError(400, "invalid_client", f"Secrets are changed at /oauth/clients/{guid}/secret")
    _apply(request, client, body)
    clients.put(request.world, client)
    return Answer(render(client))


@endpoints("PUT", "/oauth/clients/{guid}/secret")
@in_uaa_words
def change_secret(request: Request, guid: str) -> Answer:
    """A second one beside the first, then the first one gone: so nobody who uses the client has to stop."""
    body = body_of(request)
    mode, old = body.get("changeMode", clients.UPDATE), body.get("oldSecret")
    if mode not in (clients.ADD, clients.UPDATE, clients.DELETE):
        raise UaaError(400, "invalid_client", "changeMode must be ADD, UPDATE or DELETE")
    if not has_scope(request, "clients.write"):
        if guid != request.actor.guid:
            require_scope(request, "clients.write")
        require_scope(request, "clients.secret")
        if not isinstance(old, str) or not clients.has_secret(clients.find(guid), old):
            raise UaaError(400, "invalid_client", "Previous secret is required and must be valid")
    client = clients.get(guid)
    secret = "" if mode == clients.DELETE else _secret(body.get("secret"))
    clients.change_secret(request.world, client, mode, secret)
    return Answer({"status": "ok", "message": "secret updated" if mode != clients.DELETE else "secret deleted"})


@endpoints("DELETE", "/oauth/clients/{guid}")
@in_uaa_words
def delete(request: Request, guid: str) -> Answer:
    require_scope(request, "clients.write")
    client = clients.get(guid)
    if guid in (request.actor.guid, "cf"):
        raise UaaError(400, "invalid_client", "This client is needed, and cannot be deleted")
    clients.delete(request.world, client)
    return Answer(render(client))


def _apply(request: Request, client: Client, body: dict[str, Any]) -> None:
    """Set what the body says. Raises UaaError."""
    if unknown := sorted(set(body) - FIELDS):
        raise UaaError(400, "invalid_client", f"Unknown field(s): {', '.join(unknown)[:500]}")
    name = body.get("name", client.name)
    if not isinstance(name, str) or len(name) > passwords.MAX_PASSWORD:
        raise UaaError(400, "invalid_client", "name must be text of at most 255 characters")
    client.name = name
    held = None if has_scope(request, "uaa.admin") else request.actor.scopes
    for field, attribute in (("scope", "scopes"), ("authorities", "authorities")):
        if field in body:
            setattr(client, attribute, _scopes(field, body[field], held))
    if "authorized_grant_types" in body:
        grants = _texts("authorized_grant_types", body["authorized_grant_types"])
        if unknown := sorted(set(grants) - set(GRANTS)):
            raise UaaError(
                400,
                "invalid_client",
                f"{unknown[0][:100]} is not an allowed grant type. Must be one of: {list(GRANTS)}",
            )
        client.grants = sorted(set(grants))
    for field, (attribute, most) in VALIDITIES.items():
        value = body.get(field)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 60 < value <= most:
            raise UaaError(400, "invalid_client", f"{field} must be a number of seconds from 61 to {most}")
        setattr(client, attribute, value)


def _scopes(field: str, value: Any, held: frozenset[str] | None) -> list[str]:
    scopes = sorted(set(_texts(field, value)) - {"uaa.none"})
    if len(scopes) > MAX_SCOPES or not all(SCOPE.match(scope) for scope in scopes):
        raise UaaError(400, "invalid_scope", f"{field} must be at most {MAX_SCOPES} names of scopes")
    if held is not None and not held.issuperset(scopes):
        raise UaaError(400, "invalid_scope", f"{field} must be among your own scopes")
    return scopes


def _texts(field: str, value: Any) -> list[str]:
    """A list, or text with commas."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise UaaError(400, "invalid_client", f"{field} must be a list of text")
    return [item.strip() for item in items if item.strip()]


def _secret(value: Any) -> str:
    if not isinstance(value, str) or not 8 <= len(value) <= passwords.MAX_PASSWORD:
        raise UaaError(400, "invalid_client", "client_secret must have 8 characters or more")
    return value
