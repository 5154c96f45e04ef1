"""What may be asked about tokens and keys: who signed, what a token says, whether it is still good; and their end."""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.uaa import (
    client_credentials,
    has_scope,
    in_uaa_words,
    read_form,
    require_scope,
)
from chalicelib.core.errors import Conflict, NotAuthorized, UaaError
from chalicelib.services import clients, groups, listing, uaa
from chalicelib.tables.identity import User

endpoints = Endpoints(__name__)

INVALID = UaaError(400, "invalid_token", "The token expired, was revoked, or the token ID is incorrect.")


@endpoints("GET", "/token_key")
def token_key(request: Request) -> Answer:
    return Answer(request.world.keys.public_jwk())


@endpoints("GET", "/token_keys")
def token_keys(request: Request) -> Answer:
    """The one that signs comes first."""
    return Answer({"keys": request.world.keys.public_jwks()})


@endpoints("POST", "/admin/keys/actions/rotate")
def rotate(request: Request) -> Answer:
    """A new signing key. For administrators."""
    if not (request.actor.is_admin and has_scope(request, "uaa.admin")):
        raise NotAuthorized
    try:
        key_id = request.world.keys.rotate()
    except RuntimeError as error:
        raise Conflict(str(error)) from None
    return Answer({"kid": key_id, "keys": [key["kid"] for key in request.world.keys.public_jwks()]})


@endpoints("GET", "/.well-known/openid-configuration")
def configuration(request: Request) -> Answer:
    return Answer(
        {
            "issuer": uaa.issuer(request.world),
            "authorization_endpoint": f"{request.base}/oauth/authorize",
            "token_endpoint": f"{request.base}/oauth/token",
            "userinfo_endpoint": f"{request.base}/userinfo",
            "introspection_endpoint": f"{request.base}/introspect",
            "jwks_uri": f"{request.base}/token_keys",
            "grant_types_supported": [uaa.PASSWORD, uaa.REFRESH, uaa.CLIENT_CREDENTIALS],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "scopes_supported": sorted(groups.GROUPS),
            "claims_supported": ["sub", "user_name", "origin", "iss", "email", "user_id", "client_id", "scope"],
        }
    )


@endpoints("POST", "/check_token")
@in_uaa_words
def check_token(request: Request) -> Answer:
    """For resource servers: what a token says, if it is good and has all of ``scopes``."""
    form = _asked_by_a_server(request)
    claims = uaa.claims_of(request.world, form.get("token", ""))
    if claims is None:
        raise INVALID
    wanted = form.get("scopes", "").replace(",", " ").split()
    if missing := sorted(set(wanted) - set(claims["scope"])):
        raise UaaError(400, "invalid_scope", f"Some requested scopes are missing: {','.join(missing)[:500]}")
    return Answer(claims)


@endpoints("POST", "/introspect")
@in_uaa_words
def introspect(request: Request) -> Answer:
    """The same in RFC 7662's words: a token that is not good is not active, whatever the reason."""
    form = _asked_by_a_server(request)
    claims = uaa.claims_of(request.world, form.get("token", ""))
    return Answer({"active": False} if claims is None else claims | {"active": True})


def _asked_by_a_server(request: Request) -> dict[str, str]:
    """The form, if a client that may have tokens checked sends it: by Basic, or with a token of its own."""
    form = read_form(request)
    scheme = request.headers.get("authorization", "").strip().partition(" ")[0].lower()
    if scheme == "bearer":
        require_scope(request, "uaa.resource")
        return form
    client = clients.authenticate(*client_credentials(request, form))
    if not {"uaa.resource", "uaa.admin"} & set(client.authorities):
        raise UaaError(403, "insufficient_scope", "Insufficient scope for this resource")
    return form


@endpoints("GET", "/userinfo")
@in_uaa_words
def userinfo(request: Request) -> Answer:
    """Who the token is of; it must say ``openid``."""
    if "openid" not in request.actor.scopes:
        raise UaaError(403, "insufficient_scope", "Insufficient scope for this resource")
    user = listing.find(User, request.actor.guid)
    if user is None or not user.username:
        raise INVALID
    profile: dict[str, Any] = user.profile
    return Answer(
        {
            "user_id": user.guid,
            "sub": user.guid,
            "user_name": user.username,
            "origin": user.origin,
            "name": " ".join(filter(None, (profile.get("given_name"), profile.get("family_name")))),
            "given_name": profile.get("given_name", ""),
            "family_name": profile.get("family_name", ""),
            "email": profile.get("email", user.username),
            "email_verified": False,
        }
    )


@endpoints("DELETE", "/oauth/token/revoke/{guid}")
@in_uaa_words
def revoke(request: Request, guid: str) -> Answer:
    """One access token that is revocable. Of one's own all refresh tokens go with it: the session is over."""
    claims = request.world.keys.verify(request.headers.get("authorization", "").strip().partition(" ")[2].strip()) or {}
    if claims.get("jti") == guid:
        uaa.revoke_for_user(request.world, request.actor.guid)
    else:
        require_scope(request, "tokens.revoke")
    uaa.revoke_token(request.world, guid)
    return Answer()


@endpoints("DELETE", "/oauth/token/revoke/user/{guid}")
@in_uaa_words
def revoke_user(request: Request, guid: str) -> Answer:
    """All that a user was given until now; access tokens that are not revocable run out by themselves."""
    if guid != request.actor.guid:
        require_scope(request, "scim.write")
    uaa.revoke_for_user(request.world, guid)
    return Answer()
