"""Deployments: a new version beside the old one, without a moment in which nobody answers.

A deployment gives the app a second web process, with guid and version of its own, and changes nothing of the first
one; services.rollouts then scales the one up and the other down. Its droplet is the app's current one from the
beginning, as in Cloud Foundry.
"""

from chalicelib.adapters.clock import new_guid, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.core import deployment as core
from chalicelib.core.deployment import ACTIVE, CANARY, CANCELING, DEPLOYED, DEPLOYING, FINALIZED, PREPAUSED
from chalicelib.core.errors import NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import OPERATE, Actor
from chalicelib.services import (
    access,
    audit,
    droplets,
    environment,
    listing,
    placements,
    processes,
    revisions,
    rollout_states,
    rollouts,
    routing,
    sidecars,
    steps,
)
from chalicelib.services import deployment_targets as targets
from chalicelib.services.deployment_targets import Target
from chalicelib.services.steps import Step
from chalicelib.tables.apps import App
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.running import Process
from chalicelib.tables.unit import MAX_OPERATIONS, Unit

WRONG_APP = "Unable to use app. Ensure that the app exists and you have access to it."
NO_COMMAND = "The app has no start command. Name one in a Procfile, in the manifest or with -c."
#: Cloud Foundry keeps so many finalized deployments per app.
KEPT = 100
#: Operations that a deployment costs beside its processes and its revision: app, droplet, variables, itself, the one
#: that goes, its event, its messages.
KEEP_COST = 17
#: Operations that the end of a deployment costs the unit that stops its app: itself, its list, its messages.
END_COST = 5
#: What a new web process takes over from the one before it.
INHERITED = ("command", "memory_mb", "disk_mb", "log_rate_bytes", "health", "readiness", "labels", "annotations")
#: What a deployment may say of the size of its instances: field of its options -> attribute of a process.
SIZES = {
    "memory_in_mb": "memory_mb",
    "disk_in_mb": "disk_mb",
    "log_rate_limit_in_bytes_per_second": "log_rate_bytes",
}


def app_for(actor: Actor, guid: str) -> tuple[App, Space]:
    """The app that is to be deployed. Raises Unprocessable when the actor may not."""
    app = listing.find(App, guid)
    try:
        if app is not None:
            return app, access.space_for(actor, str(app.space_guid), OPERATE)
    except (NotFound, NotAuthorized):
        pass
    raise Unprocessable(WRONG_APP)


def create(
    world: World, actor: Actor, app: App, space: Space, draft: Deployment, revision_guid: str | None, trace: str = ""
) -> Deployment:
    """``draft``: strategy, options and so on as asked for. revision_guid: of the revision to go back to."""
    target = targets.resolve(world, app, draft.droplet_guid, revision_guid)
    draft.guid, draft.app_guid, draft.space_guid = new_guid(), str(app.guid), str(space.guid)
    draft.previous_droplet_guid, draft.droplet_guid = app.droplet_guid, str(target.droplet.guid)
    draft.created_at = draft.status_at = stamp()
    draft.max_in_flight = int(draft.options.get("max_in_flight", 1))
    if target.noted is not None:
        revision = target.noted.revision
        draft.revision_guid, draft.revision_version = str(revision.guid), int(revision.version)
    if app.desired_state == "STARTED":
        _deploy(world, actor, app, space, draft, target, trace)
    else:
        _start(world, actor, app, space, draft, target, trace)
    return draft


def _deploy(
    world: World, actor: Actor, app: App, space: Space, deployment: Deployment, target: Target, trace: str
) -> None:
    """Beside the version that runs: one transaction, which opens the first places of the new one."""
    webs = routing.processes_of(str(app.guid), processes.WEB)
    former = listing.find(Deployment, str(app.deployment_guid)) if app.deployment_guid else None
    deployment.original = int(former.original if former else webs[0].instances)
    deployment.wanted = int(deployment.options.get("web_instances", deployment.original))
    deployment.status_value, deployment.reason = ACTIVE, DEPLOYING
    deployment.state = PREPAUSED if deployment.strategy == CANARY else DEPLOYING
    process = _successor(webs[-1], deployment, target)
    process.instances = min(int(deployment.max_in_flight), rollout_states.goal(deployment).target)
    room = MAX_OPERATIONS - processes.start_cost(process) - KEEP_COST - revisions.COST
    _, restore_sidecars = target.restoring(app, room)
    unit = world.unit(trace)
    unit.put(webs[-1])  # a change of routes that is under way begins anew, and finds the new process
    if processes.is_startable(process, target.droplet):
        deployment.process_guid = str(process.guid)
        deployment.new_processes = [{"guid": str(process.guid), "type": processes.WEB}]
        unit.enlist(process)
        placements.start_process(world, unit, app, process, target.droplet, target.contents)
    else:
        _require_other_types(app, webs[-1], target)
        deployment.process_guid, deployment.finishing = str(webs[-1].guid), True
    if former is not None:
        rollout_states.supersede(unit, former)
    rollout_states.postpone(world, unit, deployment, process)
    unit.send("queue:cc", "deployment.check", DeploymentCheck(str(deployment.guid)))
    app.deployment_guid = str(deployment.guid)
    restore_sidecars(unit)
    _keep(world, unit, actor, app, space, deployment, target)
    unit.join(deployment, rollout_states.MOVING)
    try:
        unit.commit()
    except Unprocessable as refusal:
        raise Unprocessable(_explained(str(refusal), space)) from None


