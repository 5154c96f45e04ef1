"""A deployment's rows as the decision wants to see them, and its ways from one state into another."""

from collections.abc import Sequence

from chalicelib.adapters.clock import now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import HealthCheck
from chalicelib.contracts.codec import from_json
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.core import deployment as core
from chalicelib.core.deployment import ACTIVE, CANCELED, CANCELING, DEPLOYED, DEPLOYING, FINALIZED, SUPERSEDED
from chalicelib.core.errors import Conflict
from chalicelib.services import placements
from chalicelib.tables.apps import App
from chalicelib.tables.deployments import Deployment
from chalicelib.tables.running import STARTED, Process
from chalicelib.tables.unit import Unit

#: The list of deployments that go on by themselves: neither paused nor finalized.
MOVING = "moving"


def scene(world: World, deployment: Deployment, webs: Sequence[Process]) -> core.Scene:
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
        # One that is not ready for requests is in no route: it serves from the moment at which it is.
        if row.state == STARTED and row.is_ready is not False and int(row.index) < len(places):
            places[int(row.index)] = max(float(row.started_at or 0), float(row.ready_at or 0))
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


def take_back(world: World, unit: Unit, app: App, deployment: Deployment, webs: Sequence[Process]) -> Process:
    """Make it CANCELING: the newest process that serves is kept, else the oldest; its droplet is current again.

    Returns the process that is kept. The caller saves the app and commits. Raises Conflict when the others have gone
    since the deployment was read.
    """
    others = [process for process in webs if process.guid != deployment.process_guid]
    if not others:
        raise Conflict()
    kept = next(filter(serves, reversed(others)), others[0])
    deployment.kept_guid, deployment.healthy = str(kept.guid), 0
    move(unit, deployment, CANCELING, CANCELING)
    postpone(world, unit, deployment, kept)
    unit.send("queue:cc", "deployment.check", DeploymentCheck(str(deployment.guid)))
    app.droplet_guid = kept.droplet_guid or deployment.previous_droplet_guid
    unit.put(deployment)
    return kept


def serves(process: Process) -> bool:
    """Whether one of its instances does."""
    return any(place is not None for place in _seen(process).places)
