"""The HealthManager's functions: its inbox and its two sweeps. They import what HM needs and nothing of CC's.

Queue ``hm`` (exits, shutdowns, beats that say something new, changes of desired state, the cloud's own events) has no
batching window: a crash waits for nobody. Beats that say what the last one said wait in queue ``beats`` until a quick
sweep takes them all.
"""

import logging
from dataclasses import asdict
from typing import Any

from chalice import Blueprint

from chalicelib.adapters import collector
from chalicelib.adapters.clock import now
from chalicelib.adapters.records import Failures, each
from chalicelib.contracts.components import Announce
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import HOST_GONE, HOST_LEAVING, CloudHost, DropletUpdated
from chalicelib.contracts.heartbeat import DeaShutdown, DropletExited, Heartbeat
from chalicelib.services.health import announced, beats, exits, full, quick
from chalicelib.services.health.world import world
from chalicelib.tables import presence
from chalicelib.tables.running import DESIRED_SHARDS

log = logging.getLogger(__name__)

#: What of a full sweep's counts is a metric, and from where on: modules/observability has an alarm on each. A metric
#: is paid for in the hours in which something is sent of it, so what is well is not sent; the log has all counts.
ALARMED = {"drifting": 1, "promised_percent": 85}
blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue="hm", batch_size=10)
def hm_inbox(event: Any) -> Failures:
    """Queue ``hm``, which hears announcements, too; then, if one of our pings came along, a quick sweep. Dedupe keys
    stand with the contracts."""
    pings = []

    def take(envelope: Envelope) -> None:
        if envelope.subject == "hm.ping":
            pings.append(envelope.id)
        else:
            _take(envelope)

    failures = each(event.to_dict(), take)
    if pings:
        try:
            quick.sweep(world(), now())
        except Exception:
            # Its neighbours in the batch have been handled, and the next ping sweeps again.
            log.exception("quick sweep failed")
    return failures


def _take(envelope: Envelope) -> None:
    if envelope.subject == "dea.heartbeat":
        beats.take_beat(
            world(), {}, presence.hearing(), envelope.read(Heartbeat), envelope.sent_at, now(), envelope.trace
        )
    elif envelope.subject == "droplet.exited":
        exits.take_exit(world(), envelope.read(DropletExited), now(), envelope.trace)
    elif envelope.subject == "dea.shutdown":
        exits.take_shutdown(world(), envelope.read(DeaShutdown), envelope.trace)
    elif envelope.subject == "droplet.updated":
        updated = envelope.read(DropletUpdated)
        full.check(world(), updated.process_guid, presence.hearing(), now(), envelope.trace)
    elif envelope.subject == "component.announce":
        announced.note(envelope.read(Announce), now())
    elif envelope.subject == "component.discover":
        announced.note(Announce("hm", "hm", "", "", now()), now())
    elif envelope.subject == "cloud.host":
        told = envelope.read(CloudHost)
        if told.state in HOST_GONE + HOST_LEAVING:
            quick.take_cloud_word(world(), told.host, told.state in HOST_GONE, now(), envelope.trace)
    else:
        log.warning("nobody here handles %s", envelope.subject, extra={"trace": envelope.trace})


@blueprint.schedule("rate(1 minute)")
def hm_quick_sweep(event: Any) -> None:
    """Send ourselves the pings that sweeps ride on."""
    quick.send_pings(world(), now())


@blueprint.schedule("rate(1 minute)")
def hm_full_sweep(event: Any) -> None:
    """All shards, or those that the schedule names in its ``detail.shards``, so that large clouds sweep in parallel."""
    # Imported here: it is heavy, and the inbox, whose cold start somebody waits for, has no use for it.
    from chalicelib.adapters import figures

    counts = asdict(full.sweep(world(), now, event.detail.get("shards", range(DESIRED_SHARDS))))
    if alarming := {name: counts[name] for name, least in ALARMED.items() if counts[name] >= least}:
        figures.publish(f"{world().bus.prefix}-hm", alarming)


collector.resume()
