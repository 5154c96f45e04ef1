"""The UAA's users and clients, as far as cf goes: SCIM's words, the UAA's errors."""

import re
from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import when
from chalicelib.api.uaa import in_uaa_words, require_scope
from chalicelib.core.errors import UaaError
from chalicelib.services import passwords, uaa, users
from chalicelib.tables.identity import Client, User

endpoints = Endpoints(__name__)


def render_user(user: User) -> dict[str, Any]:
    return {
        "id": user.guid,
        "userName": user.username,
        "origin": user.origin,
        "active": True,
        "verified": True,
        "name": {},
        "emails": [{"value": user.username, "primary": True}],
        "zoneId": "uaa",
        "meta": {"created": when(user.created_at), "lastModified": when(user.updated_at), "version": 0},
        "schemas": ["urn:scim:schemas:core:1.0"],
    }


@endpoints("GET", "/Users")
@in_uaa_words
def find_users(request: Request) -> Answer:
    """Takes the one filter that cf sends: by name, and perhaps by origin."""
    require_scope(request, "scim.read")
    found = re.fullmatch(
        r'\s*userName\s+eq\s+"([^"]*)"(\s+and\s+origin\s+eq\s+"([^"]*)")?\s*',
        request.query.get("filter", ""),
        re.IGNORECASE,
    )
    if found is None:
        raise UaaError(400, "scim", 'The filter must be userName eq "<name>" [and origin eq "<origin>"]')
    user = users.by_username(found[1])
    if user is not None and found[3] not in (None, user.origin):
        user = None
    resources = [render_user(user)] if user else []
    return Answer(
        {
            "resources": resources,
            "startIndex": 1,
            "itemsPerPage": 100,
            "totalResults": len(resources),
            "schemas": ["urn:scim:schemas:core:1.0"],
        }
    )


@endpoints("POST", "/Users")
@in_uaa_words
def create_user(request: Request) -> Answer:
    require_scope(request, "scim.write")
    body = request.json()
    username, password = body.get("userName"), body.get("password")
    if not isinstance(username, str) or not re.fullmatch(r"[^\s\x00-\x1f\"][^\x00-\x1f\"]{0,254}", username):
        raise UaaError(400, "invalid_scim_resource", "A username must be provided.")
    if body.get("origin", users.ORIGIN) not in (users.ORIGIN, ""):
        raise UaaError(400, "invalid_scim_resource", "This platform knows no origin but uaa.")
    taken = UaaError(409, "scim_resource_already_exists", f"Username already in use: {username}")
    user = users.create_user(
        request.world, username, _password(password), in_cc=False, taken=taken, trace=request.trace
    )
    return Answer(render_user(user), 201)


@endpoints("GET", "/Users/{guid}")
@in_uaa_words
def show_user(request: Request, guid: str) -> Answer:
    if guid != request.actor.guid:
        require_scope(request, "scim.read")
    return Answer(render_user(_user(guid)))


@endpoints("DELETE", "/Users/{guid}")
@in_uaa_words
def delete_user(request: Request, guid: str) -> Answer:
    require_scope(request, "scim.write")
    user = _user(guid)
    users.delete_login(request.world, user)
    return Answer(render_user(user))


@endpoints("PUT", "/Users/{guid}/password")
@in_uaa_words
def change_password(request: Request, guid: str) -> Answer:
    """One's own with the old one, another's with the right to it."""
    actor, user, body = request.actor, _user(guid), request.json()
    if guid == actor.guid:
        old = body.get("oldPassword")
        if passwords.is_locked(user) or not isinstance(old, str) or not passwords.matches(user.password_hash, old):
            passwords.count_failure(user)
            raise UaaError(401, "unauthorized", "Old password is incorrect")
    else:
        require_scope(request, "scim.write")
    users.set_password(request.world, user, _password(body.get("password")))
    return Answer({"status": "ok", "message": "password updated"})


def _user(guid: str) -> User:
    user = users.with_login(guid)
    if user is None:
        raise UaaError(404, "scim_resource_not_found", f"User {guid[:100]} does not exist")
    return user


def _password(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= passwords.MAX_PASSWORD:
        raise UaaError(422, "invalid_password", f"Password must have 1 to {passwords.MAX_PASSWORD} characters.")
    return value


# -- clients ---------------------------------------------------------------------------------------------


def render_client(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "scope": client.scopes,
        "authorities": client.scopes,
        "authorized_grant_types": client.grants,
        "access_token_validity": int(client.access_validity_s),
        "resource_ids": ["none"],
    }


@endpoints("POST", "/oauth/clients")
@in_uaa_words
def create_client(request: Request) -> Answer:
    """A client for machines: its secret, and what its tokens may say. The creator cannot give what he lacks."""
    require_scope(request, "clients.write")
    body = request.json()
    client_id, secret, scopes = body.get("client_id"), body.get("client_secret"), body.get("authorities", [])
    if not isinstance(client_id, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", client_id):
        raise UaaError(400, "invalid_client", "client_id must be letters, digits, dots, dashes and underscores")
    if not isinstance(secret, str) or not 8 <= len(secret) <= passwords.MAX_PASSWORD:
        raise UaaError(400, "invalid_client", "client_secret must have 8 characters or more")
    if not isinstance(scopes, list) or not all(scope in request.actor.scopes for scope in scopes):
        raise UaaError(400, "invalid_scope", "authorities must be among your own")
    return Answer(render_client(uaa.create_client(client_id, secret, scopes)), 201)


@endpoints("GET", "/oauth/clients/{guid}")
@in_uaa_words
def show_client(request: Request, guid: str) -> Answer:
    require_scope(request, "clients.read")
    return Answer(render_client(uaa.get_client(guid)))


@endpoints("DELETE", "/oauth/clients/{guid}")
@in_uaa_words
def delete_client(request: Request, guid: str) -> Answer:
    require_scope(request, "clients.write")
    client = uaa.get_client(guid)
    client.delete()
    return Answer(render_client(client))
