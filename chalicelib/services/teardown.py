"""The jobs that take away organizations, spaces and domains with all that is in them.

Each removes the contents first, then the thing itself, and then looks again: what somebody made in the meantime was
made while the thing still existed (Unit.require), and nothing can be made in it any more. A job that was killed goes
on where it ended, and one that has ended does nothing.
"""

from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core.quotas import Use
from chalicelib.services import (
    apps,
    audit,
    domain_sharing,
    domains,
    isolation_segments,
    jobs,
    listing,
    quotas,
    roles,
    route_sharing,
    routes,
    security_groups,
    space_quotas,
)
from chalicelib.services.brokering import teardown as services
from chalicelib.tables.apps import App
from chalicelib.tables.identity import Domain, Organization, Space
from chalicelib.tables.running import Route


@jobs.worker("delete-org")
def delete_org(world: World, work: dict[str, Any]) -> None:
    guid = work["guid"]
    _empty_org(world, guid)
    org = listing.find(Organization, guid)
    if org is not None:
        unit = world.unit()
        unit.remove(org)
        unit.release("orgs", str(org.name))
        unit.commit()
        _empty_org(world, guid)
    quotas.close(quotas.org_scope(guid))


def _empty_org(world: World, guid: str) -> None:
    for space in listing.all_of(Space, f"org/{guid}/spaces"):
        delete_space(world, {"guid": str(space.guid)})
    for domain in listing.all_of(Domain, f"org/{guid}/domains"):
        delete_domain(world, {"guid": str(domain.guid)})
    for domain in listing.all_of(Domain, f"{domains.SHARED_WITH}/{guid}/domains"):
        domain_sharing.forget(world, audit.SYSTEM, domain, guid)
    space_quotas.remove_all(world, guid)
    roles.remove_all(world, f"org/{guid}")
    roles.forget_counts(world, guid)
    isolation_segments.leave_all(world, guid)


@jobs.worker("delete-space")
def delete_space(world: World, work: dict[str, Any]) -> None:
    guid = work["guid"]
    _empty_space(world, guid)
    space = listing.find(Space, guid)
    if space is not None:
        unit = world.unit()
        unit.remove(space)
        if space.isolation_segment_guid:
            unit.leave(space, f"isolation_segment/{space.isolation_segment_guid}")
        unit.release(f"org/{space.org_guid}/spaces", str(space.name))
        unit.commit()
        _empty_space(world, guid)
    quotas.close(quotas.space_scope(guid))


def _empty_space(world: World, guid: str) -> None:
    for app in listing.all_of(App, f"space/{guid}/apps"):
        apps.remove(world, str(app.guid))
    services.empty_space(world, guid)
    for route in listing.all_of(Route, f"space/{guid}/routes"):
        routes.remove(world, route)
    for route in listing.all_of(Route, f"{routes.SHARED}/{guid}/routes"):
        route_sharing.forget(world, audit.SYSTEM, route, listing.get(Space, str(route.space_guid)), guid)
    security_groups.forget_space(world, guid)
    roles.remove_all(world, f"space/{guid}")


@jobs.worker("delete-domain")
def delete_domain(world: World, work: dict[str, Any]) -> None:
    guid = work["guid"]
    for route in listing.all_of(Route, f"domain/{guid}/routes"):
        routes.remove(world, route)
    domain = listing.find(Domain, guid)
    if domain is not None:
        unit = world.unit()
        unit.remove(domain)
        if domain.org_guid:
            quotas.charge(unit, str(domain.org_guid), None, Use(domains=-1))
        for org_guid in domain.shared_org_guids or ():
            unit.leave(domain, f"{domains.SHARED_WITH}/{org_guid}")
        unit.release("domains", str(domain.name))
        unit.commit()
