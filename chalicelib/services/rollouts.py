"""Deployments on their way: look at what there is, decide (core.deployment), do it, again until nothing is to be done.

Every step is one transaction that also saves the deployment, whose rev lets one of several advance it. What makes
somebody look does not matter: an instance that started or crashed, a check that was due, the sweep. All that is
needed is in the rows, so a control plane that is killed anywhere goes on where it was.
"""

import logging
import time
from collections.abc import Sequence

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import HealthCheck
from chalicelib.contracts.codec import from_json
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.core import deployment as core
from chalicelib.core.deployment import (
    ACTIVE,
    CANCELED,
    CANCELING,
    DEPLOYED,
    DEPLOYING,
    FINALIZED,
    PREPAUSED,
    SUPERSEDED,
)
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.services import audit, droplets, listing, placements, processes, routing
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.deployments import Deployment, Revision
from chalicelib.tables.running import STARTED, Process
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

#: The list of deployments that go on by themselves: neither paused nor finalized.
MOVING = "moving"
#: Steps that one look may take; what is left is the next one's.
STEPS = 40
#: A check that comes a little too early, because queues count whole seconds, waits so long at most, seconds.
NAP_S = 1.0
#: Crashes noted of one deployment; the decision needs no more.
NOTED_CRASHES = core.ENOUGH_CRASHES


def check(world: World, message: DeploymentCheck, trace: str) -> None:
    """``deployment.check``."""
    wake_at = advance(world, message.deployment_guid, trace)
    if wake_at is None:
        return
    rest = wake_at - now()
    if rest > NAP_S:
        world.bus.say("queue:cc", "deployment.check", message, trace, delay_s=rest)
        return
    time.sleep(max(0.0, rest))
    advance(world, message.deployment_guid, trace)


def sweep(world: World) -> None:
    """Look at every deployment that goes on. One that fails keeps none of the others waiting."""
    for member in listing.members([f"{MOVING}/{Deployment.KIND}"]):
        try:
            advance(world, member.guid, "")
        except Exception:
            log.exception("deployment %s could not be advanced", member.guid)


def advance(world: World, guid: str, trace: str, gone: DropletExited | None = None) -> float | None:
    """Do what is to be done now. gone: an instance of the app that has ended. Returns when to look again, epoch s.

    Raises Conflict when others were always faster; whoever called looks again later.
    """
    lost = 0
    for _ in range(STEPS):
        deployment = listing.find(Deployment, guid)
        if deployment is None or deployment.status_value == FINALIZED:
            return None
        app = listing.find(App, str(deployment.app_guid))
        if app is None or app.deployment_guid != guid:
            return None
        try:
            goes_on, wake_at = _step(world, app, deployment, gone, trace)
        except Conflict:
            lost += 1
            if lost > STEPS // 4:
                raise
            continue
        if not goes_on:
            return wake_at
    return None


def _step(
    world: World, app: App, deployment: Deployment, gone: DropletExited | None, trace: str
) -> tuple[bool, float | None]:
    """One transaction at most: whether there may be more to do at once, and when to look again."""
    if deployment.finishing:
        _finish(world, app, deployment, trace)
        return True, None
    noted = gone is not None and _note_crash(deployment, gone)
    webs = routing.processes_of(str(app.guid), processes.WEB)
    found = _scene(world, deployment, webs)
    step = core.next_step(found)
    if not step.changes(found):
        if noted:
            unit = world.unit(trace)
            unit.put(deployment)
            unit.commit()
        return False, step.wake_at
    try:
        unit = world.unit(trace)
        _apply(world, unit, app, deployment, webs, found, step)
        unit.commit()
    except Unprocessable as refusal:
        # A quota does not allow it now; it may until the deadline.
        _tell(world, str(deployment.guid), str(refusal), trace)
        return False, step.wake_at
    return deployment.state != core.PAUSED, None


def _note_crash(deployment: Deployment, gone: DropletExited) -> bool:
    """Of an instance of the new version; told twice, it is one."""
    crashes = list(deployment.crashes)
    if gone.process_guid != deployment.process_guid or deployment.state not in (DEPLOYING, PREPAUSED):
        return False
    if gone.instance_guid in crashes or len(crashes) >= NOTED_CRASHES:
        return False
    deployment.crashes = [*crashes, gone.instance_guid]
    return True


def _scene(world: World, deployment: Deployment, webs: Sequence[Process]) -> core.Scene:
    """The deployment as the decision wants to see it. webs: the app's web processes, in order of creation."""
    seen = {str(process.guid): _seen(process) for process in webs}
    guid = rising(deployment)
    return core.Scene(
        state=str(deployment.state),
        rising=seen.pop(guid, core.Web(guid)),
        falling=tuple(seen.values()),
        wanted=_wanted(deployment),
        max_in_flight=int(deployment.max_in_flight),
        stage=goal(deployment),
        healthy=int(deployment.healthy),
        crashes=len(deployment.crashes),
        deadline=float(deployment.deadline or 0),
        settle_s=world.config.timers.route_settle_s,
        now=now(),
    )


