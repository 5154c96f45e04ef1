"""Auctions as messages come in: bids, claims, starts, refusals, and the checks that reopen what went nowhere.

Every step is one conditional write on the placement row, keyed by the instance_guid of the attempt: whatever comes
twice, late or out of order finds another guid or another state there and changes nothing.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.contracts.auction import (
    STAGING,
    TASK,
    Bid,
    Discover,
    HealthCheck,
    Limits,
    Refused,
    Start,
    Started,
    Stop,
)
from chalicelib.contracts.codec import from_json, to_json
from chalicelib.contracts.health import AuctionCheck, DeploymentCheck, PlacementCheck, PlacementOpen
from chalicelib.contracts.staging import StagingStart
from chalicelib.core.auction import choose
from chalicelib.core.errors import Conflict
from chalicelib.services import buildpacks, builds, droplets, grants, listing, packages, placements, task_runs, tasks
from chalicelib.services.assembly import package_key
from chalicelib.services.placements import limits_of, reopened
from chalicelib.tables.actual import Dea
from chalicelib.tables.apps import App, Build, Droplet, Package
from chalicelib.tables.base import moved
from chalicelib.tables.running import CLAIMED, OPEN, STARTED, Auction, BidRow, Placement, Process
from chalicelib.tables.tasks import Task
from chalicelib.tables.unit import Unit

log = logging.getLogger(__name__)

#: Presigned links in a start must outlive the queue's retention and the start itself, seconds.
LINK_LIFE_S = 3600
#: Refusals in a row after which an index waits for the next check instead of being auctioned at once.
PATIENCE = 2
#: A window whose opener has not closed it by then (seconds) has lost him: the next bid decides.
ABANDONED_AFTER_S = 1.0


def take_bid(world: World, bid: Bid) -> float | None:
    """Keep a bid. Returns when its auction is to be decided (epoch s), if that falls to the caller.

    The bid that opens the window decides when it closes; one that comes after that decides at once over what is
    left. The bid is written before the window is looked at, and the window closed before bids are read: so every
    bid is seen by one or the other.
    """
    at = now()
    expires = int(at) + placements.AUCTION_KEPT_S
    BidRow(bid.auction_guid, bid.dea, bid=to_json(bid), expires_at=expires).save()
    auction = _auction(bid.auction_guid)
    if auction is None:
        return None
    if auction.window_from is None:
        opens = [Auction.window_from.set(at)]
        if not moved(Auction(bid.auction_guid), opens, Auction.window_from.does_not_exist()):
            return None
        return at + world.config.timers.bid_window_s
    abandoned = at > float(auction.window_from) + world.config.timers.bid_window_s + ABANDONED_AFTER_S
    return at if auction.closed or abandoned else None


def decide(world: World, auction_guid: str, closes_at: float, trace: str) -> None:
    """Wait for the window to close, unless all live DEAs have answered; then claim for the winners."""
    live = sum(1 for dea in Dea.query("all") if not dea.lost and not dea.draining)
    if len(_bids(auction_guid)) < live and (rest := closes_at - now()) > 0:
        time.sleep(rest)
    auction = _auction(auction_guid)
    if auction is None:
        return
    if not auction.closed:
        Auction(auction_guid).update([Auction.closed.set(True)])
    discover = from_json(Discover, auction.discover)
    rows = _attempts(discover)
    wants = [want for want in discover.wants if want.index in rows and rows[want.index].state == OPEN]
    won_before = [str(row.dea) for row in rows.values() if row.state != OPEN]
    winners = choose(wants, _bids(auction_guid), won_before)
    claim = {STAGING: _claim_staging, TASK: _claim_task}.get(discover.work, _claim_instances)
    claim(world, discover, [(rows[index], bid) for index, bid in winners.items()], trace)


def _claim_instances(world: World, discover: Discover, won: Sequence[tuple[Placement, Bid]], trace: str) -> None:
    process = listing.find(Process, discover.work_guid)
    if process is None or process.state != "STARTED" or int(process.version) != discover.version:
        return
    app = listing.find(App, discover.app_guid)
    droplet = listing.find(Droplet, str(process.droplet_guid))
    if app is None or droplet is None:
        return
    health = from_json(HealthCheck, process.health or {})
    for row, bid in won:
        unit = world.unit(trace)
        # Nobody may have restarted, stopped or scaled the process since it was read.
        unit.check(Process, str(process.guid), condition=Process.rev == process.rev)
        _claim(world, unit, row, bid, health.timeout_s + world.config.timers.claim_grace_s)
        unit.send(f"url:{bid.queue_url}", "dea.start", _start(world, app, process, droplet, row, health))
        _commit_claim(world, unit, row, trace)


def _claim_staging(world: World, discover: Discover, won: Sequence[tuple[Placement, Bid]], trace: str) -> None:
    build = listing.find(Build, discover.work_guid)
    app = listing.find(App, discover.app_guid)
    package = listing.find(Package, str(build.package_guid)) if build else None
    if build is None or app is None or package is None or build.state != "STAGING":
        return
    timeout_s = world.config.timers.staging_timeout_s
    for row, bid in won:
        unit = world.unit(trace)
        _claim(world, unit, row, bid, timeout_s + world.config.timers.claim_grace_s)
        build.instance_guid, build.dea, build.boot = str(row.instance_guid), bid.dea, bid.boot
        unit.put(build)
        unit.send(f"url:{bid.queue_url}", "staging.start", _staging_start(world, app, build, package, row))
        _commit_claim(world, unit, row, trace)


def _claim_task(world: World, discover: Discover, won: Sequence[tuple[Placement, Bid]], trace: str) -> None:
    task = listing.find(Task, discover.work_guid)
    app = listing.find(App, discover.app_guid)
    droplet = listing.find(Droplet, str(task.droplet_guid)) if task else None
    if task is None or app is None or droplet is None or task.state != "PENDING":
        return
    for row, bid in won:
        unit = world.unit(trace)
        # Nobody may have cancelled it since it was read.
        unit.check(Task, str(task.guid), condition=Task.rev == task.rev)
        _claim(world, unit, row, bid, task_runs.START_S + world.config.timers.claim_grace_s)
        start = task_runs.start(world, task, app, droplet, row, LINK_LIFE_S)
        unit.send(f"url:{bid.queue_url}", "dea.start", start)
        _commit_claim(world, unit, row, trace)


def _claim(world: World, unit: Unit, row: Placement, bid: Bid, timeout_s: float) -> None:
    row.deadline = now() + timeout_s
    actions = [
        Placement.state.set(CLAIMED),
        Placement.dea.set(bid.dea),
        Placement.boot.set(bid.boot),
        Placement.queue_url.set(bid.queue_url),
        Placement.deadline.set(row.deadline),
        Placement.problem.remove(),
    ]
    condition = (Placement.instance_guid == row.instance_guid) & (Placement.state == OPEN)
    unit.update(Placement(row.work_guid, row.index), actions, condition)
    check = PlacementCheck(str(row.work), str(row.work_guid), int(row.index), str(row.instance_guid))
    unit.send("queue:cc", "placement.check", check, timeout_s)


def _commit_claim(world: World, unit: Unit, row: Placement, trace: str) -> None:
    try:
        unit.commit()
    except Conflict:
        # Somebody else claimed it, or the process changed: an open row is looked at again by its auction's check.
        log.info("lost the claim of %s/%s", row.work_guid, row.index, extra={"trace": trace})


def _start(world: World, app: App, process: Process, droplet: Droplet, row: Placement, health: HealthCheck) -> Start:
    routes = tuple(process.routes or ())
    version, guid = int(process.version), str(row.instance_guid)
    url, digest = droplets.source(world, droplet, LINK_LIFE_S)
    return Start(
        app_guid=str(app.guid),
        app_name=str(app.name),
        process_guid=str(process.guid),
        process_type=str(process.type),
        version=version,
        index=int(row.index),
        instance_guid=guid,
        limits=limits_of(process),
        health=health,
        spec_url=world.blobs.presign_get(placements.run_spec_key(str(process.guid), version), LINK_LIFE_S),
        droplet_url=url,
        droplet_digest=digest,
        routes=routes,
        routes_version=int(process.routes_version),
        route_grant=grants.route_grant(world, guid, process),
        log_grant=grants.log_grant(world, str(app.guid)),
        stack=str(droplet.stack),
        readiness=from_json(HealthCheck, {"type": "process"} | (process.readiness or {})),
    )


def _staging_start(world: World, app: App, build: Build, package: Package, row: Placement) -> StagingStart:
    blobs, cache = world.blobs, f"buildcache/{app.guid}.tgz"
    links: dict[str, Any] = {"package_url": "", "package_digest": "", "droplet_put_url": "", "cache_put_url": ""}
    if package.type == packages.BITS:
        links = {
            "package_url": blobs.presign_get(package_key(str(package.guid)), LINK_LIFE_S),
            "package_digest": f"sha256:{package.checksum}",
            "droplet_put_url": blobs.presign_put(builds.droplet_key(build), LINK_LIFE_S),
            "cache_put_url": blobs.presign_put(cache, LINK_LIFE_S),
        }
        if blobs.exists(cache):
            links["cache_url"] = blobs.presign_get(cache, LINK_LIFE_S)
    return StagingStart(
        build_guid=str(build.guid),
        app_guid=str(app.guid),
        app_name=str(app.name),
        instance_guid=str(row.instance_guid),
        stack=str(build.stack),
        limits=Limits(int(build.memory_mb), int(build.disk_mb)),
        timeout_s=int(world.config.timers.staging_timeout_s),
        buildpacks=tuple(build.buildpacks or ()),
        spec_url=blobs.presign_get(placements.staging_spec_key(str(build.guid)), LINK_LIFE_S),
        **links,
        log_grant=grants.log_grant(world, str(app.guid)),
        installed=buildpacks.installed_for(world, build),
    )


def take_started(world: World, started: Started, trace: str) -> None:
    """The instance is healthy. One that is not wanted (any more) is stopped at once."""
    row = _row(started.process_guid, started.index)
    if row is None or row.instance_guid != started.instance_guid:
        stop = Stop(started.process_guid, instance_guids=(started.instance_guid,), reason="not wanted any more")
        world.bus.say("topic:dea", "dea.stop", stop, trace)
        return
    if row.state == STARTED:
        return
    if row.work == TASK:
        task_runs.started(world, row, started, trace)
        return
    unit = world.unit(trace)
    actions = [
        Placement.state.set(STARTED),
        Placement.host.set(started.host),
        Placement.port.set(started.port) if started.port else Placement.port.remove(),
        Placement.attempt.set(0),
        Placement.started_at.set(now()),
        Placement.replaces.remove(),
    ]
    unit.update(row, actions, Placement.instance_guid == started.instance_guid)
    if row.replaces:
        stop = Stop(started.process_guid, instance_guids=(str(row.replaces),), reason="evacuated")
        unit.send("topic:dea", "dea.stop", stop)
    app = listing.find(App, str(row.app_guid))
    if app is not None and app.deployment_guid:
        check = DeploymentCheck(str(app.deployment_guid))
        unit.send("queue:cc", "deployment.check", check, world.config.timers.route_settle_s)
    _commit_claim(world, unit, row, trace)


def take_refusal(world: World, refused: Refused, trace: str) -> None:
    """The winner could not: look again at once, or after a few times only when the auction's check comes."""
    row = _row(refused.work_guid, refused.index)
    if row is None or row.instance_guid != refused.instance_guid or row.state != CLAIMED:
        return
    log.info("%s refused %s: %s", refused.dea, refused.instance_guid, refused.reason, extra={"trace": trace})
    if row.work == TASK and not task_runs.refused(world, row, refused, trace):
        return
    reopen(world, row, trace, attempt=int(row.attempt) + 1, problem=refused.reason)


