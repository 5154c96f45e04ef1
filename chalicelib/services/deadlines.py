"""What has not ended in its time is ended with a reason, so that nobody waits for it for ever."""

import logging
from collections.abc import Callable

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import Unavailable
from chalicelib.services import builds, droplet_bits, jobs, listing, packages, task_runs
from chalicelib.services.brokering import instances, operations, orphans
from chalicelib.tables.base import Due
from chalicelib.tables.ledger import Job

log = logging.getLogger(__name__)


def _job_expired(world: World, guid: str) -> None:
    job = listing.find(Job, guid)
    if job is not None and job.state not in ("COMPLETE", "FAILED"):
        jobs.finish(world, job, Unavailable("The job did not end in its time. Try again."))


def _operation_expired(kind: str) -> Callable[[World, str], None]:
    return lambda world, guid: operations.expired(world, kind, guid)


EXPIRED: dict[str, Callable[[World, str], None]] = {
    "builds": builds.expired,
    "packages": packages.expired,
    "droplets": droplet_bits.expired,
    "tasks": task_runs.expired,
    "jobs": _job_expired,
    "service_orphans": orphans.due,
    **{kind: _operation_expired(kind) for kind in instances.KINDS},
}


def sweep(world: World) -> None:
    """End everything past its deadline; an item goes once its resource has been dealt with.

    One that fails waits for the next sweep and keeps none of the others waiting.
    """
    for kind, expire in EXPIRED.items():
        for due in Due.query(kind, Due.key < stamp(now()), consistent_read=True):
            try:
                expire(world, due.guid)
                due.delete()
            except Exception:
                log.exception("%s %s is past its deadline and could not be ended", kind, due.guid)
