"""How many logins may fail from one address: each costs a password's hash, also for a user who does not exist.

The lock of an account after its failures (services.passwords) says nothing about guesses at names; this bounds them,
and it says nothing about who exists, because every failure counts.
"""

import hashlib

from chalicelib.adapters.clock import now
from chalicelib.core.errors import UaaError
from chalicelib.tables.identity import Attempts

#: Failures from one address within one window, seconds. An office behind one address mistypes less.
MOST = 100
WINDOW_S = 300


def check(address: str) -> None:
    """Raises UaaError 429 for an address that has failed too often."""
    try:
        failed = int(Attempts.get(_key(address), consistent_read=True).failed)
    except Attempts.DoesNotExist:
        return
    if failed >= MOST:
        raise UaaError(429, "too_many_requests", "Too many logins have failed from your address. Try again later.")


def count(address: str) -> None:
    expires = int(now()) + 2 * WINDOW_S
    Attempts(_key(address)).update(actions=[Attempts.failed.add(1), Attempts.expires_at.set(expires)])


def _key(address: str) -> str:
    return f"{hashlib.sha256(address.encode()).hexdigest()}#{int(now() // WINDOW_S)}"
