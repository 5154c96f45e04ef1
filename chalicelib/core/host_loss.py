"""Which silent hosts are lost: the quick sweep's decision, with the doubts of one who may be deaf himself.

A wrong "lost" starts everything of a host a second time, so silence counts only while HM was able to hear, and
many silent hosts at once are taken for a fault of the way to us rather than of the hosts.
"""

from collections.abc import Collection

from chalicelib.contracts.frozen import frozen
from chalicelib.core.freshness import Hearing, Host

#: More newly silent hosts than this share of all (and more than one) are not believed (architecture, host loss).
BELIEVED_SHARE = 0.2


@frozen
class Verdict:
    """lost: host ids to give up. doubted: silent ones of which only the cloud's word can convince us."""

    lost: tuple[str, ...] = ()
    doubted: tuple[str, ...] = ()


def silence_s(host: Host, hearing: Hearing, now: float) -> float:
    """How long we have listened for the host in vain, seconds: never longer than we have listened at all."""
    return now - max(host.seen_at, hearing.since)


def judge(hosts: Collection[Host], hearing: Hearing, now: float, lost_after_s: float, heartbeat_s: float) -> Verdict:
    """Judge every host that is not given up yet. ``hosts``: all rows, the lost ones too.

    Hosts cut off at one moment fall silent within one heartbeat of each other, so those that are about to be
    silent already count as many; so do those that were given up within the last window. A draining host stops
    beating by itself: its silence says nothing about others and is believed.
    """
    silent = [
        host
        for host in hosts
        if not host.lost and silence_s(host, hearing, now) > lost_after_s and hearing.at > host.seen_at
    ]
    many = [
        host
        for host in hosts
        if not host.draining
        and silence_s(host, hearing, now) > lost_after_s - heartbeat_s
        and not (host.lost and now - host.seen_at > 2 * lost_after_s)
    ]
    known = sum(1 for host in hosts if not host.lost) + sum(1 for host in many if host.lost)
    believed = len(many) <= max(1, BELIEVED_SHARE * known)
    return Verdict(
        lost=tuple(host.id for host in silent if believed or host.draining),
        doubted=tuple(host.id for host in silent if not believed and not host.draining),
    )