def _explained(refusal: str, space: Space) -> str:
    """What a quota says, with Cloud Foundry's hint that a deployment needs room for both versions."""
    kind = "space" if "space_" in refusal else "organization"
    if not refusal.endswith(("quota_exceeded", "app_instance_limit_exceeded")):
        return refusal
    name = space.name if kind == "space" else listing.get(Organization, str(space.org_guid)).name
    room = "may not be large enough to support rolling deployments or your configured max-in-flight."
    return f"{refusal} for {kind} {name}. This {kind}'s quota {room}"


def _require_other_types(app: App, web: Process, target: Target) -> None:
    """An app without a web command has nothing to roll, but perhaps other types to restart. Raises Unprocessable."""
    others = [process for process in processes.current(str(app.guid)).values() if process.type != processes.WEB]
    startable = {*target.droplet.process_types, *(process.type for process in others if process.command)}
    if web.state == "STARTED" or not startable - {processes.WEB}:
        raise Unprocessable(NO_COMMAND)


def _successor(web: Process, deployment: Deployment, target: Target) -> Process:
    """The new web process: like the newest one, at the sizes that the deployment asks for."""
    process = Process(
        new_guid(),
        created_at=stamp(),
        app_guid=str(web.app_guid),
        space_guid=str(web.space_guid),
        type=processes.WEB,
        detected=target.droplet.process_types.get(processes.WEB),
        routes=list(web.routes),
        routes_version=int(web.routes_version),
        revision_guid=deployment.revision_guid,
        **{name: getattr(web, name) for name in INHERITED},
    )
    process.command = target.command(process)
    _resize(process, deployment, target)
    return process


def _resize(process: Process, deployment: Deployment, target: Target) -> None:
    """Raises Unprocessable when what runs beside the process would not fit."""
    memory_mb = int(deployment.options.get("memory_in_mb", process.memory_mb))
    if target.contents is not None:
        sidecars.check_process_memory(process, memory_mb, sidecars.wishes(target.contents.sidecars))
    elif memory_mb != process.memory_mb:
        sidecars.check_process_memory(process, memory_mb)
    for option, attribute in SIZES.items():
        if option in deployment.options:
            setattr(process, attribute, deployment.options[option])


def _start(
    world: World, actor: Actor, app: App, space: Space, deployment: Deployment, target: Target, trace: str
) -> None:
    """Of a stopped app: nothing runs beside anything, so it is simply started, with all that changes about it."""
    deployment.state, deployment.status_value, deployment.reason = DEPLOYED, FINALIZED, DEPLOYED
    rollouts.hurry(world, app, trace)
    cost, restore_sidecars = target.restoring(app, MAX_OPERATIONS - revisions.COST - KEEP_COST)
    present = processes.current(str(app.guid))
    former = {str(process.guid): processes.remembered(process) for process in present.values()}
    wanted = {processes.WEB: None, **target.droplet.process_types}
    following = []
    for kind, command in wanted.items():
        process = present.get(kind) or processes.joining(app, kind, command)
        process.detected, process.revision_guid = command, deployment.revision_guid
        process.command = target.command(process)
        if kind == processes.WEB:
            _resize(process, deployment, target)
            process.instances = int(deployment.options.get("web_instances", process.instances))
            deployment.original = deployment.wanted = int(process.instances)
        following.append(process)
    if not any(processes.is_startable(process, target.droplet) for process in following):
        raise Unprocessable(NO_COMMAND)

    def started(unit: Unit) -> None:
        app.desired_state = "STARTED"
        restore_sidecars(unit)
        _keep(world, unit, actor, app, space, deployment, target)

    work = [_starting(world, app, process, target) for process in following]
    try:
        steps.commit(world, [*work, (revisions.COST + KEEP_COST + cost, started)], trace)
    except Unprocessable:
        # A quota allows only a part of it, in one of several transactions: nothing is changed by halves.
        processes.restore(world, app, former, trace)
        raise
    for kind in present.keys() - wanted.keys():
        processes.remove(world, present[kind], trace)


def _starting(world: World, app: App, process: Process, target: Target) -> Step:
    """The process as the deployment has it, and running if it has a command."""

    def step(unit: Unit) -> None:
        if not process.created_at:
            process.created_at = stamp()
            unit.enlist(process)
        if processes.is_startable(process, target.droplet):
            placements.start_process(world, unit, app, process, target.droplet, target.contents)
        else:
            unit.put(process)

    return processes.CREATE_COST + processes.start_cost(process), step


