"""Desired state into placements: start, stop, scale a process; open an auction for what needs a place.

Nothing here talks to a DEA: everything is added to the caller's unit of work, so that a change of desired state and
the messages that make it true are one transaction.
"""

import json
from collections.abc import Collection, Sequence

from chalicelib.adapters.clock import new_guid, now
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import INSTANCE, STAGING, Discover, Limits, Stop, Wanted
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.health import AuctionCheck, DropletUpdated, PlacementOpen
from chalicelib.contracts.staging import StagingStop
from chalicelib.core.auction import retry_delay_s
from chalicelib.core.errors import NotFound
from chalicelib.core.revisions import Contents
from chalicelib.services import environment, metering
from chalicelib.tables.apps import App, Build, Droplet
from chalicelib.tables.base import Member
from chalicelib.tables.running import OPEN, Auction, Placement, Process
from chalicelib.tables.unit import Unit

#: Placements that fit in one transaction beside what else it holds; a larger process owes itself the rest.
OPENED_AT_ONCE = 36
#: How long auctions and bids are kept, seconds.
AUCTION_KEPT_S = 600


def run_spec_key(process_guid: str, version: int) -> str:
    return f"runspecs/{process_guid}/{version}.json"


def staging_spec_key(build_guid: str) -> str:
    return f"stagingspecs/{build_guid}.json"


def start_process(
    world: World,
    unit: Unit,
    app: App,
    process: Process,
    droplet: Droplet,
    contents: Contents | None = None,
) -> None:
    """Want a new version of the process: its instances are auctioned, those of earlier versions stopped.

    contents: variables and sidecars, when the same unit changes them; else they are read.
    """
    earlier = int(process.version)
    process.version, process.state, process.droplet_guid = earlier + 1, "STARTED", str(droplet.guid)
    process.changed_at = now()
    metering.settle(unit, process, app)
    spec = environment.run_spec(world, app, process, droplet, earlier + 1, contents)
    process.isolation_segment = spec.isolation_segment
    world.blobs.put_bytes(run_spec_key(str(process.guid), earlier + 1), json.dumps(to_json(spec)).encode())
    # It holds variables in clear text. The last version's stays until this unit has replaced it for good.
    world.blobs.delete(run_spec_key(str(process.guid), earlier - 1))
    unit.put(process)
    unit.put(_desired(process))
    if earlier:
        unit.send("topic:dea", "dea.stop", Stop(str(process.guid), up_to_version=earlier, reason="restarted"))
    open_indices(world, unit, process, droplet, 0)
    unit.send("queue:hm", "droplet.updated", DropletUpdated(str(process.guid)))


def stop_process(world: World, unit: Unit, process: Process) -> None:
    """Want nothing of the process any more."""
    process.state, process.changed_at = "STOPPED", now()
    metering.settle(unit, process)
    unit.put(process)
    unit.delete(_desired(process))
    unit.send("topic:dea", "dea.stop", Stop(str(process.guid), up_to_version=int(process.version)))
    unit.send("queue:hm", "droplet.updated", DropletUpdated(str(process.guid)))


def scale_process(world: World, unit: Unit, process: Process, droplet: Droplet | None, instances: int) -> None:
    """Want so many instances of the running version: the highest indices go, new ones are auctioned."""
    former, process.instances, process.changed_at = int(process.instances), instances, now()
    metering.settle(unit, process)
    unit.put(process)
    if process.state == "STARTED" and droplet is not None:
        if instances > former:
            open_indices(world, unit, process, droplet, former)
        else:
            surplus = [row for row in rows(process) if int(row.index) >= instances]
            stop_instances(unit, process, surplus, "scaled down")
        unit.send("queue:hm", "droplet.updated", DropletUpdated(str(process.guid)))


def stop_instance(world: World, unit: Unit, process: Process, droplet: Droplet, index: int) -> None:
    """Replace the instance at ``index``. Raises NotFound("Instance")."""
    current = [row for row in rows(process) if int(row.index) == index]
    if process.state != "STARTED" or not current or index >= int(process.instances):
        raise NotFound("Instance")
    stop_instances(unit, process, current, "restarted by the user")
    row = reopened(current[0])
    unit.put(row, Placement.instance_guid == current[0].instance_guid)
    hold_auction(world, unit, process_discover(process, droplet, [row]))


def open_staging(world: World, unit: Unit, build: Build, app: App) -> None:
    """Look for a DEA that stages the build."""
    spec = environment.staging_spec(world, app, build)
    world.blobs.put_bytes(staging_spec_key(str(build.guid)), json.dumps(to_json(spec)).encode())
    build.isolation_segment = spec.isolation_segment
    row = new_row(STAGING, str(build.guid), str(build.app_guid), 0, 0)
    unit.put(row)
    hold_auction(world, unit, staging_discover(build, row))


