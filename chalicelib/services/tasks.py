"""Tasks: a command of an app that runs once, to its end, whether the app itself runs or not.

PENDING while a place is looked for, RUNNING from the host's word on, then SUCCEEDED or FAILED with a reason. At most
one attempt ever runs: a place is looked for again only when a host said that it did not begin.
"""

import json
import random
import time

from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import TASK, Discover, Limits, Stop, Wanted
from chalicelib.contracts.codec import to_json
from chalicelib.core import quotas as uses
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.core.tasks import CANCELING, CANCELLED, ENDED, FAILED, PENDING
from chalicelib.services import audit, droplets, environment, listing, placements, quotas, usage_events
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.base import Member
from chalicelib.tables.identity import Space
from chalicelib.tables.running import OPEN, Placement
from chalicelib.tables.tasks import Task, TaskCount
from chalicelib.tables.unit import Unit

NO_DROPLET = "Task must have a droplet. Assign current droplet to app."
#: Ended tasks are forgotten after so long, and earlier beyond so many of one app.
KEPT_S = 30 * 24 * 3600
KEPT_PER_APP = 1000
#: Old tasks that one new task clears away at most.
CLEARED_AT_ONCE = 5
#: How often a create tries to be the next of its app, when others want the same.
ATTEMPTS = 40


def spec_key(guid: str) -> str:
    return f"taskspecs/{guid}.json"


def create(world: World, actor: Actor, task: Task, app: App, space: Space, droplet: Droplet, trace: str = "") -> Task:
    """``task``: a draft with its name, command and sizes. Raises Unprocessable when a quota does not allow it."""
    task.guid, task.state = new_guid(), PENDING
    task.app_guid, task.space_guid, task.org_guid = str(app.guid), str(space.guid), str(space.org_guid)
    task.droplet_guid = str(droplet.guid)
    spec = environment.task_spec(world, app, task)
    task.isolation_segment = spec.isolation_segment
    world.blobs.put_bytes(spec_key(str(task.guid)), json.dumps(to_json(spec)).encode())
    try:
        _create(world, actor, task, app, space, droplet, trace)
    except Exception:
        world.blobs.delete(spec_key(str(task.guid)))
        raise
    if int(task.sequence_id) > KEPT_PER_APP:
        _clear(world, str(app.guid), int(task.sequence_id) - KEPT_PER_APP)
    return task


def _create(world: World, actor: Actor, task: Task, app: App, space: Space, droplet: Droplet, trace: str) -> None:
    for attempt in range(ATTEMPTS):
        unit = world.unit(trace)
        unit.require(App, str(app.guid), NotFound(App.LABEL))
        droplets.require_staged(unit, str(droplet.guid), Unprocessable(NO_DROPLET))
        task.created_at = None
        _number(unit, task)
        task.deadline = now() + world.config.timers.task_pending_s
        unit.create(task)
        unit.due(task, float(task.deadline))
        quotas.charge(unit, str(task.org_guid), str(task.space_guid), _use(task))
        usage_events.task_changed(unit, task, "TASK_STARTED", app)
        row = placements.new_row(TASK, str(task.guid), str(app.guid), 0, 0)
        unit.put(row)
        placements.hold_auction(world, unit, discover(task, droplet, row))
        _record(unit, actor, "create", app, space, task)
        try:
            return unit.commit()
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, 0.01 * min(attempt + 1, 10)))
    return None


def discover(task: Task, droplet: Droplet, row: Placement) -> Discover:
    return Discover(
        auction_guid=new_guid(),
        work=TASK,
        work_guid=str(task.guid),
        app_guid=str(task.app_guid),
        version=0,
        stack=str(droplet.stack),
        arch=str(droplet.arch),
        limits=limits_of(task),
        wants=(Wanted(0, str(row.instance_guid)),),
        isolation_segment=task.isolation_segment,
    )


def limits_of(task: Task) -> Limits:
    return Limits(int(task.memory_mb), int(task.disk_mb), log_rate_bytes=int(task.log_rate_bytes))


def _number(unit: Unit, task: Task) -> None:
    """The next number of the app, which only one of several can have."""
    try:
        last = int(TaskCount.get(str(task.app_guid), consistent_read=True).last)
    except TaskCount.DoesNotExist:
        last = 0
    task.sequence_id = last + 1
    unmoved = TaskCount.last == last if last else TaskCount.last.does_not_exist()
    unit.update(TaskCount(str(task.app_guid)), [TaskCount.last.set(last + 1)], unmoved)


