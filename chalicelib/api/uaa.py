"""The UAA's endpoints as Cloud Foundry's clients use them: log in, tokens, keys. (Users and clients: api.scim.)

Errors have the UAA's own shape, also those of a bad access token.
"""

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from urllib.parse import parse_qs, unquote_plus

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.core.errors import InvalidToken, NotAuthenticated, ParseError, UaaError
from chalicelib.services import uaa

endpoints = Endpoints(__name__)

#: Of the UAA whose words these are; cf compares it with what its flags need.
UAA_VERSION = "77.20.0"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

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


def require_scope(request: Request, scope: str) -> None:
    """Raises UaaError: insufficient_scope."""
    if scope not in request.actor.scopes:
        raise UaaError(403, "insufficient_scope", "Insufficient scope for this resource")


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
    """The client shows itself by Basic, or by fields of the form."""
    form = _form(request)
    client = uaa.authenticate_client(*_client_credentials(request, form))
    kind, scope = form.get("grant_type", ""), form.get("scope", "")
    if kind == uaa.PASSWORD:
        answer = uaa.password_grant(request.world, client, form.get("username", ""), form.get("password", ""), scope)
    elif kind == uaa.REFRESH:
        answer = uaa.refresh_grant(request.world, client, form.get("refresh_token", ""), scope)
    elif kind == uaa.CLIENT_CREDENTIALS:
        answer = uaa.client_grant(request.world, client, scope)
    elif kind:
        raise UaaError(400, "unsupported_grant_type", f"Unsupported grant type: {kind[:100]}")
    else:
        raise UaaError(400, "invalid_request", "Missing grant type")
    return Answer(answer, headers=NO_STORE)


def _form(request: Request) -> dict[str, str]:
    """The last value of each field. Raises UaaError."""
    try:
        fields = parse_qs(request.text, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise UaaError(400, "invalid_request", "The form cannot be read") from None
    return {name: values[-1] for name, values in fields.items()}


def _client_credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise uaa.bad_credentials() from None
    return unquote_plus(client_id), unquote_plus(secret)


@endpoints("GET", "/token_key")
def token_key(request: Request) -> Answer:
    return Answer(request.world.keys.public_jwk())


@endpoints("GET", "/token_keys")
def token_keys(request: Request) -> Answer:
    return Answer({"keys": [request.world.keys.public_jwk()]})


@endpoints("DELETE", "/oauth/token/revoke/{guid}")
@in_uaa_words
def revoke(request: Request, guid: str) -> Answer:
    """The end of a session: access tokens run out by themselves, the caller's refresh tokens are void now."""
    uaa.revoke_for_user(request.actor.guid)
    return Answer()


@endpoints("DELETE", "/oauth/token/revoke/user/{guid}")
@in_uaa_words
def revoke_user(request: Request, guid: str) -> Answer:
    if guid != request.actor.guid:
        require_scope(request, "scim.write")
    uaa.revoke_for_user(guid)
    return Answer()
