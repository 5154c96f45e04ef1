"""Access tokens that are void before their time.

Ordinary access tokens run out within minutes and nobody looks them up. Those that were asked for as ``revocable``
are looked up at each use: one read.
"""

from typing import Any

from chalicelib.adapters.clock import now
from chalicelib.adapters.keys import LONGEST_TOKEN_S
from chalicelib.tables.identity import Revoked
from chalicelib.tables.unit import Unit


def revoke_token(unit: Unit, token_id: str) -> None:
    unit.put(_void(f"jti/{token_id}"))


def revoke_user(unit: Unit, user_guid: str) -> None:
    """All that he was given until now."""
    unit.put(_void(f"user/{user_guid}"))


def is_void(claims: dict[str, Any]) -> bool:
    """Whether the claims are of a token that was revoked."""
    if not claims.get("revocable"):
        return False
    keys = [f"jti/{claims.get('jti')}", f"user/{claims.get('sub')}"]
    return any(
        str(item.key).startswith("jti/") or float(claims.get("iat", 0)) <= float(item.at)
        for item in Revoked.batch_get(keys, consistent_read=True)
    )


def _void(key: str) -> Revoked:
    return Revoked(key, at=now(), expires_at=int(now()) + LONGEST_TOKEN_S)
