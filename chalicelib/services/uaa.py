"""Tokens: the three grants of the UAA, in its own words and claims.

Access tokens are JWTs of ten minutes that nobody looks up. Refresh tokens are random, kept as hashes, and exchanged
for a new one at every use; the old one lives on for a moment, because two commands may use it at once.
"""

import hashlib
import secrets
from typing import Any

from pynamodb.exceptions import PutError

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.core.errors import UaaError
from chalicelib.services import listing, passwords, users
from chalicelib.tables.identity import Client, RefreshToken, User

PASSWORD, REFRESH, CLIENT_CREDENTIALS = "password", "refresh_token", "client_credentials"

#: UAA's default: a user who did nothing for 30 days logs in again.
REFRESH_VALID_S = 30 * 24 * 3600
#: How long a refresh token that was exchanged may be used once more.
ROTATION_GRACE_S = 60
ACCESS_VALID_S = 600


def bad_credentials() -> UaaError:
    return UaaError(401, "unauthorized", "Bad credentials")


def authenticate_client(client_id: str, secret: str) -> Client:
    """Raises UaaError. A client without a secret, such as ``cf``, is public: its secret must be empty."""
    try:
        client = Client.get(client_id, consistent_read=True) if listing.is_possible(client_id) else None
    except Client.DoesNotExist:
        client = None
    if client is not None and not client.secret_hash:
        right = secret == ""
    else:
        right = passwords.matches(str(client.secret_hash) if client else None, secret)
    if client is None or not right:
        raise bad_credentials()
    return client


def password_grant(world: World, client: Client, username: str, password: str, scope: str = "") -> dict[str, Any]:
    """Raises UaaError."""
    _require(client, PASSWORD)
    user = users.by_username(username) if username else None
    if user is not None and passwords.is_locked(user):
        raise UaaError(
            401,
            "unauthorized",
            "Your account has been locked because of too many failed attempts to login.",
        )
    if not passwords.matches(str(user.password_hash) if user and user.password_hash else None, password):
        if user is not None:
            passwords.count_failure(user)
        raise bad_credentials()
    assert user is not None
    passwords.forget_failures(user)
    scopes = _narrowed(list(user.scopes), scope)
    return _with_refresh_token(world, user, client, scopes)


def refresh_grant(world: World, client: Client, token: str, scope: str = "") -> dict[str, Any]:
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
        or kept.client_id != client.client_id
        or float(kept.expires_at) <= now()
        or float(kept.issued_at) < float(user.password_at)
    ):
        raise UaaError(401, "invalid_token", "The token expired, was revoked, or the token ID is incorrect.")
    scopes = _narrowed([scope for scope in kept.scopes if scope in user.scopes], scope)
    kept.expires_at = min(float(kept.expires_at), int(now()) + ROTATION_GRACE_S)
    return _with_refresh_token(world, user, client, scopes, exchanged=kept)


def client_grant(world: World, client: Client, scope: str = "") -> dict[str, Any]:
    """Raises UaaError."""
    _require(client, CLIENT_CREDENTIALS)
    return _answer(world, _client_claims(client, _narrowed(list(client.scopes), scope)), client)


def user_token(world: World, user: User, client_id: str) -> str:
    """An access token of the user, without asking for a password."""
    claims = _user_claims(user, client_id, list(user.scopes))
    return world.keys.sign(_complete(world, claims, ACCESS_VALID_S))


def revoke_for_user(user_guid: str) -> None:
    """Void every refresh token that the user was given until now."""
    user = listing.find(User, user_guid)
    if user is not None:
        user.update(actions=[User.password_at.set(now())], add_version_condition=False)


def get_client(client_id: str) -> Client:
    """Raises UaaError."""
    try:
        if not listing.is_possible(client_id):
            raise Client.DoesNotExist
        return Client.get(client_id, consistent_read=True)
    except Client.DoesNotExist:
        raise UaaError(404, "not_found", f"No client with requested id: {client_id[:100]}") from None


def create_client(client_id: str, secret: str, scopes: list[str]) -> Client:
    """A client for machines. Raises UaaError when the name is taken."""
    client = Client(
        client_id,
        secret_hash=passwords.hashed(secret),
        scopes=sorted(scopes),
        grants=[CLIENT_CREDENTIALS],
        access_validity_s=ACCESS_VALID_S,
    )
    try:
        client.save(Client.client_id.does_not_exist())
    except PutError:
        raise UaaError(409, "invalid_client", f"Client already exists: {client_id}") from None
    return client


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


def _complete(world: World, claims: dict[str, Any], valid_s: int) -> dict[str, Any]:
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
        "revocable": False,
    }


def _answer(world: World, claims: dict[str, Any], client: Client) -> dict[str, Any]:
    valid_s = int(client.access_validity_s)
    complete = _complete(world, claims, valid_s)
    return {
        "access_token": world.keys.sign(complete),
        "token_type": "bearer",
        "expires_in": valid_s - 1,
        "scope": " ".join(complete["scope"]),
        "jti": complete["jti"],
    }


def _with_refresh_token(
    world: World, user: User, client: Client, scopes: list[str], exchanged: RefreshToken | None = None
) -> dict[str, Any]:
    """An answer with a refresh token, if the client may use one; ``exchanged`` is the one it replaces."""
    answer = _answer(world, _user_claims(user, str(client.client_id), scopes), client)
    if REFRESH not in client.grants:
        return answer
    token = f"{secrets.token_urlsafe(32)}-r"
    fresh = RefreshToken(
        _key(token),
        user_guid=user.guid,
        client_id=client.client_id,
        scopes=exchanged.scopes if exchanged else scopes,
        issued_at=now(),
        expires_at=int(now()) + REFRESH_VALID_S,
    )
    unit = world.unit()
    unit.put(fresh)
    if exchanged is not None:
        unit.put(exchanged)
    unit.commit()
    return answer | {"refresh_token": token}


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
