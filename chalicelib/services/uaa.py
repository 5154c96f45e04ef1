"""Tokens: the three grants of the UAA, in its own words and claims.

Access tokens are JWTs of ten minutes that nobody looks up. Refresh tokens are random, kept as hashes, and exchanged
for a new one at every use; the old one lives on for a moment, because two commands may use it at once.
"""

import hashlib
import secrets
from typing import Any

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.core.errors import UaaError
from chalicelib.services import clients, listing, passwords, revocation, users
from chalicelib.tables.identity import Client, RefreshToken, User

PASSWORD, REFRESH, CLIENT_CREDENTIALS = "password", "refresh_token", "client_credentials"

#: How long a refresh token that was exchanged may be used once more.
ROTATION_GRACE_S = 60
ACCESS_VALID_S = 600


def password_grant(
    world: World, client: Client, username: str, password: str, scope: str = "", revocable: bool = False
) -> dict[str, Any]:
    """Raises UaaError. Who is not active is told what somebody is who does not exist."""
    _require(client, PASSWORD)
    user = users.by_username(username) if username else None
    if user is not None and passwords.is_locked(user):
        raise UaaError(
            401,
            "unauthorized",
            "Your account has been locked because of too many failed attempts to login.",
        )
    known = user is not None and user.active and user.password_hash
    if not passwords.matches(str(user.password_hash) if user and known else None, password):
        if user is not None:
            passwords.count_failure(user)
        raise clients.bad_credentials()
    assert user is not None
    passwords.forget_failures(user)
    scopes = _narrowed([one for one in user.scopes if one in client.scopes], scope)
    return _with_refresh_token(world, user, client, scopes, revocable)


def refresh_grant(world: World, client: Client, token: str, scope: str = "", revocable: bool = False) -> dict[str, Any]:
    """Raises UaaError."""
    _require(client, REFRESH)
    try:
        kept = RefreshToken.get(_key(token), consistent_read=True)
    except RefreshToken.DoesNotExist:
        kept = None
    user = listing.find(User, str(kept.user_guid)) if kept else None
    if (
        kept is None
        or user is None
        or not user.active
        or kept.client_id != client.client_id
        or float(kept.expires_at) <= now()
        or float(kept.issued_at) < float(user.password_at)
    ):
        raise UaaError(401, "invalid_token", "The token expired, was revoked, or the token ID is incorrect.")
    allowed = set(user.scopes) & set(client.scopes)
    scopes = _narrowed([scope for scope in kept.scopes if scope in allowed], scope)
    kept.expires_at = min(float(kept.expires_at), int(now()) + ROTATION_GRACE_S)
    return _with_refresh_token(world, user, client, scopes, revocable, exchanged=kept)


def client_grant(world: World, client: Client, scope: str = "", revocable: bool = False) -> dict[str, Any]:
    """Raises UaaError."""
    _require(client, CLIENT_CREDENTIALS)
    return _answer(world, _client_claims(client, _narrowed(list(client.authorities), scope)), client, revocable)


def user_token(world: World, user: User, client_id: str) -> str:
    """An access token of the user, without asking for a password."""
    claims = _user_claims(user, client_id, list(user.scopes))
    return world.keys.sign(_complete(world, claims, ACCESS_VALID_S, revocable=False))


def revoke_for_user(world: World, user_guid: str) -> None:
    """Void every refresh token, and every access token that says it is revocable, given to the user until now."""
    user = listing.find(User, user_guid)
    unit = world.unit()
    if user is not None:
        user.password_at = now()
        unit.put(user)
    revocation.revoke_user(unit, user_guid)
    unit.commit()


def revoke_token(world: World, token_id: str) -> None:
    unit = world.unit()
    revocation.revoke_token(unit, token_id)
    unit.commit()


def claims_of(world: World, token: str) -> dict[str, Any] | None:
    """What a token says, when it is an access token that is valid now."""
    claims = world.keys.verify(token)
    if claims is None or claims.get("typ") != "access" or revocation.is_void(claims):
        return None
    return claims


def issuer(world: World) -> str:
    config = world.config
    return f"{config.scheme}://uaa.{config.domain}{config.port_suffix}/oauth/token"


# -- pieces ----------------------------------------------------------------------------------------------


def _require(client: Client, grant: str) -> None:
    if grant not in client.grants:
        raise UaaError(401, "unauthorized_client", f"Unauthorized grant type: {grant}")


def _narrowed(scopes: list[str], asked: str) -> list[str]:
    """What was asked for of what there is; everything when nothing was asked for."""
    wanted = asked.split()
    allowed = [scope for scope in scopes if not wanted or scope in wanted]
    if wanted and not allowed:
        raise UaaError(
            400, "invalid_scope", f"{wanted} is invalid. This user is not allowed any of the requested scopes"
        )
    return sorted(allowed)


def _user_claims(user: User, client_id: str, scopes: list[str]) -> dict[str, Any]:
    return {
        "sub": user.guid,
        "user_id": user.guid,
        "user_name": user.username,
        "email": user.username,
        "origin": user.origin,
        "client_id": client_id,
        "cid": client_id,
        "azp": client_id,
        "grant_type": PASSWORD,
        "scope": scopes,
    }


def _client_claims(client: Client, scopes: list[str]) -> dict[str, Any]:
    client_id = str(client.client_id)
    return {
        "sub": client_id,
        "client_id": client_id,
        "cid": client_id,
        "azp": client_id,
        "grant_type": CLIENT_CREDENTIALS,
        "scope": scopes,
        "authorities": scopes,
    }


def _complete(world: World, claims: dict[str, Any], valid_s: int, revocable: bool) -> dict[str, Any]:
    issued = int(now())
    audience = sorted({claims["client_id"], *(scope.rpartition(".")[0] or scope for scope in claims["scope"])})
    return claims | {
        "typ": "access",
        "iat": issued,
        "exp": issued + valid_s,
        "jti": secrets.token_hex(16),
        "iss": issuer(world),
        "aud": audience,
        "zid": "uaa",
        "revocable": revocable,
    }


def _answer(world: World, claims: dict[str, Any], client: Client, revocable: bool) -> dict[str, Any]:
    valid_s = int(client.access_validity_s)
    complete = _complete(world, claims, valid_s, revocable)
    return {
        "access_token": world.keys.sign(complete),
        "token_type": "bearer",
        "expires_in": valid_s - 1,
        "scope": " ".join(complete["scope"]),
        "jti": complete["jti"],
    }


def _with_refresh_token(
    world: World,
    user: User,
    client: Client,
    scopes: list[str],
    revocable: bool,
    exchanged: RefreshToken | None = None,
) -> dict[str, Any]:
    """An answer with a refresh token, if the client may use one; ``exchanged`` is the one it replaces."""
    answer = _answer(world, _user_claims(user, str(client.client_id), scopes), client, revocable)
    if REFRESH not in client.grants:
        return answer
    token = f"{secrets.token_urlsafe(32)}-r"
    fresh = RefreshToken(
        _key(token),
        user_guid=user.guid,
        client_id=client.client_id,
        scopes=exchanged.scopes if exchanged else scopes,
        issued_at=now(),
        expires_at=int(now()) + int(client.refresh_validity_s),
    )
    unit = world.unit()
    unit.put(fresh)
    if exchanged is not None:
        unit.put(exchanged)
    unit.commit()
    return answer | {"refresh_token": token}


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
