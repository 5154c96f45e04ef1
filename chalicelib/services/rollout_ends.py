"""What is left once a deployment has reached its goal or is given up: old processes go, the other types follow.

Each call does one transaction; whoever was killed between two goes on with the next one.
"""

from chalicelib.adapters.clock import stamp
from chalicelib.bootstrap import World
from chalicelib.core.deployment import CANCELED, CANCELING, DEPLOYED
from chalicelib.core.errors import Unprocessable
from chalicelib.services import droplets, listing, placements, processes, routing
from chalicelib.services.rollout_states import move, rising
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.deployments import Deployment, Revision
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit


def finish(world: World, app: App, deployment: Deployment, trace: str) -> None:
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
    """A process type that may not be as it is to be. What is taken back has left the instances of all but web alone."""
    kinds = {processes.WEB, *processes.current(str(app.guid))}
    if deployment.state != CANCELING:
        droplet = droplets.find(deployment.droplet_guid)
        kinds |= {*(droplet.process_types if droplet else ())}
    return min(kinds - {*deployment.settled}, default=None)


def _settle(world: World, app: App, deployment: Deployment, kept: Process, kind: str, trace: str) -> None:
    """Web gets its size; another type is restarted with the new version, made, or taken away.

    What is taken back gets the command that it still runs: the push that failed has described the app before.
    """
    droplet = droplets.find(deployment.droplet_guid)
    unit = world.unit(trace)
    deployment.settled = [*deployment.settled, kind]
    unit.put(deployment)
    process = kept if kind == processes.WEB else processes.current(str(app.guid)).get(kind)
    is_back = process is not None and deployment.state == CANCELING and _command_is_back(process)
    if kind == processes.WEB:
        target = int(deployment.original if deployment.state == CANCELING else deployment.wanted)
        if int(kept.instances) != target:
            placements.scale_process(world, unit, kept, droplets.find(kept.droplet_guid), target)
        elif is_back:
            unit.put(kept)
    elif deployment.state == CANCELING:
        if process is not None and is_back:
            unit.put(process)
    elif droplet is not None and kind in droplet.process_types:
        _restart(world, unit, app, deployment, process or processes.joining(app, kind), droplet)
    elif process is not None:
        processes.remove(world, process, trace)
    unit.commit()


def _command_is_back(process: Process) -> bool:
    """Whether the process had another command than the revision that it runs, and has that one again, unsaved."""
    revision = listing.find(Revision, str(process.revision_guid)) if process.revision_guid else None
    commands: dict[str, str | None] = revision.commands if revision else {}
    former, process.command = process.command, commands.get(str(process.type), process.command)
    return bool(former != process.command)


def _restart(world: World, unit: Unit, app: App, deployment: Deployment, process: Process, droplet: Droplet) -> None:
    kind = str(process.type)
    if not process.created_at:
        process.created_at = stamp()
        unit.enlist(process)
    revision = listing.find(Revision, str(deployment.revision_guid)) if deployment.revision_guid else None
    if revision is not None and kind in revision.commands:
        process.command = revision.commands[kind]
    process.detected, process.revision_guid = droplet.process_types[kind], deployment.revision_guid
    # Nobody may have stopped the app since it was read: what is stopped stays so, and only learns what it is.
    unit.check(App, str(app.guid), condition=App.rev == app.rev)
    if app.desired_state == "STARTED":
        placements.start_process(world, unit, app, process, droplet)
    else:
        unit.put(process)


def _end(world: World, app: App, deployment: Deployment, trace: str) -> None:
    state = CANCELED if deployment.state == CANCELING else DEPLOYED
    unit = world.unit(trace)
    move(unit, deployment, state, state)
    app.deployment_guid = None
    unit.put(app)
    unit.put(deployment)
    unit.commit()
