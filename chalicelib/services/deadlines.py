"""What has not ended in its time is ended with a reason, so that nobody waits for it for ever."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.services import builds, droplet_bits, jobs, listing, packages, task_runs
from chalicelib.services.brokering import instances, operations, orphans
from chalicelib.tables.base import Due
from chalicelib.tables.ledger import Job

log = logging.getLogger(__name__)


#: What one sweep takes on: so many, and none after so many seconds. The function's own end would come in the middle.
AT_ONCE, BUSY_S = 500, 25
#: One that failed is tried again after so many seconds: behind those that are due meanwhile, however many fail.
RETRY_S = 60


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


def sweep(world: World, at_once: int = AT_ONCE, busy_s: float = BUSY_S) -> None:
    """End what is past its deadline, the oldest first; what is too much for one sweep is the next one's.

    An item goes once its resource has been dealt with, so that a sweep may be killed anywhere. One that fails waits
    and keeps none of the others waiting.
    """
    began, moment = time.monotonic(), stamp(now())
    found = [due for kind in EXPIRED for due in Due.query(kind, Due.key < moment, consistent_read=True, limit=at_once)]
    for due in sorted(found, key=lambda due: str(due.key))[:at_once]:
        if time.monotonic() - began >= busy_s:
            log.warning("more is past its deadline than one sweep can end")
            return
        try:
            EXPIRED[due.kind](world, due.guid)
            due.delete()
        except Conflict:
            log.info("%s %s changes at this moment", due.kind, due.guid)
        except Exception:
            log.exception("%s %s is past its deadline and could not be ended", due.kind, due.guid)
            _put_back(world, due)


def _put_back(world: World, due: Due) -> None:
    unit = world.unit()
    unit.put(Due(due.kind, f"{stamp(now() + RETRY_S)}#{due.guid}"))
    unit.delete(due)
    with suppress(Conflict):
        unit.commit()