def check_auction(world: World, check: AuctionCheck, trace: str) -> None:
    """The deadline for bids has passed: auction again what nobody took."""
    auction = _auction(check.auction_guid)
    if auction is None:
        return
    discover = from_json(Discover, auction.discover)
    left = [row for row in _attempts(discover).values() if row.state == OPEN]
    again = _discover(discover.work, discover.work_guid, discover.version, left)
    if again is None or not left:
        return
    unit = world.unit(trace)
    for row in left:
        unit.update(
            row,
            [Placement.problem.set(row.problem or "insufficient resources"), Placement.attempt.add(1)],
            (Placement.instance_guid == row.instance_guid) & (Placement.state == OPEN),
        )
    placements.hold_auction(world, unit, again, int(auction.attempt) + 1)
    unit.commit()


def check_placement(world: World, check: PlacementCheck, trace: str) -> None:
    """A claim was not heard of again within its time: stop that attempt, if it lives, and look for another place."""
    row = _row(check.work_guid, check.index)
    if row is None or row.instance_guid != check.instance_guid or row.state != CLAIMED:
        return
    if (rest := float(row.deadline) - now()) > 1:
        world.bus.say("queue:cc", "placement.check", check, trace, delay_s=rest)
        return
    if check.work == STAGING:
        builds.failed(world, check.work_guid, "StagingTimeExpired", "Staging time expired")
        return
    if check.work == TASK:
        task_runs.unheard(world, row, check, trace)
        return
    stop = Stop(check.work_guid, instance_guids=(check.instance_guid,), reason="did not start in time")
    world.bus.say("topic:dea", "dea.stop", stop, trace)
    reopen(world, row, trace, attempt=int(row.attempt) + 1, problem="did not start in time")


