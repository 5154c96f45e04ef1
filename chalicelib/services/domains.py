"""Domains: shared by everybody, or private to an organization."""

from collections.abc import Iterable, Sequence

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.hostnames import SYSTEM_HOSTS, ancestors
from chalicelib.core.quotas import Use
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import access, audit, flags, jobs, listing, quotas
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Domain, Organization
from chalicelib.tables.ledger import Job

#: Lists of the domains that other organizations share with this one.
SHARED_WITH = "shared-with"

#: Of one domain: all of them are in its row, and in the transaction that makes it.
MAX_SHARED = 50

#: Roles in an organization that see its domains; roles in spaces do, too.
ORG_READERS = frozenset({"organization_manager", "organization_auditor"})

#: Scope of the items that say which space has a host, and count its routes.
HOSTS = "route-hosts"


def make_shared(world: World, actor: Actor, name: str, trace: str = "") -> Domain:
    """A domain for all organizations. Unlike :func:`create` it takes a name without a dot (``localhost``)."""
    return _save(world, actor, Domain(name=name.lower()), trace)


def create(world: World, actor: Actor, domain: Domain, shared_with: Sequence[str] = (), trace: str = "") -> Domain:
    """``domain``: a draft with a valid name; shared_with: guids of organizations. Raises Unprocessable, NotAuthorized,
    FeatureDisabled."""
    if domain.org_guid:
        org = listing.find(Organization, str(domain.org_guid))
        if org is None or not actor.may_in_org(READ, str(org.guid)):
            raise no_such_org(str(domain.org_guid))
        if not actor.may_in_org(MANAGE, str(org.guid)):
            raise NotAuthorized
        access.require_active(actor, str(org.guid))
        flags.require(actor, "private_domain_creation")
        domain.shared_org_guids = shareable(actor, domain, shared_with)
    else:
        access.require_admin(actor)
    _check_relatives(world, domain)
    return _save(world, actor, domain, trace)


def shareable(actor: Actor, domain: Domain, guids: Iterable[str]) -> list[str]:
    """The guids, each once. Raises Unprocessable unless the actor manages every one of these organizations."""
    asked = list(dict.fromkeys(guids))
    found = {str(org.guid): org for org in listing.load(Organization, asked)}
    for guid in asked:
        org = found.get(guid)
        if org is None:
            raise Unprocessable(f"Organization with guid '{guid}' does not exist, or you do not have access to it.")
        if not actor.may_in_org(READ, guid):
            raise Unprocessable(
                f"Organization with guid '{guid}' either does not exist, or you do not have access to it."
            )
        if not actor.may_in_org(MANAGE, guid):
            raise Unprocessable(
                f"You do not have sufficient permissions for organization '{org.name}' to share domain."
            )
    if domain.org_guid in asked:
        raise Unprocessable("Domain cannot be shared with owning organization.")
    if len({*asked, *(domain.shared_org_guids or ())}) > MAX_SHARED:
        raise Unprocessable(f"A domain can be shared with at most {MAX_SHARED} organizations.")
    return asked


def no_such_org(guid: str) -> Unprocessable:
    return Unprocessable(f"Organization with guid '{guid}' does not exist or you do not have access to it.")


def _check_relatives(world: World, domain: Domain) -> None:
    """Nobody gets a domain below another organization's, on a host that has routes, or on one of the platform; and no
    organization one above what is not its own, where a wildcard would answer for hosts that have no route just now.
    """
    name = str(domain.name)
    refused = f'The domain name "{name}" cannot be created because "{{}}" is already reserved by another domain'
    if name in world.config.api_hosts or name in {f"{host}.{world.config.domain}" for host in SYSTEM_HOSTS}:
        raise Unprocessable(refused.format(name))
    if listing.by_name("routes", name) or _has_routes(name):
        raise Unprocessable(f'The domain name "{name}" cannot be created because it is already reserved by a route')
    for ancestor in ancestors(name):
        above = by_name(ancestor)
        if above is not None and above.org_guid and above.org_guid != domain.org_guid:
            raise Unprocessable(refused.format(ancestor))
    if domain.org_guid:
        own = {member.guid for member in listing.members([f"org/{domain.org_guid}/domains"])}
        for member in listing.members(["domains"]):
            if str(member.name).endswith(f".{name}") and member.guid not in own:
                raise Unprocessable(refused.format(name))


