"""The UAA's endpoints as Cloud Foundry's clients use them: log in. (Tokens and keys: api.tokens; users: api.scim.)

Errors have the UAA's own shape, also those of a bad access token.
"""

import base64
import binascii
import json
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.core.errors import InvalidToken, NotAuthenticated, ParseError, UaaError
from chalicelib.services import attempts, clients, uaa, users

endpoints = Endpoints(__name__)

#: Of the UAA whose words these are; cf compares it with what its flags need.
UAA_VERSION = "77.20.0"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
NO_PASSCODE = "Passcodes are not offered by this platform: it has no single sign-on. Log in with a password."
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Of users, groups and clients in one answer.
MAX_COUNT = 500

View = Callable[..., Answer]


def in_uaa_words(view: View) -> View:
    """Token and body errors of the API, as the UAA says them."""

    @wraps(view)
    def spoken(request: Request, **variables: str) -> Answer:
        try:
            return view(request, **variables)
        except NotAuthenticated:
            raise UaaError(401, "unauthorized", "Full authentication is required to access this resource") from None
        except InvalidToken:
            raise UaaError(401, "invalid_token", "The token expired, was revoked, or is malformed") from None
        except ParseError:
            raise UaaError(400, "invalid_request", "The request body cannot be read") from None

    return spoken


def has_scope(request: Request, scope: str) -> bool:
    """The UAA's administrators have them all."""
    return not request.actor.scopes.isdisjoint({scope, "uaa.admin"})


def require_scope(request: Request, scope: str) -> None:
    """Raises UaaError: insufficient_scope."""
    if not has_scope(request, scope):
        raise UaaError(403, "insufficient_scope", "Insufficient scope for this resource")


def body_of(request: Request) -> dict[str, Any]:
    """A JSON object. Raises UaaError."""
    try:
        return request.json()
    except ParseError:
        raise UaaError(400, "invalid_request", "The request body cannot be read") from None


def page_of(request: Request) -> tuple[int, int]:
    """``startIndex`` (from 1) and ``count`` of a list. Raises UaaError."""
    values = []
    for name, default, least, most in (("startIndex", 1, 1, 10**9), ("count", 100, 0, MAX_COUNT)):
        text = request.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
            raise UaaError(400, "scim", f"{name} must be a number from {least} to {most}")
        values.append(int(text))
    return values[0], values[1]


def scim_list(resources: list[dict[str, Any]], start: int, total: int) -> Answer:
    return Answer(
        {
            "resources": resources,
            "startIndex": start,
            "itemsPerPage": len(resources),
            "totalResults": total,
            "schemas": ["urn:scim:schemas:core:1.0"],
        }
    )


# -- log in ----------------------------------------------------------------------------------------------


@endpoints("GET", "/login")
def login(request: Request) -> Answer:
    """What cf asks before it asks for a password."""
    return Answer(
        {
            "app": {"version": UAA_VERSION},
            "links": {"uaa": request.base, "login": request.base},
            "zone_name": "uaa",
            "entityID": "uaa",
            "prompts": {"username": ["text", "Username"], "password": ["password", "Password"]},
        }
    )


@endpoints("POST", "/oauth/token")
@in_uaa_words
def token(request: Request) -> Answer:
    """The client shows itself by Basic, or by fields of the form. An address fails only so often."""
    form, address = read_form(request), _address(request)
    attempts.check(address)
    try:
        return Answer(_granted(request, form), headers=NO_STORE)
    except UaaError as error:
        if error.error == "unauthorized":
            attempts.count(address)
        raise


def _granted(request: Request, form: dict[str, str]) -> dict[str, Any]:
    kind, scope, revocable = form.get("grant_type", ""), form.get("scope", ""), form.get("revocable") == "true"
    if "passcode" in form:
        raise UaaError(400, "invalid_grant", NO_PASSCODE)
    if kind == JWT_BEARER:
        raise UaaError(400, "unsupported_grant_type", "Assertions are not taken: this platform trusts no other issuer")
    client = clients.authenticate(*client_credentials(request, form))
    if form.get("token_format", "jwt") not in ("jwt", ""):
        raise UaaError(400, "invalid_request", "Tokens are JWTs here; opaque ones are not offered")
    if kind == uaa.PASSWORD:
        _check_origin(request, form)
        username, password = form.get("username", ""), form.get("password", "")
        return uaa.password_grant(request.world, client, username, password, scope, revocable)
    if kind == uaa.REFRESH:
        return uaa.refresh_grant(request.world, client, form.get("refresh_token", ""), scope, revocable)
    if kind == uaa.CLIENT_CREDENTIALS:
        return uaa.client_grant(request.world, client, scope, revocable)
    if kind:
        raise UaaError(400, "unsupported_grant_type", f"Unsupported grant type: {kind[:100]}")
    raise UaaError(400, "invalid_request", "Missing grant type")


def _check_origin(request: Request, form: dict[str, str]) -> None:
    """``login_hint={"origin": "ldap"}``, as ``cf login --origin`` has it. Raises UaaError for any but our own."""
    hint = form.get("login_hint") or request.query.get("login_hint")
    if not hint:
        return
    try:
        origin = json.loads(unquote_plus(hint))["origin"]
    except (ValueError, TypeError, KeyError, RecursionError):
        origin = None
    if origin != users.ORIGIN:
        raise UaaError(
            400, "invalid_request", "The origin provided in the login hint is not known: this platform has uaa only"
        )


def _address(request: Request) -> str:
    """Who asks. Behind a router of ours it is the router that says so: the last of X-Forwarded-For."""
    source = str((request.raw.context.get("identity") or {}).get("sourceIp") or "")
    try:
        is_ours = ip_address(source).is_private
    except ValueError:
        is_ours = False
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded if is_ours and forwarded else source


@endpoints("GET", "/passcode")
def passcode(request: Request) -> Answer:
    raise UaaError(404, "not_found", NO_PASSCODE)


@endpoints("GET", "/oauth/authorize")
@in_uaa_words
def authorize(request: Request) -> Answer:
    """What ``cf ssh`` asks for; there is nothing that a code would open yet."""
    _ = request.actor
    raise UaaError(400, "unsupported_response_type", "Authorization codes are not offered by this platform yet")


def read_form(request: Request) -> dict[str, str]:
    """The last value of each field. Raises UaaError."""
    try:
        fields = parse_qs(request.text, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise UaaError(400, "invalid_request", "The form cannot be read") from None
    return {name: values[-1] for name, values in fields.items()}


def client_credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise clients.bad_credentials() from None
    return unquote_plus(client_id), unquote_plus(secret)
