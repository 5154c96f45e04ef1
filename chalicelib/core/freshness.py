"""What the HealthManager may believe: which beat is news, and whose word is good enough to act on.

Two doubts are kept apart. *Hearing* is about HM itself: has it heard the bus without a gap for long enough to
judge anybody's silence? *Freshness* is about a host: do we know what it runs now (FRESH), did we know (SUSPECT),
or is it given up (GONE)?
"""

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum

from chalicelib.contracts.frozen import frozen


class Freshness(StrEnum):
    """FRESH may be acted on. SUSPECT still counts as running, so that silence alone starts nothing. GONE is gone."""

    FRESH = "fresh"
    SUSPECT = "suspect"
    GONE = "gone"


@frozen
class BeatMark:
    """Where a beat stands in its host's order. sent_at: epoch s by the host's clock, only compared with itself."""

    boot: str
    seq: int
    sent_at: float

    def supersedes(self, known: "BeatMark | None") -> bool:
        """Whether this beat is news to one who has ``known``: within a boot by seq, between boots by time,
        so that a late beat of an earlier boot does not bring that boot back."""
        if known is None:
            return True
        if self.boot == known.boot:
            return self.seq > known.seq
        return self.sent_at > known.sent_at


@frozen
class Seen:
    """A host's last beat. at: epoch s, when HM handled it."""

    mark: BeatMark
    at: float


def merged(known: Mapping[str, Seen], news: Mapping[str, Seen]) -> dict[str, Seen]:
    """By host the later of both: in whatever order and how often news is told, the same comes of it."""
    found = dict(known)
    for dea, seen in news.items():
        before = found.get(dea)
        if seen.mark.supersedes(before.mark if before else None):
            found[dea] = seen
    return found


@frozen
class Host:
    """A DEA as HM knows it. seen_at: epoch s, when HM last handled a beat of it."""

    id: str
    boot: str
    seen_at: float
    draining: bool = False
    lost: bool = False


@frozen
class Hearing:
    """at: when HM last looked for beats. since: from when on it has done so without a gap (epoch s). seen: the last
    beat by host. rev: of the note of it, one more with every change."""

    at: float
    since: float
    seen: Mapping[str, Seen] = field(default_factory=dict)
    rev: int = 0

    def heard(self, now: float, gap_s: float) -> "Hearing":
        """After it looked at ``now``. A pause of more than ``gap_s`` is a gap: HM was away."""
        if now <= self.at:
            return self
        return replace(self, at=now, since=self.since if now - self.at <= gap_s else now)

    def knowing(self, seen: Mapping[str, Seen]) -> "Hearing":
        """Another note than this one when it says something else."""
        return self if seen == self.seen else replace(self, seen=seen)

    def is_settled(self, now: float, lost_after_s: float, gap_s: float) -> bool:
        """Whether every living host has had time to be heard, and HM has not gone deaf since."""
        return now - self.at <= gap_s and now - self.since >= lost_after_s


def gap_s(lost_after_s: float, heartbeat_s: float) -> float:
    """The longest pause in HM's hearing that cannot make a living host look silent: a host that beat just
    before the pause, and whose next beat waits behind it, stays within ``lost_after_s``."""
    return max(lost_after_s - heartbeat_s, heartbeat_s)


def freshness(host: Host | None, boot: str, now: float, lost_after_s: float) -> Freshness:
    """Of what ``host`` said while it had the boot ``boot``."""
    if host is None or host.lost or host.boot != boot:
        return Freshness.GONE
    return Freshness.FRESH if now - host.seen_at <= lost_after_s else Freshness.SUSPECT
