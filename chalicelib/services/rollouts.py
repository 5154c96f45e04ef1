"""Deployments on their way: look at what there is, decide (core.deployment), do it, again until nothing is to be done.

Every step is one transaction that also saves the deployment, whose rev lets one of several advance it. What makes
somebody look does not matter: an instance that started or crashed, a check that was due, the sweep. All that is
needed is in the rows, so a control plane that is killed anywhere goes on where it was.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.core import deployment as core
from chalicelib.core.deployment import CANCELING, DEPLOYING, FINALIZED, PREPAUSED
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.services import audit, droplets, listing, placements, processes, rollout_ends, routing, settings
from chalicelib.services.rollout_states import MOVING, move, postpone, rising, scene, take_back
from chalicelib.tables.apps import App
from chalicelib.tables.base import Member
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

#: Steps that one look may take; what is left is the next one's.
STEPS = 40
#: A check that comes a little too early, because queues count whole seconds, waits so long at most, seconds.
NAP_S = 1.0
#: What one sweep looks at: so many, and none after so many seconds. A row of settings says where the next one begins.
AT_ONCE, BUSY_S, SWEPT = 200, 15, "deployments_swept"
#: Processes made smaller in one transaction; each costs a few of its operations.
LOWERED_AT_ONCE = 8
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


def sweep(world: World, at_once: int = AT_ONCE, busy_s: float = BUSY_S) -> None:
    """Look at the deployments that go on, in order of creation; what is too much for one sweep is the next one's, and
    after the last one it begins with the first. One that fails keeps none of the others waiting.
    """
    began, place = time.monotonic(), settings.find(SWEPT)
    after = str(place.value.get("after", ""))
    found = Member.query(
        f"{MOVING}/{Deployment.KIND}",
        Member.member > after if after else None,
        limit=at_once,
        consistent_read=True,
    )
    last, count = after, 0
    for member in found:
        if time.monotonic() - began >= busy_s:
            log.warning("more deployments go on than one sweep can look at")
            break
        last, count = str(member.member), count + 1
        try:
            advance(world, member.guid, "")
        except Exception:
            log.exception("deployment %s could not be advanced", member.guid)
    else:
        last = last if count == at_once else ""
    if last != after:
        place.value = {"after": last}
        unit = world.unit()
        unit.put(place)
        with suppress(Conflict):
            unit.commit()


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
        rollout_ends.finish(world, app, deployment, trace)
        return True, None
    noted = gone is not None and _note_crash(deployment, gone)
    webs = routing.processes_of(str(app.guid), processes.WEB)
    if rising(deployment) not in {process.guid for process in webs}:
        deployment.finishing = True  # what was to serve is gone, so there is nothing to wait for
        unit = world.unit(trace)
        unit.put(deployment)
        unit.commit()
        return True, None
    if spent := _spent(deployment, webs):
        processes.remove(world, spent[0], trace)
        return True, None
    found = scene(world, deployment, webs)
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


def _spent(deployment: Deployment, webs: Sequence[Process]) -> list[Process]:
    """Of superseded deployments: those without instances. The oldest stays to be gone back to."""
    needed = (deployment.process_guid, deployment.kept_guid)
    return [process for process in webs[1:] if int(process.instances) == 0 and process.guid not in needed]


def _note_crash(deployment: Deployment, gone: DropletExited) -> bool:
    """Of an instance of the new version; told twice, it is one."""
    crashes = list(deployment.crashes)
    if gone.process_guid != deployment.process_guid or deployment.state not in (DEPLOYING, PREPAUSED):
        return False
    if gone.instance_guid in crashes or len(crashes) >= NOTED_CRASHES:
        return False
    deployment.crashes = [*crashes, gone.instance_guid]
    return True


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
    lowered = [guid for guid in step.scale if guid != found.rising.guid]
    if len(lowered) > LOWERED_AT_ONCE:
        # What is done first can never be too much; the rest is what the next look finds.
        step = core.Step(found.state, {guid: step.scale[guid] for guid in lowered[:LOWERED_AT_ONCE]}, found.healthy)
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