def _use(task: Task) -> uses.Use:
    return uses.task(int(task.memory_mb), int(task.log_rate_bytes))


def cancel(world: World, actor: Actor, task: Task, app: App, space: Space, trace: str = "") -> Task:
    """Raises Unprocessable when it has ended. One that has no place yet ends at once."""
    if task.state in ENDED:
        raise Unprocessable(f"Task state is {task.state} and therefore cannot be canceled")
    if task.state == CANCELING:
        return task
    unit, row = world.unit(trace), place_of(str(task.guid))
    _record(unit, actor, "cancel", app, space, task)
    if row is None or row.state == OPEN:
        end(world, unit, task, FAILED, CANCELLED, row)
        return task
    unmoved = (Placement.instance_guid == row.instance_guid) & (Placement.state == row.state)
    unit.check(Placement, str(task.guid), 0, condition=unmoved)
    task.state = CANCELING
    unit.put(task)
    unit.send("topic:dea", "dea.stop", stop_of(task, "cancelled"))
    unit.commit()
    return task


def stop_of(task: Task, reason: str) -> Stop:
    """Of whatever attempt of it there is; a host that hears it before the start refuses that start."""
    return Stop(str(task.guid), up_to_version=0, reason=reason)


def end(
    world: World, unit: Unit, task: Task, state: str, reason: str | None, row: Placement | None, stop: bool = False
) -> None:
    """The task ends with this transaction, gives back what it was charged, and is kept a while to be looked at."""
    task.state, task.error = state, reason
    look_again(unit, task, now() + KEPT_S)
    unit.put(task)
    quotas.charge(unit, str(task.org_guid), str(task.space_guid), -_use(task))
    usage_events.task_changed(unit, task, "TASK_STOPPED")
    if row is not None:
        unit.delete(row, Placement.instance_guid == row.instance_guid)
        if stop:
            order = stop_of(task, reason or "ended")
            unit.send(f"url:{row.queue_url}" if row.queue_url else "topic:dea", "dea.stop", order)
    unit.commit()
    world.blobs.delete(spec_key(str(task.guid)))


def look_again(unit: Unit, task: Task, at: float) -> None:
    """Have the sweep look at the task at ``at`` (epoch s), and not before."""
    if task.deadline:
        unit.settled(task, float(task.deadline))
    task.deadline = at
    unit.due(task, at)


def place_of(guid: str) -> Placement | None:
    """Where it runs, or looks for a place to; None once it has ended."""
    try:
        return Placement.get(guid, 0, consistent_read=True)
    except Placement.DoesNotExist:
        return None


def remove(world: World, task: Task, trace: str = "") -> None:
    """End it, if need be, and forget it."""
    if task.state not in ENDED:
        end(world, world.unit(trace), task, FAILED, CANCELLED, place_of(str(task.guid)), stop=True)
    unit = world.unit(trace)
    if task.deadline:
        unit.settled(task, float(task.deadline))
    unit.remove(task)
    unit.commit()


def remove_all(world: World, app_guid: str, trace: str = "") -> None:
    """Of an app that is going."""
    for task in listing.all_of(Task, f"app/{app_guid}/tasks"):
        remove(world, task, trace)
    TaskCount(app_guid).delete()


def _clear(world: World, app_guid: str, most: int) -> None:
    """Forget the oldest tasks up to number ``most``, a few at a time."""
    oldest = Member.query(f"app/{app_guid}/tasks", limit=CLEARED_AT_ONCE, consistent_read=True)
    for task in listing.load(Task, [member.guid for member in oldest]):
        if task.state in ENDED and int(task.sequence_id) <= most:
            remove(world, task)


def _record(unit: Unit, actor: Actor, verb: str, app: App, space: Space, task: Task) -> None:
    request = {
        "name": task.name,
        "command": "[PRIVATE DATA HIDDEN]",
        "memory_in_mb": int(task.memory_mb),
        "disk_in_mb": int(task.disk_mb),
        "droplet_guid": task.droplet_guid,
    }
    data = {"task_guid": task.guid} | ({"request": request} if verb == "create" else {})
    audit.record(unit, actor, f"audit.app.task.{verb}", app, str(space.guid), str(space.org_guid), data)