def open_more(world: World, more: PlacementOpen, trace: str) -> None:
    """The rest of a large process."""
    process = listing.find(Process, more.process_guid)
    droplet = listing.find(Droplet, str(process.droplet_guid)) if process else None
    if process is None or droplet is None or process.state != "STARTED" or int(process.version) != more.version:
        return
    done = {int(row.index) for row in placements.rows(process) if float(row.opened_at) >= more.since}
    if more.from_index in done:
        return
    unit = world.unit(trace)
    unit.check(Process, str(process.guid), condition=Process.rev == process.rev)
    placements.open_indices(world, unit, process, droplet, more.from_index, more.since, done)
    unit.commit()


def reopen(
    world: World,
    row: Placement,
    trace: str,
    attempt: int = 0,
    problem: str | None = None,
    replaces: str | None = None,
) -> None:
    """Give up the row's attempt and auction its place anew, if it is still wanted. Losing a race is no error."""
    fresh = reopened(row, attempt, problem)
    fresh.replaces = replaces
    discover = _discover(str(row.work), str(row.work_guid), int(row.version), [fresh])
    if discover is None:
        return
    unit = world.unit(trace)
    unit.put(fresh, Placement.instance_guid == row.instance_guid)
    if attempt <= PATIENCE:
        placements.hold_auction(world, unit, discover)
    else:
        placements.postpone_auction(world, unit, discover, attempt)
    _commit_claim(world, unit, row, trace)


