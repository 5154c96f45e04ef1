"""The CloudController's functions besides the API: its inbox, its jobs, its sweep."""

import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from chalice import Blueprint

from chalicelib.adapters import collector
from chalicelib.adapters.records import Failures, each
from chalicelib.bootstrap import World, world
from chalicelib.contracts.auction import Bid, Refused, Started
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import (
    AuctionCheck,
    DeploymentCheck,
    HmOrphan,
    HmResync,
    HmRoutes,
    HmStart,
    HmStop,
    PlacementCheck,
    PlacementOpen,
    RouteCheck,
)
from chalicelib.contracts.heartbeat import DropletExited, InstanceReady, TaskFinished
from chalicelib.contracts.staging import StagingFinished
from chalicelib.services import (
    auctioneer,
    builds,
    complaints,
    deadlines,
    jobs,
    outbox,
    readiness,
    rollouts,
    routing,
    task_runs,
)

log = logging.getLogger(__name__)
blueprint = Blueprint(__name__)

#: Services that register what jobs do. Lambda imports this module and not app.py, so they are named here.
WORKERS = (
    "apps",
    "brokering.brokers",
    "brokering.fetching",
    "brokering.instances",
    "buildpack_bits",
    "buildpacks",
    "droplet_bits",
    "droplets",
    "manifests",
    "packages",
    "retention",
    "routes",
    "teardown",
)
for module in WORKERS:
    import_module(f"chalicelib.services.{module}")

#: subject -> (what its body is, what handles it). Dedupe keys stand with the contracts.
HANDLERS: dict[str, tuple[type, Callable[[World, Any, str], None]]] = {
    "dea.started": (Started, auctioneer.take_started),
    "dea.refused": (Refused, auctioneer.take_refusal),
    "auction.check": (AuctionCheck, auctioneer.check_auction),
    "placement.check": (PlacementCheck, auctioneer.check_placement),
    "placement.open": (PlacementOpen, auctioneer.open_more),
    "deployment.check": (DeploymentCheck, rollouts.check),
    "staging.finished": (StagingFinished, builds.finished),
    "instance.ready": (InstanceReady, readiness.take),
    "task.finished": (TaskFinished, task_runs.finished),
    "droplet.exited": (DropletExited, complaints.crashed),
    "hm.start": (HmStart, complaints.start),
    "hm.stop": (HmStop, complaints.stop),
    "hm.routes": (HmRoutes, complaints.routes),
    "route.check": (RouteCheck, routing.check),
    "hm.resync": (HmResync, complaints.resync),
    "hm.orphan": (HmOrphan, complaints.orphan),
}

#: Auctions to decide at the end of a batch: guid -> (when its window closes, trace).
Closing = dict[str, tuple[float, str]]


def _dispatch(closing: Closing, envelope: Envelope) -> None:
    if envelope.subject == "dea.bid":
        bid = envelope.read(Bid)
        closes_at = auctioneer.take_bid(world(), bid)
        if closes_at is not None:
            closing[bid.auction_guid] = (closes_at, envelope.trace)
    elif envelope.subject in HANDLERS:
        shape, handle = HANDLERS[envelope.subject]
        handle(world(), envelope.read(shape), envelope.trace)
    else:
        log.warning("nobody here handles %s", envelope.subject, extra={"trace": envelope.trace})


@blueprint.on_sqs_message(queue="cc", batch_size=10)
def cc_inbox(event: Any) -> Failures:
    """Queue ``cc``. Bids are kept first and auctions decided at the end, so that a window delays nothing else."""
    closing: Closing = {}
    failures = each(event.to_dict(), partial(_dispatch, closing))
    for auction_guid, (closes_at, trace) in sorted(closing.items(), key=lambda item: item[1][0]):
        try:
            auctioneer.decide(world(), auction_guid, closes_at, trace)
        except Exception:
            # Its own check auctions it again; the other auctions, and the messages that are done, are not to blame.
            log.exception("auction %s could not be decided", auction_guid, extra={"trace": trace})
    return failures


@blueprint.on_sqs_message(queue="jobs", batch_size=1)
def cc_jobs(event: Any) -> Failures:
    """Queue ``jobs``: one job at a time."""
    return each(event.to_dict(), _run_job)


def _run_job(envelope: Envelope) -> None:
    message = envelope.read(jobs.RunJob)
    jobs.run(world(), message.job_guid, message.turn)


@blueprint.schedule("rate(1 minute)")
def cc_sweep(event: Any) -> None:
    """Send what is still owed, end what is past its deadline, look at every deployment: each in bounded turns, which
    together leave some of the function's minute.
    """
    outbox.sweep(world())
    deadlines.sweep(world())
    rollouts.sweep(world())


collector.resume()