def _keep(
    world: World, unit: Unit, actor: Actor, app: App, space: Space, deployment: Deployment, target: Target
) -> None:
    """The deployment itself, the app's new version, and what there is to tell."""
    app.droplet_guid = deployment.droplet_guid
    unit.put(app)
    droplets.require_staged(unit, str(deployment.droplet_guid), Unprocessable(targets.WRONG_DROPLET))
    if target.contents is not None:
        environment.write(world, unit, str(app.guid), target.contents.variables)
    if target.noted is not None:
        revisions.add(world, unit, actor, app, space, target.noted)
    unit.create(deployment)
    members = listing.members([f"app/{app.guid}/{Deployment.KIND}"])
    for old in listing.load(Deployment, [member.guid for member in members[:1]]) if len(members) >= KEPT else ():
        if old.status_value == FINALIZED:
            unit.remove(old)
    request = {"droplet": {"guid": deployment.droplet_guid}, "options": dict(deployment.options)}
    kind = "rollback" if target.contents is not None else None
    more: dict[str, object] = {"request": request, "strategy": deployment.strategy, "type": kind}
    _record(unit, actor, "create", deployment, app, space, more)


def cancel(world: World, actor: Actor, deployment: Deployment, space: Space, trace: str = "") -> None:
    """Go back to the version before; twice is once. Raises Unprocessable when there is nothing to cancel.

    While the one before serves, or is to be started again, the new one stays until it is not needed any more. Where it
    is there and does not serve, there is nothing to wait for: the new one goes at once, as in Cloud Foundry.
    """
    if deployment.state == CANCELING and deployment.status_value == ACTIVE:
        return
    if deployment.status_value != ACTIVE or deployment.finishing:
        raise Unprocessable(_cannot("cancel", deployment))
    app = listing.get(App, str(deployment.app_guid), Deployment.LABEL)
    unit = world.unit(trace)
    webs = routing.processes_of(str(app.guid), processes.WEB)
    kept = rollout_states.take_back(world, unit, app, deployment, webs)
    deployment.finishing = int(kept.instances) > 0 and not rollout_states.serves(kept)
    unit.put(app)
    _record(unit, actor, "cancel", deployment, app, space, {})
    unit.commit()


def go_on(world: World, actor: Actor, deployment: Deployment, space: Space, trace: str = "") -> None:
    """After a pause: the next stage, or all of it. Raises Unprocessable when it is not paused."""
    if deployment.state != core.PAUSED:
        raise Unprocessable(_cannot("continue", deployment))
    app = listing.get(App, str(deployment.app_guid), Deployment.LABEL)
    process = listing.get(Process, str(deployment.process_guid), Deployment.LABEL)
    unit = world.unit(trace)
    if int(deployment.stage) < rollout_states.stage_count(deployment):
        deployment.stage = int(deployment.stage) + 1
        rollout_states.move(unit, deployment, PREPAUSED, DEPLOYING)
    else:
        rollout_states.move(unit, deployment, DEPLOYING, DEPLOYING)
    deployment.crashes = []
    rollout_states.postpone(world, unit, deployment, process)
    unit.send("queue:cc", "deployment.check", DeploymentCheck(str(deployment.guid)))
    unit.put(deployment)
    _record(unit, actor, "continue", deployment, app, space, {})
    unit.commit()


def _cannot(verb: str, deployment: Deployment) -> str:
    return f"Cannot {verb} a deployment with status: {deployment.status_value} and reason: {deployment.reason}"


def _record(
    unit: Unit, actor: Actor, verb: str, deployment: Deployment, app: App, space: Space, more: dict[str, object]
) -> None:
    about = {"deployment_guid": str(deployment.guid), "droplet_guid": deployment.droplet_guid}
    if verb == "create":
        about["revision_guid"] = deployment.revision_guid
    event = f"audit.app.deployment.{verb}"
    audit.record(unit, actor, event, app, str(space.guid), str(space.org_guid), {**about, **more})


def end_stopped(world: World, unit: Unit, app: App) -> None:
    """In the unit that stops the app, and saves it: its deployment is taken back, which ``hurry`` then carries out."""
    deployment = listing.find(Deployment, str(app.deployment_guid)) if app.deployment_guid else None
    if deployment is None or deployment.finishing:
        return
    if deployment.state == CANCELING:
        deployment.finishing = True
        unit.put(deployment)
        return
    webs = routing.processes_of(str(app.guid), processes.WEB)
    deployment.finishing = True
    rollout_states.take_back(world, unit, app, deployment, webs)


def remove_all(world: World, app_guid: str, trace: str = "") -> None:
    """Of an app that is going."""
    for deployment in listing.all_of(Deployment, f"app/{app_guid}/{Deployment.KIND}"):
        unit = world.unit(trace)
        unit.leave(deployment, rollout_states.MOVING)
        unit.remove(deployment)
        unit.commit()