def _seen(process: Process) -> core.Web:
    places: list[float | None] = [None] * int(process.instances)
    for row in placements.rows(process) if process.state == "STARTED" else ():
        if row.state == STARTED and int(row.index) < len(places):
            places[int(row.index)] = float(row.started_at or 0)
    return core.Web(str(process.guid), tuple(places))


def rising(deployment: Deployment) -> str:
    """The process that is to stay: the new one, or the one that is kept when the deployment is taken back."""
    return str(deployment.kept_guid if deployment.state == CANCELING else deployment.process_guid)


def _stages(deployment: Deployment) -> list[core.Stage]:
    return core.stages(str(deployment.strategy), deployment.weights, int(deployment.original), int(deployment.wanted))


def stage_count(deployment: Deployment) -> int:
    """Of a canary's stages; each ends with a pause."""
    return len(_stages(deployment))


def goal(deployment: Deployment) -> core.Stage:
    """What it is about now."""
    if deployment.state == CANCELING:
        return core.Stage(int(deployment.original))
    if deployment.state == DEPLOYING:
        return core.Stage(int(deployment.wanted))
    return _stages(deployment)[int(deployment.stage) - 1]


def _wanted(deployment: Deployment) -> int:
    """Places that are to serve all the time."""
    if deployment.state == CANCELING:
        return int(deployment.original)
    wanted = int(deployment.wanted)
    return wanted if deployment.state == DEPLOYING else min(wanted, int(deployment.original))


def _apply(
    world: World,
    unit: Unit,
    app: App,
    deployment: Deployment,
    webs: Sequence[Process],
    found: core.Scene,
    step: core.Step,
) -> None:
    """Add to the unit what the step says."""
    if step.state == CANCELING and deployment.state != CANCELING:
        _fail(world, unit, app, deployment, webs, step)
        return
    by_guid = {str(process.guid): process for process in webs}
    for guid, instances in step.scale.items():
        process = by_guid[guid]
        placements.scale_process(world, unit, process, droplets.find(process.droplet_guid), instances)
    if step.healthy > found.healthy:
        deployment.healthy, deployment.healthy_at, deployment.crashes = step.healthy, stamp(), []
        postpone(world, unit, deployment, by_guid[found.rising.guid])
    if step.state != deployment.state:
        move(unit, deployment, step.state, step.state)
    deployment.finishing = step.is_done
    if step.scale and deployment.state != CANCELING:
        deployment.error = None
    unit.put(deployment)


def move(unit: Unit, deployment: Deployment, state: str, reason: str) -> None:
    """Into another state, and into or out of the list of those that go on by themselves. The caller saves it."""
    if reason != deployment.reason:
        deployment.status_at = stamp()
    finalized = state in (DEPLOYED, CANCELED)
    deployment.state, deployment.reason = state, reason
    deployment.status_value = FINALIZED if finalized else ACTIVE
    if finalized or state == core.PAUSED:
        unit.leave(deployment, MOVING)
    else:
        unit.join(deployment, MOVING)


def postpone(world: World, unit: Unit, deployment: Deployment, process: Process) -> None:
    """There was progress: give the next places as long as one may take to be healthy, and look then."""
    health = from_json(HealthCheck, process.health or {})
    rest = health.timeout_s + world.config.timers.deployment_patience_s
    deployment.deadline = now() + rest
    unit.send("queue:cc", "deployment.check", DeploymentCheck(str(deployment.guid)), rest)


def supersede(unit: Unit, deployment: Deployment) -> None:
    """Another one begins where it is: its web process is one of those that fall."""
    move(unit, deployment, DEPLOYED if deployment.state == DEPLOYING else CANCELED, SUPERSEDED)
    unit.put(deployment)


def take_back(world: World, unit: Unit, app: App, deployment: Deployment, webs: Sequence[Process]) -> None:
    """Make it CANCELING: the newest process that serves is kept, else the oldest; its droplet is current again.

    The caller saves the app and commits.
    """
    others = [process for process in webs if process.guid != deployment.process_guid]
    serving = [process for process in others if any(place is not None for place in _seen(process).places)]
    kept = serving[-1] if serving else others[0]
    deployment.kept_guid, deployment.healthy = str(kept.guid), 0
    move(unit, deployment, CANCELING, CANCELING)
    postpone(world, unit, deployment, kept)
    unit.send("queue:cc", "deployment.check", DeploymentCheck(str(deployment.guid)))
    app.droplet_guid = kept.droplet_guid or deployment.previous_droplet_guid
    unit.put(deployment)


