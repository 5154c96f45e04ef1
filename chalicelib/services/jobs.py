"""Background work: a job that clients poll, and the message that makes the jobs function do it.

The job and its message are one transaction with whatever the request changed. The worker takes a job by its name
in ``work``, may be killed at any point and is then given the message again; what it does must bear that. A job
past its deadline is failed by the sweep.
"""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import Conflict, PaasError
from chalicelib.services import listing
from chalicelib.tables.base import Resource
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

DEADLINE_S = 3600
#: How long clients may ask for a job that has ended, seconds.
KEPT_S = 24 * 3600

#: How often a job that lost a race for a row is begun anew at once, with pauses of up to so many seconds; then a
#: message does it so many seconds later. The queue itself would give it again only after its visibility timeout.
ATTEMPTS, PAUSE_S, RACE_LOST_S = 4, 0.2, 5

#: States that a job does not leave again.
ENDED = ("COMPLETE", "FAILED")


@frozen
class RunJob:
    """``job.run`` to queue ``jobs``. Dedupe keys: job_guid, by the job's state; turn, so that a message that comes
    twice does not make two chains of a job that is done in several turns."""

    job_guid: str
    turn: int = 0


@frozen
class Later:
    """What a worker returns that waits for somebody else: look again in ``after_s`` seconds. Clients see POLLING."""

    after_s: float


#: name -> what does it. A worker returns None when the job is complete and raises PaasError when it failed.
Worker = Callable[[World, dict[str, Any]], Later | None]
WORKERS: dict[str, Worker] = {}


def worker(name: str) -> Callable[[Worker], Worker]:
    """Register what does the job ``name``; its module must be imported by handlers.cc."""

    def register(function: Worker) -> Worker:
        WORKERS[name] = function
        return function

    return register


def start(
    unit: Unit,
    operation: str,
    do: str,
    resource: Resource | None = None,
    delay_s: float = 0,
    within_s: float = DEADLINE_S,
    **work: Any,
) -> Job:
    """Add a job to ``unit``. ``operation`` is what clients see (``app.delete``); ``work`` must be JSON.

    delay_s: for who runs the job himself right after the commit, so that the queue has it only if he dies.
    within_s: when the sweep fails it.
    """
    job = Job(new_guid(), operation=operation, work={"do": do, **work}, deadline=now() + within_s)
    job.resource = {"kind": resource.KIND, "guid": resource.guid} if resource else {}
    _begin(unit, job)
    unit.due(job, job.deadline)
    unit.send("queue:jobs", "job.run", RunJob(str(job.guid)), delay_s)
    return job


def done(unit: Unit, operation: str) -> Job:
    """Add a job that ``unit`` itself completes: for what clients expect a job for, though it is small."""
    job = Job(new_guid(), operation=operation, state="COMPLETE", expires_at=int(now()) + KEPT_S)
    _begin(unit, job)
    return job


def _begin(unit: Unit, job: Job) -> None:
    """In no list: nobody lists jobs, and their rows go by themselves."""
    job.created_at = stamp()
    unit.put(job, Job.guid.does_not_exist())


def run(world: World, job_guid: str, turn: int | None = None) -> None:
    """Do a job once more or for the first time. Unexpected errors leave it to the queue to try again.

    turn: of the message that says so; one that the job has left behind does nothing. Raises Conflict when somebody
    else moves the job itself on at this moment.
    """
    for _ in range(ATTEMPTS):
        with suppress(Conflict):
            return _run(world, job_guid, turn)
        time.sleep(random.uniform(0, PAUSE_S))
    job = _left(job_guid, turn)
    if job is not None:
        _postpone(world, job, Later(RACE_LOST_S))
    return None


def _left(job_guid: str, turn: int | None) -> Job | None:
    """The job, if it has not ended and the message is not of an earlier turn."""
    job = listing.find(Job, job_guid)
    if job is None or job.state in ENDED or (turn is not None and turn < job.work.get("turn", 0)):
        return None
    return job


def _run(world: World, job_guid: str, turn: int | None) -> None:
    job = _left(job_guid, turn)
    if job is None:
        return
    try:
        later = WORKERS[job.work["do"]](world, job.work)
    except Conflict:
        raise
    except PaasError as error:
        finish(world, job, error)
    else:
        _postpone(world, job, later) if later else finish(world, job)


def _postpone(world: World, job: Job, later: Later) -> None:
    """The next turn, as a message that comes late. Of two runs of one turn only one gets this far: the job's rev."""
    unit = world.unit()
    turn = job.work.get("turn", 0) + 1
    job.state, job.work = "POLLING", {**job.work, "turn": turn}
    unit.put(job)
    unit.send("queue:jobs", "job.run", RunJob(str(job.guid), turn), later.after_s)
    unit.commit()


def finish(world: World, job: Job, error: PaasError | None = None) -> None:
    """End a job, well or with an error that clients print."""
    unit = world.unit()
    job.state = "FAILED" if error else "COMPLETE"
    job.errors = error.body()["errors"] if error else []
    job.expires_at = int(now()) + KEPT_S
    unit.put(job)
    unit.settled(job, float(job.deadline))
    unit.commit()
