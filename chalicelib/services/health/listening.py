"""Taking the beats that wait in queue ``beats``, and noting who was heard.

Nobody is called by a beat that says what the last one said. The quick sweep, which judges by them, takes all that
have come, ten to a receive, and notes them in one write. What has changed comes through queue ``hm`` and at once.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

from pynamodb.expressions.condition import Condition

from chalicelib.adapters.backlog import AT_ONCE, Backlog
from chalicelib.adapters.records import each
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.heartbeat import Heartbeat
from chalicelib.core.errors import Conflict
from chalicelib.core.freshness import Hearing, Seen, gap_s, merged
from chalicelib.core.timers import Timers
from chalicelib.services.health import beats
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea, HealthState
from chalicelib.tables.base import moved

log = logging.getLogger(__name__)

ATTEMPTS = 5
#: Of one sweep: 5,000 beats. The next sweep goes on.
MOST_RECEIVES = 500


def listen(
    world: HealthWorld, hosts: dict[str, Dea], now: float, wait_s: int = 0, most: int = MOST_RECEIVES
) -> Hearing | None:
    """Handle what waits and note it; None when there is more than ``most`` receives bring, so that nobody may be judged
    yet. hosts: all rows by id, which are renewed where a beat has changed them. wait_s: for the first beats, when none
    are there.

    Beats are deleted once they are noted: who dies before leaves them to the next one.
    """
    before, news, handled = presence.hearing(), dict[str, Seen](), []

    def take(envelope: Envelope) -> None:
        if envelope.subject != "dea.heartbeat":
            log.warning("nobody here handles %s", envelope.subject, extra={"trace": envelope.trace})
            return
        beat = envelope.read(Heartbeat)
        if seen := beats.take_beat(world, hosts, before, beat, envelope.sent_at, now, envelope.trace):
            news.update(merged(news, {beat.dea: seen}))

    backlog, is_all = Backlog(world.bus, "beats"), False
    for _ in range(most):
        records = backlog.receive(wait_s)
        failures = {failure["itemIdentifier"] for failure in each({"Records": records}, take)["batchItemFailures"]}
        handled += [record for record in records if record["messageId"] not in failures]
        if is_all := len(records) < AT_ONCE:
            break
    hearing = note(world.timers, before, news, hosts, now)
    backlog.delete(handled)
    return hearing if is_all else None


def note(timers: Timers, before: Hearing, news: Mapping[str, Seen], known: Collection[str], now: float) -> Hearing:
    """Write down who was heard, and that HM hears at ``now``; hosts that are neither ``known`` nor news are forgotten.
    before: as it was read. Raises Conflict when others keep writing."""
    for _ in range(ATTEMPTS):
        kept = {dea: seen for dea, seen in before.seen.items() if dea in known}
        after = before.heard(now, gap_s(timers.lost_after_s, timers.heartbeat_s)).knowing(merged(kept, news))
        if after == before:
            return before
        after = replace(after, rev=before.rev + 1)
        actions = [
            HealthState.at.set(after.at),
            HealthState.since.set(after.since),
            HealthState.rev.set(after.rev),
            HealthState.seen.set(
                {dea: [one.mark.boot, one.mark.seq, one.mark.sent_at, one.at] for dea, one in after.seen.items()}
            ),
        ]
        if moved(HealthState(presence.KEY), actions, as_heard(before)):
            return after
        before = presence.hearing()
    raise Conflict


def as_heard(hearing: Hearing) -> Condition:
    """That nobody has noted anything since."""
    unmoved: Condition = HealthState.rev == hearing.rev
    return unmoved if hearing.rev else HealthState.rev.does_not_exist() | unmoved
