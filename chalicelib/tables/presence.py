"""When hosts were last heard: one item for all of them, which every quick sweep of HM writes once.

A host's own row is written when something but the time has changed; it carries the mark of the beat that changed it.
"""

from chalicelib.core.freshness import BeatMark, Hearing, Seen
from chalicelib.tables.actual import Dea, HealthState

KEY = "hearing"


def hearing() -> Hearing:
    """What HM has heard; at 0 when it never has."""
    try:
        row = HealthState.get(KEY, consistent_read=True)
    except HealthState.DoesNotExist:
        return Hearing(0, 0)
    seen = {dea: Seen(BeatMark(boot, seq, sent_at), at) for dea, (boot, seq, sent_at, at) in row.seen.items()}
    return Hearing(float(row.at), float(row.since), seen, int(row.rev))


def seen(row: Dea, hearing: Hearing) -> Seen:
    """The host's last beat: the one that changed its row, or a later one of the same boot that changed nothing."""
    own = Seen(BeatMark(str(row.boot), int(row.seq), float(row.sent_at)), float(row.seen_at))
    heard = hearing.seen.get(str(row.id))
    return heard if heard and heard.mark.boot == own.mark.boot and heard.mark.supersedes(own.mark) else own