def _discover(work: str, work_guid: str, version: int, rows: Sequence[Placement]) -> Discover | None:
    """What to say for these rows; None when the work is not wanted any more."""
    if work == STAGING:
        build = listing.find(Build, work_guid)
        return placements.staging_discover(build, rows[0]) if build and build.state == "STAGING" and rows else None
    if work == TASK:
        task = listing.find(Task, work_guid)
        its = listing.find(Droplet, str(task.droplet_guid)) if task and task.state == "PENDING" else None
        return tasks.discover(task, its, rows[0]) if task and its and rows else None
    process = listing.find(Process, work_guid)
    if process is None or process.state != "STARTED" or int(process.version) != version:
        return None
    droplet = listing.find(Droplet, str(process.droplet_guid))
    wanted = [row for row in rows if int(row.index) < int(process.instances)]
    return placements.process_discover(process, droplet, wanted) if droplet and wanted else None


def _attempts(discover: Discover) -> dict[int, Placement]:
    """The placements that still are about the attempts that were wanted, by index."""
    wanted = {want.index: want.instance_guid for want in discover.wants}
    found = Placement.query(discover.work_guid, consistent_read=True)
    return {int(row.index): row for row in found if row.instance_guid == wanted.get(int(row.index))}


def _auction(guid: str) -> Auction | None:
    try:
        return Auction.get(guid, consistent_read=True)
    except Auction.DoesNotExist:
        return None


def _bids(auction_guid: str) -> list[Bid]:
    return [from_json(Bid, row.bid) for row in BidRow.query(auction_guid, consistent_read=True)]


def _row(work_guid: str, index: int) -> Placement | None:
    try:
        return Placement.get(work_guid, index, consistent_read=True)
    except Placement.DoesNotExist:
        return None
