"""What becomes of a task that hosts may take: the claim, what the host says of it, and what the sweep finds.

Every answer names the attempt (instance_guid) that it is about; one that is not the task's changes nothing.
"""

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import TASK, HealthCheck, Refused, Start, Started, Stop
from chalicelib.contracts.health import PlacementCheck
from chalicelib.contracts.heartbeat import TaskFinished
from chalicelib.core.tasks import (
    CANCELING,
    CANCELLED,
    DOUBTED,
    ENDED,
    FAILED,
    GONE,
    PENDING,
    RUNNING,
    THERE,
    UNHEARD,
    UNPLACED,
    judge,
    outcome,
)
from chalicelib.services import droplets, grants, listing, tasks
from chalicelib.tables.actual import Dea
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.running import CLAIMED, OPEN, STARTED, Placement
from chalicelib.tables.tasks import Task

#: Seconds that a host has from the claim to the running command, the download of the droplet among them.
START_S = 60


def start(world: World, task: Task, app: App, droplet: Droplet, row: Placement, link_life_s: int) -> Start:
    """What tells the winner to run it."""
    url, digest = droplets.source(world, droplet, link_life_s)
    return Start(
        app_guid=str(app.guid),
        app_name=str(app.name),
        process_guid=str(task.guid),
        process_type=str(task.name),
        version=0,
        index=0,
        instance_guid=str(row.instance_guid),
        limits=tasks.limits_of(task),
        health=HealthCheck("process"),
        spec_url=world.blobs.presign_get(tasks.spec_key(str(task.guid)), link_life_s),
        droplet_url=url,
        droplet_digest=digest,
        log_grant=grants.log_grant(world, str(app.guid)),
        stack=str(droplet.stack),
        work=TASK,
    )


def started(world: World, row: Placement, message: Started, trace: str) -> None:
    """It runs. What is to be cancelled has been told so already."""
    task = listing.find(Task, message.process_guid)
    if task is None or task.state in ENDED:
        stop = Stop(message.process_guid, up_to_version=0, reason="not wanted any more")
        world.bus.say("topic:dea", "dea.stop", stop, trace)
        return
    unit = world.unit(trace)
    unit.update(row, [Placement.state.set(STARTED)], Placement.instance_guid == message.instance_guid)
    if task.state == PENDING:
        task.state = RUNNING
    tasks.look_again(unit, task, now() + world.config.timers.task_check_s)
    unit.put(task)
    unit.commit()


def finished(world: World, message: TaskFinished, trace: str) -> None:
    """It has ended. Said twice, or of an attempt that is not the task's, it changes nothing."""
    task, row = listing.find(Task, message.task_guid), tasks.place_of(message.task_guid)
    if task is None or task.state in ENDED or row is None or row.instance_guid != message.instance_guid:
        return
    state, reason = outcome(str(task.state), message.reason, message.exit_status, message.description)
    tasks.end(world, world.unit(trace), task, state, reason, row)


def refused(world: World, row: Placement, message: Refused, trace: str) -> bool:
    """Whether the place is to be looked for again; a task that is being cancelled ends instead."""
    task = listing.find(Task, message.work_guid)
    if task is not None and task.state == CANCELING:
        tasks.end(world, world.unit(trace), task, FAILED, CANCELLED, row)
    return task is not None and task.state == PENDING


def unheard(world: World, row: Placement, check: PlacementCheck, trace: str) -> None:
    """Its claim was not heard of in time. It may have begun, so it is not tried again."""
    task = listing.find(Task, check.work_guid)
    if task is None or task.state in ENDED:
        return
    if _word(task, row) == THERE:
        world.bus.say("queue:cc", "placement.check", check, trace, delay_s=world.config.timers.task_check_s)
        return
    reason = CANCELLED if task.state == CANCELING else UNHEARD
    tasks.end(world, world.unit(trace), task, FAILED, reason, row, stop=True)


def lost(world: World, guid: str, dea: str, trace: str) -> None:
    """HM says that ``dea`` is gone, or has begun anew without it."""
    task, row = listing.find(Task, guid), tasks.place_of(guid)
    if task is None or task.state in ENDED or row is None or row.dea != dea:
        return
    host = _host(dea)
    if host is None or host.lost or guid not in host.tasks:
        tasks.end(world, world.unit(trace), task, FAILED, _lost(task, row), row, stop=True)


def _lost(task: Task, row: Placement) -> str:
    return CANCELLED if task.state == CANCELING else f"the host {row.dea} was lost while the task ran"


def expired(world: World, guid: str) -> None:
    """It is time to look: see Task.deadline."""
    task = listing.find(Task, guid)
    if task is None:
        return
    if task.state in ENDED or listing.find(App, str(task.app_guid)) is None:
        tasks.remove(world, task)
        return
    row = tasks.place_of(guid)
    if row is None or row.state == OPEN:
        reason = CANCELLED if task.state == CANCELING else UNPLACED
        tasks.end(world, world.unit(), task, FAILED, reason, row)
        return
    word = _word(task, row) if row.state != CLAIMED else THERE
    unit = world.unit()
    if word == GONE:
        tasks.end(world, unit, task, FAILED, _lost(task, row), row, stop=True)
        return
    task.is_doubted = word == DOUBTED
    tasks.look_again(unit, task, now() + world.config.timers.task_check_s)
    unit.put(task)
    if task.state == CANCELING:
        unit.send(f"url:{row.queue_url}", "dea.stop", tasks.stop_of(task, "cancelled"))
    unit.commit()


def _word(task: Task, row: Placement) -> str:
    host = _host(str(row.dea))
    if host is None or host.lost:
        return GONE
    return judge(str(task.guid) in host.tasks, bool(task.is_doubted))


def _host(dea: str) -> Dea | None:
    try:
        return Dea.get("all", dea, consistent_read=True)
    except Dea.DoesNotExist:
        return None