def cancel_staging(world: World, unit: Unit, build: Build) -> None:
    unit.send("topic:dea", "staging.stop", StagingStop(str(build.guid)))
    unit.delete(Placement(str(build.guid), 0))


# -- pieces ----------------------------------------------------------------------------------------------


def rows(process: Process) -> list[Placement]:
    """The placements of the process's present version, by index."""
    found = Placement.query(str(process.guid), consistent_read=True)
    return [row for row in found if int(row.version) == int(process.version)]


def new_row(work: str, work_guid: str, app_guid: str, index: int, version: int) -> Placement:
    at = now()
    return Placement(
        work_guid,
        index,
        work=work,
        app_guid=app_guid,
        version=version,
        instance_guid=new_guid(),
        state=OPEN,
        opened_at=at,
        deadline=at,
    )


def reopened(row: Placement, attempt: int = 0, problem: str | None = None) -> Placement:
    """The same place looked for again: by a new guid, so that nothing of the last attempt counts."""
    fresh = new_row(str(row.work), str(row.work_guid), str(row.app_guid), int(row.index), int(row.version))
    fresh.attempt, fresh.problem = attempt, problem
    return fresh


def open_indices(
    world: World,
    unit: Unit,
    process: Process,
    droplet: Droplet,
    first: int,
    since: float | None = None,
    done: Collection[int] = (),
) -> None:
    """Open the placements from ``first`` to the last wanted; what one transaction cannot hold follows by message.

    since: when that was wanted (epoch s), None for now. done: indices that have been opened since then.
    """
    last = min(int(process.instances), first + OPENED_AT_ONCE)
    opened = [
        new_row(INSTANCE, str(process.guid), str(process.app_guid), index, int(process.version))
        for index in range(first, last)
        if index not in done
    ]
    for row in opened:
        unit.put(row)
    if opened:
        hold_auction(world, unit, process_discover(process, droplet, opened))
    if last < int(process.instances):
        rest = PlacementOpen(str(process.guid), int(process.version), last, since or float(process.changed_at))
        unit.send("queue:cc", "placement.open", rest)


def hold_auction(world: World, unit: Unit, discover: Discover, attempt: int = 0) -> None:
    """Say the discover, and look again when its deadline has passed."""
    unit.send("topic:dea", "dea.discover", discover)
    postpone_auction(world, unit, discover, attempt)


def postpone_auction(world: World, unit: Unit, discover: Discover, attempt: int) -> None:
    """Look at what is wanted when the deadline of ``attempt`` has passed, and auction then what is still open."""
    timers = world.config.timers
    expires = int(now()) + AUCTION_KEPT_S
    unit.put(Auction(discover.auction_guid, discover=to_json(discover), attempt=attempt, expires_at=expires))
    delay_s = retry_delay_s(attempt, timers.bid_deadline_s, timers.bid_retry_cap_s)
    unit.send("queue:cc", "auction.check", AuctionCheck(discover.auction_guid), delay_s)


def process_discover(process: Process, droplet: Droplet, wanted: Sequence[Placement]) -> Discover:
    return Discover(
        auction_guid=new_guid(),
        work=INSTANCE,
        work_guid=str(process.guid),
        app_guid=str(process.app_guid),
        version=int(process.version),
        stack=str(droplet.stack),
        arch=str(droplet.arch),
        limits=limits_of(process),
        wants=tuple(Wanted(int(row.index), str(row.instance_guid)) for row in wanted),
        isolation_segment=process.isolation_segment,
    )


def staging_discover(build: Build, row: Placement) -> Discover:
    return Discover(
        auction_guid=new_guid(),
        work=STAGING,
        work_guid=str(build.guid),
        app_guid=str(build.app_guid),
        version=0,
        stack=str(build.stack),
        limits=Limits(int(build.memory_mb), int(build.disk_mb)),
        wants=(Wanted(0, str(row.instance_guid)),),
        isolation_segment=build.isolation_segment,
    )


def limits_of(process: Process) -> Limits:
    return Limits(
        memory_mb=int(process.memory_mb),
        disk_mb=int(process.disk_mb),
        log_rate_bytes=int(process.log_rate_bytes),
    )


def stop_instances(unit: Unit, process: Process, surplus: Sequence[Placement], reason: str) -> None:
    guids = tuple(str(row.instance_guid) for row in surplus)
    guids += tuple(str(row.replaces) for row in surplus if row.replaces)
    if guids:
        unit.send("topic:dea", "dea.stop", Stop(str(process.guid), instance_guids=guids, reason=reason))


def _desired(process: Process) -> Member:
    return Member(process.desired_list, f"#{process.guid}", name=str(process.app_guid))
