"""What brokers offer: kept in step with their catalogs, described and purged by people."""

from collections.abc import Callable

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core import catalog
from chalicelib.core.errors import Unprocessable
from chalicelib.core.roles import Actor
from chalicelib.core.service_visibility import ADMIN, SPACE
from chalicelib.services import audit, listing, steps
from chalicelib.services.steps import Step
from chalicelib.tables.services import ServiceBroker, ServiceOffering, ServicePlan
from chalicelib.tables.unit import Unit

#: Operations of a new plan: row, list of all, of the broker, of the offering, of whom it is for. A changed one has as
#: many.
PLAN_COST = 5


def synchronize(world: World, broker: ServiceBroker, offered: list[catalog.Offering]) -> None:
    """Make, change and take away until it is what the catalog says. What has instances stays, unavailable."""
    guid = str(broker.guid)
    offerings = {
        str(item.unique_id): item for item in listing.all_of(ServiceOffering, f"broker/{guid}/service_offerings")
    }
    plans = {str(item.unique_id): item for item in listing.all_of(ServicePlan, f"broker/{guid}/service_plans")}
    work: list[Step] = []
    for wanted in offered:
        row = offerings.pop(wanted.unique_id, None)
        is_new = row is None
        if row is None:
            row = ServiceOffering(
                new_guid(), broker_guid=guid, unique_id=wanted.unique_id, space_guid=broker.space_guid
            )
        row.name, row.catalog, row.available = wanted.name, wanted.details, True
        work.append(_save(row, is_new))
        for plan in wanted.plans:
            present = plans.get(plan.unique_id)
            if present is not None and present.offering_guid == row.guid:
                del plans[plan.unique_id]
            else:
                present = None
            work.append(_plan(broker, row, plan, present))
    gone: list[ServicePlan | ServiceOffering] = [*plans.values(), *offerings.values()]
    kept = set()
    for item in gone:
        if isinstance(item, ServicePlan):
            used = bool(listing.members([f"plan/{item.guid}/service_instances"]))
            kept |= {str(item.offering_guid)} if used else set()
        else:
            used = item.guid in kept
        work.append((PLAN_COST, _withdrawn(item, used)))
    steps.commit(world, work)


def _save(row: ServiceOffering | ServicePlan, is_new: bool) -> Step:
    def save(unit: Unit) -> None:
        if is_new:
            unit.create(row)
        else:
            unit.rename(row, "", "", "")  # the copies of its name in lists
            unit.put(row)

    return PLAN_COST, save


def _plan(broker: ServiceBroker, offering: ServiceOffering, plan: catalog.Plan, row: ServicePlan | None) -> Step:
    is_new = row is None
    if row is None:
        row = ServicePlan(
            new_guid(),
            broker_guid=broker.guid,
            offering_guid=offering.guid,
            space_guid=broker.space_guid,
            unique_id=plan.unique_id,
            visibility=SPACE if broker.space_guid else ADMIN,
        )
    row.name, row.free, row.catalog, row.available = plan.name, plan.free, plan.details, True
    return _save(row, is_new)


def _withdrawn(item: ServicePlan | ServiceOffering, used: bool) -> Callable[[Unit], None]:
    def withdraw(unit: Unit) -> None:
        if used:
            item.available = False
            unit.put(item)
        else:
            unit.remove(item)

    return withdraw


def delete(world: World, actor: Actor, row: ServicePlan | ServiceOffering, trace: str = "") -> None:
    """Raises Unprocessable while a plan has instances, or an offering plans."""
    if isinstance(row, ServicePlan):
        users, whose, event = f"plan/{row.guid}/service_instances", "service plans", "service_plan"
    else:
        users, whose, event = f"offering/{row.guid}/service_plans", "services", "service"
    if listing.members([users]):
        raise Unprocessable(f"Please delete the {users.rpartition('/')[2]} associations for your {whose}.")
    unit = world.unit(trace)
    unit.remove(row)
    audit.record(unit, actor, f"audit.{event}.delete", row)
    unit.commit()
