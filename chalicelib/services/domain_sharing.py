"""Private domains that other organizations may use, too."""

from collections.abc import Iterable

from chalicelib.bootstrap import World
from chalicelib.core.errors import NotAuthorized, Unprocessable
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import audit, domains, listing
from chalicelib.services.domains import SHARED_WITH
from chalicelib.tables.identity import Domain, Organization
from chalicelib.tables.running import Route


def share(world: World, actor: Actor, domain: Domain, guids: Iterable[str], trace: str = "") -> Domain:
    """Raises Unprocessable."""
    asked = domains.shareable(actor, domain, guids)
    if not domain.org_guid:
        raise Unprocessable(
            "Domains cannot be shared with other organizations unless they are scoped to an organization."
        )
    shared = list(domain.shared_org_guids or ())
    new = [guid for guid in asked if guid not in shared]
    if new:
        domain.shared_org_guids = [*shared, *new]
        unit = world.unit(trace)
        unit.put(domain)
        for guid in new:
            unit.require(Organization, guid, domains.no_such_org(guid))
            unit.join(domain, f"{SHARED_WITH}/{guid}")
        audit.record(unit, actor, "audit.domain.share", domain, org_guid=str(domain.org_guid), data={"orgs": new})
        unit.commit()
    return domain


def unshare(world: World, actor: Actor, domain: Domain, guid: str, trace: str = "") -> None:
    """By who manages either organization, while the other one has no routes on it.

    Raises Unprocessable, NotAuthorized.
    """
    org = listing.find(Organization, guid)
    if org is None:
        raise domains.no_such_org(guid)
    if not any(actor.may_in_org(MANAGE, one) for one in (guid, str(domain.org_guid))):
        raise NotAuthorized
    if not actor.may_in_org(READ, guid):
        raise domains.no_such_org(guid)
    if guid not in (domain.shared_org_guids or ()):
        raise Unprocessable(
            f"Unable to unshare domain from organization with name '{org.name}'. Ensure the domain is shared to this "
            "organization."
        )
    spaces = {member.guid for member in listing.members([f"org/{guid}/spaces"])}
    if any(str(route.space_guid) in spaces for route in listing.all_of(Route, f"domain/{domain.guid}/routes")):
        raise Unprocessable(
            "This domain has associated routes in this organization. Delete the routes before unsharing."
        )
    forget(world, actor, domain, guid, trace)


def forget(world: World, actor: Actor, domain: Domain, guid: str, trace: str = "") -> None:
    """Without asking anybody: also for an organization that goes."""
    domain.shared_org_guids = [shared for shared in domain.shared_org_guids if shared != guid]
    unit = world.unit(trace)
    unit.put(domain)
    unit.leave(domain, f"{SHARED_WITH}/{guid}")
    audit.record(unit, actor, "audit.domain.unshare", domain, org_guid=str(domain.org_guid), data={"orgs": [guid]})
    unit.commit()


def visible(actor: Actor, domain: Domain) -> list[str]:
    """Guids of the organizations it is shared with, as far as the actor may know of them."""
    return [guid for guid in domain.shared_org_guids or () if actor.may_in_org(READ, guid)]
