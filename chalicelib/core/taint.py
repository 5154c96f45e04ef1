"""A DEA's answer to a discover: may it (``eligible``), and how late does it answer (``taint``).

Pure arithmetic of the DEA's side of the auction. The taint is the 2011 system's: milliseconds by which the answer
is delayed, so that the host that suits best is heard first. The hash decides between hosts that are alike, the
same way for everybody who computes it.
"""

import hashlib

from chalicelib.contracts.auction import Discover
from chalicelib.contracts.frozen import frozen

#: Milliseconds: per instance of the same app; for all memory reserved; for all CPUs busy; the hash's span; the cap.
SIBLING_MS, MEMORY_MS, CPU_MS, HASH_MS, CAP_MS = 10.0, 100.0, 50.0, 5.0, 250.0


@frozen
class Host:
    """What a DEA knows of itself when it decides. ``closed`` (draining, cordoned) hosts take nothing."""

    stacks: tuple[str, ...]
    arch: str
    memory_mb: int
    disk_mb: int
    reserved_memory_mb: int = 0
    reserved_disk_mb: int = 0
    isolation_segment: str | None = None
    closed: bool = False


def eligible(host: Host, discover: Discover) -> int:
    """How many of the wanted indices fit together on this host; 0 is a NO, and a NO is silence."""
    limits = discover.limits
    if (
        host.closed
        or discover.stack not in host.stacks
        or discover.arch not in (None, host.arch)
        or discover.isolation_segment != host.isolation_segment
        or limits.memory_mb <= 0
        or limits.disk_mb <= 0
    ):
        return 0
    by_memory = (host.memory_mb - host.reserved_memory_mb) // limits.memory_mb
    by_disk = (host.disk_mb - host.reserved_disk_mb) // limits.disk_mb
    return max(0, min(by_memory, by_disk, len(discover.wants)))


def taint(dea: str, instance_guid: str, siblings: int, memory_share: float, cpu_share: float) -> float:
    """Milliseconds by which ``dea`` delays its bid for ``instance_guid``; 0 to CAP_MS.

    siblings: instances of the app that the host has or has just bid for. memory_share, cpu_share: 0 to 1 of
    what is reserved and busy; values outside are cut.
    """
    digest = hashlib.blake2b(f"{dea}\0{instance_guid}".encode(), digest_size=2).digest()
    total = (
        SIBLING_MS * siblings
        + MEMORY_MS * min(max(memory_share, 0.0), 1.0)
        + CPU_MS * min(max(cpu_share, 0.0), 1.0)
        + HASH_MS * int.from_bytes(digest) / 0xFFFF
    )
    return round(min(total, CAP_MS), 3)
