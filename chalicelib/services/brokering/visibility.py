"""Plans and offerings as an actor sees them, and who may see which plan."""

from collections.abc import Callable, Iterable

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core import service_visibility
from chalicelib.core.errors import BadRequest, NotAuthenticated, NotFound, Unprocessable
from chalicelib.core.roles import READ, WRITE, Actor
from chalicelib.core.service_visibility import ORGANIZATION, SPACE
from chalicelib.services import access, audit, flags, listing
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.services import ServiceBroker, ServiceOffering, ServicePlan

#: Whoever has no login: he sees what is public, unless a flag hides it.
NOBODY = Actor(guid="", name="")

#: Organizations that one plan can be shown to: their guids are in its row.
MAX_ORGS = 2000


def anonymous() -> Actor:
    """Raises NotAuthenticated where the marketplace is hidden."""
    if flags.is_on("hide_marketplace_from_unauthenticated_users"):
        raise NotAuthenticated
    return NOBODY


@frozen
class Sight:
    """What an actor sees of the marketplace. spaces: guids of those that he sees, None for all there are."""

    actor: Actor
    spaces: frozenset[str] | None

    def lists(self, kind: str) -> list[str]:
        """Those in which all that he may see of a kind is: what is for everybody, and what his spaces have."""
        if self.spaces is None:
            return [kind]
        return [f"shared/{kind}", *(f"space/{guid}/{kind}" for guid in sorted(self.spaces))]

    def sees(self, plan: ServicePlan) -> bool:
        in_space = self.spaces is not None and plan.space_guid in self.spaces
        return service_visibility.may_see(self.actor, str(plan.visibility), plan.orgs, in_space, bool(plan.available))

    def plans(self) -> list[ServicePlan]:
        kind = ServicePlan.KIND
        found = listing.load(ServicePlan, [member.guid for member in listing.members(self.lists(kind))])
        return list(filter(self.sees, found))


def sight(actor: Actor) -> Sight:
    """For many plans with the reads of one."""
    spaces = access.visible_spaces(actor)
    return Sight(actor, None if spaces is None else frozenset(spaces))


def offering_test(seen: Sight, usable: listing.Test | None = None) -> listing.Test:
    """An offering is seen by who sees one of its plans. usable: it has one of these."""
    if seen.actor.sees_all and usable is None:
        return lambda offering: True
    guids = {str(plan.offering_guid) for plan in seen.plans() if usable is None or usable(plan)}
    return lambda offering: offering.guid in guids


def usable_test(spaces: Iterable[Space]) -> Callable[[ServicePlan], bool]:
    """Whether a plan can be used in one of the spaces."""
    places = [(str(space.guid), str(space.org_guid)) for space in spaces]

    def usable(plan: ServicePlan) -> bool:
        return any(
            service_visibility.is_usable_in(str(plan.visibility), plan.orgs, plan.space_guid, space, org)
            for space, org in places
        )

    return usable


def plan_for(actor: Actor, guid: str) -> ServicePlan:
    """Raises NotFound for what the actor may not see; who sees an instance of a plan sees the plan."""
    plan = listing.get(ServicePlan, guid)
    if not sight(actor).sees(plan) and not _has_instance(actor, plan):
        raise NotFound(ServicePlan.LABEL)
    return plan


def offering_for(actor: Actor, guid: str) -> ServiceOffering:
    """Raises NotFound."""
    offering = listing.get(ServiceOffering, guid)
    plans = listing.all_of(ServicePlan, f"offering/{guid}/service_plans")
    seen = sight(actor)
    if not actor.sees_all and not any(seen.sees(plan) or _has_instance(actor, plan) for plan in plans):
        raise NotFound(ServiceOffering.LABEL)
    return offering


def _has_instance(actor: Actor, plan: ServicePlan) -> bool:
    spaces = access.visible_spaces(actor)
    if not spaces:
        return False
    mine = {member.guid for member in listing.members(f"space/{guid}/service_instances" for guid in spaces)}
    return any(member.guid in mine for member in listing.members([f"plan/{plan.guid}/service_instances"]))


def may_change(actor: Actor, space_guid: str | None) -> bool:
    """Whether what a broker offers is the actor's to describe: an administrator's, or a developer's of its space."""
    if actor.is_admin:
        return True
    space = listing.find(Space, space_guid) if space_guid else None
    return space is not None and actor.may_in_space(WRITE, str(space.guid), str(space.org_guid))


def require_change(actor: Actor, resource: ServiceOffering | ServicePlan) -> None:
    """Raises NotAuthorized."""
    if not may_change(actor, resource.space_guid):
        access.require_admin(actor)


def may_see_broker(actor: Actor, broker: ServiceBroker) -> bool:
    """Global brokers are administrators' business; a space's own is seen by who may make things there."""
    return actor.sees_all or may_change(actor, broker.space_guid)


def broker_lists(actor: Actor) -> list[str]:
    """Those that hold the brokers that the actor may see."""
    spaces = access.visible_spaces(actor, WRITE)
    kind = ServiceBroker.KIND
    return [kind] if spaces is None else [f"space/{guid}/{kind}" for guid in sorted(spaces)]


def change(
    world: World, actor: Actor, plan: ServicePlan, kind: str, orgs: list[str] | None, adds: bool, trace: str = ""
) -> ServicePlan:
    """Set the visibility; ``adds``: of organizations, the ones named are added to those that are there.

    Raises BadRequest for a plan of a space's own broker, Unprocessable for organizations that there are not.
    """
    if plan.visibility == SPACE:
        raise BadRequest("Cannot update plans with visibility type 'space'")
    wanted: list[str] = []
    if kind == ORGANIZATION:
        kept = list(plan.orgs) if adds and plan.visibility == ORGANIZATION else []
        wanted = list(dict.fromkeys([*kept, *(orgs or ())]))
        if len(wanted) > MAX_ORGS:
            raise Unprocessable(f"A plan can be visible in at most {MAX_ORGS} organizations")
        found = {str(org.guid) for org in listing.load(Organization, list(dict.fromkeys(orgs or ())))}
        if missing := [guid for guid in orgs or () if guid not in found]:
            raise Unprocessable(f"Could not find Organization with guid: {', '.join(missing)}")
    plan.visibility, plan.orgs = kind, wanted
    return _save(world, actor, plan, trace)


def withdraw(world: World, actor: Actor, plan: ServicePlan, org_guid: str, trace: str = "") -> None:
    """No longer in this organization. Raises NotFound, BadRequest."""
    access.require_admin(actor)
    if plan.visibility != ORGANIZATION:
        raise BadRequest("Cannot delete organization level access for non-organization visibility plan")
    if org_guid not in plan.orgs:
        raise NotFound("Service plan visibility")
    plan.orgs = [guid for guid in plan.orgs if guid != org_guid]
    _save(world, actor, plan, trace)


def _save(world: World, actor: Actor, plan: ServicePlan, trace: str) -> ServicePlan:
    unit = world.unit(trace)
    unit.put(plan)
    audit.record(unit, actor, "audit.service_plan_visibility.update", plan, data={"request": {"type": plan.visibility}})
    unit.commit()
    return plan


def sees_space(actor: Actor, space_guid: str) -> bool:
    space = listing.find(Space, space_guid)
    return space is not None and actor.may_in_space(READ, space_guid, str(space.org_guid))
