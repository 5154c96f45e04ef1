"""Processes: what of an app runs, how many instances of it and how large. They follow the app's droplet."""

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.roles import READ, Actor
from chalicelib.services import audit, droplets, listing, metering, placements, quotas, routing, sidecars, steps
from chalicelib.services.owned import owned
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Placement, Process
from chalicelib.tables.unit import Unit

WEB = "web"

#: Operations that a process costs in a transaction: made (row, memberships), stopped (row, desired list, messages),
#: started (the same, an auction, placements); each with what it costs to charge its quotas and to tell of it.
CREATE_COST, STOP_COST = 4, 5 + quotas.COST
START_COST = 12 + quotas.COST + placements.OPENED_AT_ONCE
#: Of what can change about a process with its app's droplet or revision: what ``restore`` puts back.
CHANGING = ("detected", "command", "memory_mb", "disk_mb", "log_rate_bytes", "instances", "revision_guid")


def of_app(app_guid: str) -> list[Process]:
    """``web`` first, of several (while a deployment runs) the newest first; then the others in order of creation."""
    found = listing.all_of(Process, f"app/{app_guid}/processes")
    webs = [process for process in found if process.type == WEB]
    return [*reversed(webs), *(process for process in found if process.type != WEB)]


def current(app_guid: str) -> dict[str, Process]:
    """One process of each type, ``web`` first: of several web processes the newest."""
    found: dict[str, Process] = {}
    for process in of_app(app_guid):
        found.setdefault(str(process.type), process)
    return found


def by_type(app_guid: str, process_type: str) -> Process:
    """Raises NotFound("Process")."""
    process = routing.process_of(app_guid, process_type)
    if process is None:
        raise NotFound(Process.LABEL)
    return process


def accessible(actor: Actor, guid: str, permission: str = READ) -> tuple[Process, App, Space]:
    """A process with its app and space."""
    process, space = owned(actor, Process, guid, permission)
    return process, listing.get(App, str(process.app_guid), Process.LABEL), space


def draft(app: App, process_type: str, detected: str | None = None) -> Process:
    """A process of a new app, which has no routes yet. ``web`` has its app's guid and begins with one instance."""
    web = process_type == WEB
    return Process(
        str(app.guid) if web else new_guid(),
        app_guid=str(app.guid),
        space_guid=str(app.space_guid),
        type=process_type,
        detected=detected,
        instances=1 if web else 0,
        health={"type": "port" if web else "process"},
    )


def joining(app: App, process_type: str, detected: str | None = None) -> Process:
    """A process that an app gets later: routes may have been mapped to its type already."""
    process = draft(app, process_type, detected)
    routing.serve(process, routing.mapped_routes(str(app.guid)))
    return process


def follow(world: World, app: App, droplet: Droplet, last: Step, trace: str) -> None:
    """Make the app's processes those of its new current droplet; ``last`` is committed with them.

    ``web`` is always there. A type that the droplet does not have any more is stopped and removed.
    """
    present = current(str(app.guid))
    wanted = {WEB: None, **droplet.process_types}
    work = [_following(app, present.get(kind), kind, command) for kind, command in wanted.items()]
    steps.commit(world, [*work, last], trace)
    for kind in present.keys() - wanted.keys():
        remove(world, present[kind], trace)


def _following(app: App, process: Process | None, kind: str, command: str | None) -> Step:
    def step(unit: Unit) -> None:
        if process is None:
            unit.create(joining(app, kind, command))
        elif process.detected != command:
            process.detected = command
            unit.put(process)

    return CREATE_COST, step


def start_steps(world: World, app: App, droplet: Droplet, revision_guid: str | None = None) -> list[Step]:
    """A new version of every process that has a command, as a part of this revision."""

    def start(process: Process) -> Step:
        process.revision_guid = revision_guid
        return start_cost(process), lambda unit: placements.start_process(world, unit, app, process, droplet)

    return [start(process) for process in current(str(app.guid)).values() if is_startable(process, droplet)]


def start_cost(process: Process) -> int:
    """Operations that its start takes: START_COST without the places that it does not open."""
    return START_COST - max(0, placements.OPENED_AT_ONCE - int(process.instances))


def stop_steps(world: World, app: App) -> list[Step]:
    def stop(process: Process) -> Step:
        return STOP_COST, lambda unit: placements.stop_process(world, unit, process)

    return [stop(process) for process in of_app(str(app.guid)) if process.state == "STARTED"]


def remembered(process: Process) -> dict[str, Any]:
    """What ``restore`` wants to know of a process before it is changed."""
    return {name: getattr(process, name) for name in CHANGING}


