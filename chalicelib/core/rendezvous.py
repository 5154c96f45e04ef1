"""Rendezvous (highest random weight) hashing: which routers own a log source. Thaler and Ravishankar, 1998."""

import hashlib
from collections.abc import Iterable


def owners(key: str, members: Iterable[str], count: int = 2) -> list[str]:
    """The ``count`` members with the highest weight for ``key``; a leaving member moves only its own keys."""

    def weight(member: str) -> bytes:
        return hashlib.blake2b(f"{member}\0{key}".encode(), digest_size=8).digest()

    return sorted(members, key=weight, reverse=True)[:count]
