"""The HealthManager's functions: its two inboxes and its two sweeps. They import what HM needs and nothing of CC's.

Queue ``hm`` (exits, shutdowns, changes of desired state, the cloud's own events) has no batching window, so that a
crash is not kept waiting by heartbeats, which have the queue ``beats`` to themselves.
"""

import logging
from dataclasses import asdict
from typing import Any

from chalice import Blueprint

from chalicelib.adapters import collector
from chalicelib.adapters.clock import now
from chalicelib.contracts.components import Announce
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import HOST_GONE, HOST_LEAVING, CloudHost, DropletUpdated
from chalicelib.contracts.heartbeat import DeaShutdown, DropletExited, Heartbeat
from chalicelib.handlers.events import Failures, each
from chalicelib.services.health import announced, beats, exits, full, quick, rows
from chalicelib.services.health.world import world
from chalicelib.tables.running import DESIRED_SHARDS

log = logging.getLogger(__name__)

#: What of a full sweep's counts is a metric, and from where on: modules/observability has an alarm on each. A metric
#: is paid for in the hours in which something is sent of it, so what is well is not sent; the log has all counts.
ALARMED = {"drifting": 1, "promised_percent": 85}
blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue="hm", batch_size=10)
def hm_inbox(event: Any) -> Failures:
    """Queue ``hm``, which hears announcements, too. Dedupe keys stand with the contracts."""
    return each(event.to_dict(), _take)


def _take(envelope: Envelope) -> None:
    if envelope.subject == "droplet.exited":
        exits.take_exit(world(), envelope.read(DropletExited), now(), envelope.trace)
    elif envelope.subject == "dea.shutdown":
        exits.take_shutdown(world(), envelope.read(DeaShutdown), envelope.trace)
    elif envelope.subject == "droplet.updated":
        updated = envelope.read(DropletUpdated)
        full.check(world(), updated.process_guid, rows.hearing(), now(), envelope.trace)
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


@blueprint.on_sqs_message(queue="beats", batch_size=100)
def hm_beats(event: Any) -> Failures:
    """Queue ``beats``: first what the hosts say, then, if one of our pings came along, a sweep over the silent."""
    pings = []

    def take(envelope: Envelope) -> None:
        if envelope.subject == "dea.heartbeat":
            beats.take_beat(world(), envelope.read(Heartbeat), envelope.sent_at, now(), envelope.trace)
        elif envelope.subject == "hm.ping":
            pings.append(envelope.id)
        else:
            log.warning("nobody here handles %s", envelope.subject, extra={"trace": envelope.trace})

    failures = each(event.to_dict(), take)
    hearing = rows.note_hearing(world().timers, now())
    if pings:
        try:
            quick.sweep(world(), hearing, now())
        except Exception:
            # The beats of this batch are safe, and the next ping sweeps again.
            log.exception("quick sweep failed")
    return failures


@blueprint.schedule("rate(1 minute)")
def hm_quick_sweep(event: Any) -> None:
    """Send ourselves the pings that sweeps ride on."""
    quick.send_pings(world(), now())


@blueprint.schedule("rate(1 minute)")
def hm_full_sweep(event: Any) -> None:
    """All shards, or those that the schedule names in its ``detail.shards``, so that large clouds sweep in parallel."""
    # Imported here: it is heavy, and the two inboxes, whose cold start somebody waits for, have no use for it.
    from chalicelib.adapters import figures

    counts = asdict(full.sweep(world(), now, event.detail.get("shards", range(DESIRED_SHARDS))))
    if alarming := {name: counts[name] for name, least in ALARMED.items() if counts[name] >= least}:
        figures.publish(f"{world().bus.prefix}-hm", alarming)


collector.resume()