def _has_routes(host: str) -> bool:
    """Whether some space holds the host, be it by routes with a path alone."""
    try:
        return int(Name.get(HOSTS, host, consistent_read=True).uses or 0) > 0
    except Name.DoesNotExist:
        return False


def _save(world: World, actor: Actor, domain: Domain, trace: str) -> Domain:
    domain.guid = new_guid()
    unit = world.unit(trace)
    unit.create(domain)
    if domain.org_guid:
        quotas.charge(unit, str(domain.org_guid), None, Use(domains=1))
    for org_guid in (domain.org_guid, *(domain.shared_org_guids or ())):
        if org_guid:
            unit.require(Organization, str(org_guid), no_such_org(str(org_guid)))
    for org_guid in domain.shared_org_guids or ():
        unit.join(domain, f"{SHARED_WITH}/{org_guid}")
    taken = NameTaken(f'The domain name "{domain.name}" is already in use')
    unit.claim("domains", str(domain.name), str(domain.guid), taken)
    audit.record(unit, actor, "audit.domain.create", domain, org_guid=str(domain.org_guid or "") or None)
    unit.commit()
    return domain


def update(world: World, domain: Domain, trace: str = "") -> Domain:
    """Save the metadata that the caller merged into ``domain``."""
    unit = world.unit(trace)
    unit.put(domain)
    unit.commit()
    return domain


def delete(world: World, actor: Actor, domain: Domain, trace: str = "") -> Job:
    """Its routes go too, as a job. Raises Unprocessable while it is shared."""
    if domain.shared_org_guids:
        raise Unprocessable("This domain is shared with other organizations. Unshare before deleting.")
    unit = world.unit(trace)
    job = jobs.start(unit, "domain.delete", "delete-domain", domain, guid=str(domain.guid))
    audit.record(unit, actor, "audit.domain.delete-request", domain, org_guid=str(domain.org_guid or "") or None)
    unit.commit()
    return job


def by_name(name: str) -> Domain | None:
    guid = listing.by_name("domains", name)
    return listing.find(Domain, guid) if guid else None


def find_visible(actor: Actor, guid: str, manage: bool = False) -> Domain:
    """Raises NotFound("Domain"), NotAuthorized when it is not the actor's to change."""
    domain = listing.find(Domain, guid)
    if domain is None or not may_see(actor, domain):
        raise NotFound("Domain")
    if manage and not (actor.is_admin or (domain.org_guid and actor.may_in_org(MANAGE, str(domain.org_guid)))):
        raise NotAuthorized
    if manage and domain.org_guid:
        access.require_active(actor, str(domain.org_guid))
    return domain


def may_see(actor: Actor, domain: Domain) -> bool:
    return not domain.org_guid or actor.sees_all or any(usable_in(domain, guid) for guid in _readable_orgs(actor))


def usable_in(domain: Domain, org_guid: str) -> bool:
    """Whether routes of the organization may be on it."""
    return not domain.org_guid or domain.org_guid == org_guid or org_guid in (domain.shared_org_guids or ())


def visible_lists(actor: Actor) -> list[str]:
    """Membership lists of what the actor may see."""
    if actor.sees_all:
        return ["domains"]
    return ["shared/domains", *(name for guid in _readable_orgs(actor) for name in lists_of(guid))]


def _readable_orgs(actor: Actor) -> list[str]:
    """Organizations whose domains the actor sees: not where he does no more than pay, or is no more than a member."""
    return sorted(guid for guid, roles in actor.orgs.items() if actor.spaces or roles & ORG_READERS)


def lists_of(org_guid: str) -> list[str]:
    """Of an organization's own domains, and of those that others share with it."""
    return [f"org/{org_guid}/domains", f"{SHARED_WITH}/{org_guid}/domains"]


def default(org_guid: str) -> Domain | None:
    """Where the organization's apps get their default route: the first shared domain that is not internal, else the
    organization's first."""
    candidates = [*listing.all_of(Domain, "shared/domains"), *listing.all_of(Domain, f"org/{org_guid}/domains")]
    return next((domain for domain in candidates if not domain.internal), None)


def split(host: str) -> tuple[str, Domain] | None:
    """``shop.apps.example`` into ``shop`` and the domain ``apps.example``; the host is empty for a domain itself.

    None when no domain fits: a route's host has no dots.
    """
    whole = by_name(host)
    if whole is not None:
        return "", whole
    first, _, rest = host.partition(".")
    domain = by_name(rest) if rest else None
    return (first, domain) if domain is not None else None