def _fail(world: World, unit: Unit, app: App, deployment: Deployment, webs: Sequence[Process], step: core.Step) -> None:
    """Take it back because the new version never gets healthy."""
    if step.crashed:
        error = f"The new version crashed {len(deployment.crashes)} times before it was healthy"
    else:
        error = "The new version was not healthy in time"
        new = [web for web in webs if web.guid == deployment.process_guid]
        problem = next((str(row.problem) for web in new for row in placements.rows(web) if row.problem), "")
        error = f"{error}: {problem}" if problem else error
    deployment.error = error
    take_back(world, unit, app, deployment, webs)
    unit.put(app)
    data = {"deployment_guid": str(deployment.guid), "droplet_guid": deployment.droplet_guid, "error": error}
    audit.record(unit, audit.SYSTEM, "audit.app.deployment.cancel", app, str(app.space_guid), data=data)


def _tell(world: World, guid: str, error: str, trace: str) -> None:
    """Say in its status why it does not go on."""
    deployment = listing.find(Deployment, guid)
    if deployment is not None and deployment.error != error:
        deployment.error = error
        unit = world.unit(trace)
        unit.put(deployment)
        unit.commit()


# -- the end -----------------------------------------------------------------------------------------------


def _finish(world: World, app: App, deployment: Deployment, trace: str) -> None:
    """One transaction of clearing away: old web processes, then type by type what is to be as wanted, then the end."""
    staying = rising(deployment)
    webs = routing.processes_of(str(app.guid), processes.WEB)
    kept = next((process for process in webs if process.guid == staying), None)
    surplus = [process for process in webs if process.guid != staying]
    if kept is not None and surplus:
        processes.remove(world, surplus[0], trace)
    elif kept is not None and (kind := _next_type(app, deployment)) is not None:
        try:
            _settle(world, app, deployment, kept, kind, trace)
        except Unprocessable as refusal:
            # A quota does not allow it: the deployment ends all the same, and says what is missing.
            deployment = listing.get(Deployment, str(deployment.guid))
            unit = world.unit(trace)
            deployment.error, deployment.settled = str(refusal), [*deployment.settled, kind]
            unit.put(deployment)
            unit.commit()
    else:
        _end(world, app, deployment, trace)


def _next_type(app: App, deployment: Deployment) -> str | None:
    """A process type that may not be as it is to be. What is taken back has left all but web alone."""
    kinds = {processes.WEB}
    if deployment.state != CANCELING:
        droplet = droplets.find(deployment.droplet_guid)
        kinds |= {*(droplet.process_types if droplet else ()), *processes.current(str(app.guid))}
    return min(kinds - {*deployment.settled}, default=None)


def _settle(world: World, app: App, deployment: Deployment, kept: Process, kind: str, trace: str) -> None:
    """Web gets its size; another type is restarted with the new version, made, or taken away."""
    droplet = droplets.find(deployment.droplet_guid)
    unit = world.unit(trace)
    deployment.settled = [*deployment.settled, kind]
    unit.put(deployment)
    process = kept if kind == processes.WEB else processes.current(str(app.guid)).get(kind)
    if kind == processes.WEB:
        target = int(deployment.original if deployment.state == CANCELING else deployment.wanted)
        if int(kept.instances) != target:
            placements.scale_process(world, unit, kept, droplets.find(kept.droplet_guid), target)
    elif droplet is not None and kind in droplet.process_types:
        _restart(world, unit, app, deployment, process or processes.joining(app, kind), droplet)
    elif process is not None:
        processes.remove(world, process, trace)
    unit.commit()


def _restart(world: World, unit: Unit, app: App, deployment: Deployment, process: Process, droplet: Droplet) -> None:
    kind = str(process.type)
    if not process.created_at:
        process.created_at = stamp()
        unit.enlist(process)
    revision = listing.find(Revision, str(deployment.revision_guid)) if deployment.revision_guid else None
    if revision is not None and kind in revision.commands:
        process.command = revision.commands[kind]
    process.detected, process.revision_guid = droplet.process_types[kind], deployment.revision_guid
    placements.start_process(world, unit, app, process, droplet)


def _end(world: World, app: App, deployment: Deployment, trace: str) -> None:
    state = CANCELED if deployment.state == CANCELING else DEPLOYED
    unit = world.unit(trace)
    move(unit, deployment, state, state)
    app.deployment_guid = None
    unit.put(app)
    unit.put(deployment)
    unit.commit()


def hurry(world: World, app: App, trace: str) -> None:
    """End the app's deployment now, if it has one: its instances need not serve meanwhile. Refreshes the app."""
    while app.deployment_guid and (deployment := listing.find(Deployment, str(app.deployment_guid))):
        if not deployment.finishing:
            unit = world.unit(trace)
            if deployment.state != CANCELING:
                move(unit, deployment, DEPLOYING, DEPLOYING)
            deployment.finishing = True
            unit.put(deployment)
            unit.commit()
        advance(world, str(deployment.guid), trace)
        app.refresh(consistent_read=True)
