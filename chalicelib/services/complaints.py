"""What the HealthManager complains about, checked against desired state before anything is done.

HM may be late, twice, stale or wrong: a start is acted on only while the placement still names the instance that
is gone, a stop only while the instance is not the one that is wanted.
"""

import logging

from chalicelib.adapters.clock import guid_from
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import INSTANCE, Stop
from chalicelib.contracts.components import DiscoverComponents
from chalicelib.contracts.health import HmOrphan, HmResync, HmRoutes, HmStart, HmStop
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.services import auctioneer, audit, builds, listing, placements, rollouts, routing, task_runs
from chalicelib.tables.apps import App, Droplet
from chalicelib.tables.base import moved
from chalicelib.tables.identity import Space
from chalicelib.tables.running import CRASHED, STARTED, Placement, Process

log = logging.getLogger(__name__)


def start(world: World, complaint: HmStart, trace: str) -> None:
    """An index needs an instance: reopen its placement, or open the one that was never there."""
    process = listing.find(Process, complaint.process_guid)
    if process is None or process.state != "STARTED" or int(process.version) != complaint.version:
        return
    if complaint.index >= int(process.instances):
        return
    row = next((row for row in placements.rows(process) if int(row.index) == complaint.index), None)
    if row is None:
        _open_missing(world, process, complaint.index, trace)
    elif row.instance_guid == complaint.instance_guid:
        evacuated = complaint.instance_guid if complaint.reason == "evacuation" else None
        auctioneer.reopen(world, row, trace, replaces=evacuated)
    else:
        log.info("complaint about %s is out of date", complaint.instance_guid, extra={"trace": trace})


def crashed(world: World, gone: DropletExited, trace: str) -> None:
    """What users look for in ``events``: which instance ended, and how. Told twice, it is one event of each type.

    The place waits for HM's complaint, whose delay is the back-off: its claim's own check must not reopen it before.
    """
    app = listing.find(App, gone.app_guid)
    if app is None:
        return
    unit = world.unit(trace)
    place = Placement(gone.process_guid, gone.index)
    moved(place, [Placement.state.set(CRASHED)], Placement.instance_guid == gone.instance_guid)
    data = {
        "index": gone.index,
        "instance": gone.instance_guid,
        "reason": gone.reason,
        "exit_status": gone.exit_status,
        "exit_description": gone.description,
    }
    space = listing.find(Space, str(app.space_guid))
    org_guid = str(space.org_guid) if space else None
    process = listing.find(Process, gone.process_guid)
    about_process = {**data, "process_guid": gone.process_guid, **({"process_type": process.type} if process else {})}
    second = guid_from(gone.instance_guid, "audit.app.process.crash")
    for event, told, guid in (
        ("app.crash", data, gone.instance_guid),
        ("audit.app.process.crash", about_process, second),
    ):
        audit.record(unit, audit.SYSTEM, event, app, str(app.space_guid), org_guid, told, guid, gone.at)
    unit.commit()
    if app.deployment_guid:
        rollouts.advance(world, str(app.deployment_guid), trace, gone)


def _open_missing(world: World, process: Process, index: int, trace: str) -> None:
    droplet = listing.find(Droplet, str(process.droplet_guid))
    if droplet is None:
        return
    row = placements.new_row(INSTANCE, str(process.guid), str(process.app_guid), index, int(process.version))
    unit = world.unit(trace)
    absent = Placement.instance_guid.does_not_exist() | (Placement.version < int(process.version))
    unit.put(row, absent)
    placements.hold_auction(world, unit, placements.process_discover(process, droplet, [row]))
    unit.commit()


def stop(world: World, complaint: HmStop, trace: str) -> None:
    """An instance is one too many: stop it, unless desired state says otherwise."""
    process = listing.find(Process, complaint.process_guid)
    if process is not None and _is_wanted(process, complaint):
        return
    guids = (complaint.instance_guid,)
    order = Stop(complaint.process_guid, instance_guids=guids, reason=complaint.reason)
    world.bus.say(f"url:{complaint.queue_url}", "dea.stop", order, trace)


def _is_wanted(process: Process, complaint: HmStop) -> bool:
    """Whether the instance is to run, or its index has a start due that may yet turn out to be it."""
    if process.state != "STARTED" or int(process.version) > complaint.version:
        return False
    if complaint.index >= int(process.instances):
        return False
    row = next((row for row in placements.rows(process) if int(row.index) == complaint.index), None)
    return row is not None and (row.state != STARTED or complaint.instance_guid in (row.instance_guid, row.replaces))


def routes(world: World, complaint: HmRoutes, trace: str) -> None:
    """Instances lag behind their routes: say them again."""
    process = listing.find(Process, complaint.process_guid)
    if process is not None and process.state == "STARTED":
        unit = world.unit(trace)
        routing.announce(world, unit, process)
        unit.commit()


def resync(world: World, complaint: HmResync, trace: str) -> None:
    """Ask everybody to say what there is."""
    world.bus.say("topic:components", "component.discover", DiscoverComponents(complaint.reason), trace)


def orphan(world: World, complaint: HmOrphan, trace: str) -> None:
    """The host that staged these builds and ran these tasks is gone."""
    for build_guid in complaint.builds:
        builds.failed(world, build_guid, "StagingError", f"The host {complaint.dea} was lost while it staged the app")
    for task_guid in complaint.tasks:
        task_runs.lost(world, task_guid, complaint.dea, trace)
