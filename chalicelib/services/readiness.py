"""Instances that run and are not ready for requests: their host takes them out of the routes, and says so."""

from contextlib import suppress

from pynamodb.expressions.update import Action

from chalicelib.bootstrap import World
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.contracts.heartbeat import InstanceReady
from chalicelib.core.errors import NotFound
from chalicelib.services import audit, listing
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Placement


def take(world: World, told: InstanceReady, trace: str) -> None:
    """Remember the newest word of the instance that has the place; an older one, or one said twice, changes nothing."""
    app = listing.find(App, told.app_guid)
    if app is None:
        return
    its_own = Placement.instance_guid == told.instance_guid
    is_news = Placement.ready_at.does_not_exist() | (Placement.ready_at < told.at)
    actions: list[Action] = [Placement.is_ready.set(told.is_ready), Placement.ready_at.set(told.at)]
    unit = world.unit(trace)
    unit.update(Placement(told.process_guid, told.index), actions, its_own & is_news, NotFound("Instance"))
    verb = "ready" if told.is_ready else "not-ready"
    data = {"index": told.index, "instance": told.instance_guid, "version": told.version}
    space = listing.find(Space, str(app.space_guid))
    org_guid = str(space.org_guid) if space else None
    audit.record(unit, audit.SYSTEM, f"audit.app.process.{verb}", app, str(app.space_guid), org_guid, data)
    if told.is_ready and app.deployment_guid:
        check = DeploymentCheck(str(app.deployment_guid))
        unit.send("queue:cc", "deployment.check", check, world.config.timers.route_settle_s)
    with suppress(NotFound):
        unit.commit()
