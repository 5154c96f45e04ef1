"""Passwords: argon2id by OWASP's setting, and a lock after repeated failures.

An unknown user costs the same time as a known one, so that the token endpoint does not tell who exists.
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type
from pynamodb.expressions.update import Action

from chalicelib.adapters.clock import new_guid, now
from chalicelib.tables.identity import User

#: OWASP's minimum: 19 MiB, 2 passes, 1 lane. 19 ms here; argon2-cffi's default would be 0.5 s on a small function.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

#: UAA's defaults: five failures within 20 minutes lock the account for 5 minutes.
FAILURES_ALLOWED = 5
FAILURE_WINDOW_S = 20 * 60
LOCKED_S = 5 * 60

#: Longer passwords are refused before they are hashed.
MAX_PASSWORD = 255


def hashed(secret: str) -> str:
    return HASHER.hash(secret)


@cache
def _of_nobody() -> str:
    return hashed(new_guid())


def matches(secret_hash: str | None, secret: str) -> bool:
    """Whether ``secret`` is the one; None (no such user, no password) takes as long and is never right."""
    try:
        HASHER.verify(secret_hash or _of_nobody(), secret[:MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return bool(secret_hash) and len(secret) <= MAX_PASSWORD


def is_locked(user: User) -> bool:
    return now() < float(user.locked_until)


def count_failure(user: User) -> None:
    """Counted by DynamoDB and without the row's version: of guesses made at once, each counts."""
    at = now()
    count = User.failures.add(1) if at - float(user.failed_at) < FAILURE_WINDOW_S else User.failures.set(1)
    user.update(actions=[count, User.failed_at.set(at)], add_version_condition=False)
    if int(user.failures) >= FAILURES_ALLOWED:
        lock: list[Action] = [User.failures.set(0), User.locked_until.set(at + LOCKED_S)]
        user.update(actions=lock, add_version_condition=False)


def forget_failures(user: User) -> None:
    if int(user.failures):
        user.update(actions=[User.failures.set(0)], add_version_condition=False)