def restore(world: World, app: App, former: Mapping[str, dict[str, Any]], trace: str) -> None:
    """Have a stopped app be as it was, when only a part of its start was possible. former: by the processes' guids."""
    there = of_app(str(app.guid))

    def back(process: Process) -> Step:
        def step(unit: Unit) -> None:
            for name, value in former[str(process.guid)].items():
                setattr(process, name, value)
            if process.state == "STARTED":
                placements.stop_process(world, unit, process)
            else:
                unit.put(process)

        return STOP_COST, step

    steps.commit(world, [back(process) for process in there if str(process.guid) in former], trace)
    for process in there:
        if str(process.guid) not in former:
            remove(world, process, trace)


def is_startable(process: Process, droplet: Droplet) -> bool:
    return bool(process.command or str(process.type) in droplet.process_types)


def scale(
    world: World, actor: Actor, process: Process, app: App, space: Space, changes: dict[str, int], trace: str
) -> None:
    """``changes``: of instances, memory_mb, disk_mb, log_rate_bytes. All but instances wait for the next start."""
    _refuse_while_deploying(app, process, "scale")
    unit = world.unit(trace)
    resize(world, unit, app, process, changes)
    audit.record(
        unit, actor, "audit.app.process.scale", app, str(space.guid), str(space.org_guid), _told(process, changes)
    )
    unit.commit()


def resize(world: World, unit: Unit, app: App, process: Process, changes: dict[str, Any]) -> None:
    """Set attributes of the process and save it; more or fewer instances come or go if it runs."""
    if any(getattr(process, name) != value for name, value in changes.items()):
        _refuse_while_deploying(app, process, "scale")
    if "memory_mb" in changes:
        sidecars.check_process_memory(process, changes["memory_mb"])
    for name, value in changes.items():
        if name != "instances":
            setattr(process, name, value)
    instances = changes.get("instances", int(process.instances))
    if instances == int(process.instances):
        metering.settle(unit, process, app)
        unit.put(process)
        return
    droplet = droplets.find(process.droplet_guid or app.droplet_guid)
    if app.desired_state == "STARTED" and process.state == "STOPPED" and droplet and is_startable(process, droplet):
        # Its type came with a droplet that became current while the app was running.
        process.instances = instances
        placements.start_process(world, unit, app, process, droplet)
    else:
        placements.scale_process(world, unit, process, droplet, instances)


def update(
    world: World, actor: Actor, process: Process, app: App, space: Space, changed: dict[str, Any], trace: str
) -> None:
    """Save what the caller changed; it counts from the next start on. ``changed``: told in the audit event."""
    _refuse_while_deploying(app, process, "update")
    unit = world.unit(trace)
    unit.put(process)
    audit.record(
        unit, actor, "audit.app.process.update", app, str(space.guid), str(space.org_guid), _told(process, changed)
    )
    unit.commit()


def _refuse_while_deploying(app: App, process: Process, verb: str) -> None:
    """A deployment alone says how many web processes of which size there are. Raises Unprocessable."""
    if process.type == WEB and app.deployment_guid:
        raise Unprocessable(f"Cannot {verb} this process while a deployment is in flight.")


def terminate_instance(
    world: World, actor: Actor, process: Process, app: App, space: Space, index: int, trace: str
) -> None:
    """Replace one instance. Raises NotFound("Instance")."""
    droplet = droplets.find(process.droplet_guid)
    if droplet is None:
        raise NotFound("Instance")
    unit = world.unit(trace)
    placements.stop_instance(world, unit, process, droplet, index)
    audit.record(
        unit,
        actor,
        "audit.app.process.terminate_instance",
        app,
        str(space.guid),
        str(space.org_guid),
        _told(process, {"process_index": index}),
    )
    unit.commit()


def remove(world: World, process: Process, trace: str = "") -> None:
    """Stop the process and forget it, its placements and its run specifications."""
    if process.state == "STARTED":
        unit = world.unit(trace)
        placements.stop_process(world, unit, process)
        unit.commit()
    world.blobs.delete_prefix(f"runspecs/{process.guid}/")
    with Placement.batch_write() as batch:
        for row in Placement.query(str(process.guid), consistent_read=True):
            batch.delete(row)
    unit = world.unit(trace)
    unit.remove(process)
    unit.commit()


def _told(process: Process, changes: dict[str, Any]) -> dict[str, Any]:
    request = {key: "[PRIVATE DATA HIDDEN]" if key == "command" else value for key, value in changes.items()}
    return {"process_guid": str(process.guid), "process_type": str(process.type), "request": request}
