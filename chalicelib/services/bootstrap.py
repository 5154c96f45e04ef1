"""The first steps of a new cloud: an administrator, the ``cf`` client, a quota, a stack, the built-in buildpacks, an
organization, a space, a domain.

May be repeated, also after it was killed in the middle: what is there stays as it is, passwords included.
"""

from chalicelib.bootstrap import World
from chalicelib.core.roles import Actor
from chalicelib.services import (
    buildpacks,
    clients,
    domains,
    groups,
    listing,
    organization_quotas,
    organizations,
    stacks,
    uaa,
    users,
)
from chalicelib.tables.identity import Client, Organization, Space

ADMIN = "admin"


def bootstrap(world: World, admin_password: str, domain: str, org: str, space: str) -> None:
    """``domain``: the shared one of all apps; it may be ``localhost``. The password is kept as a hash only."""
    cf = Client("cf", scopes=sorted(groups.GROUPS), grants=[uaa.PASSWORD, uaa.REFRESH])
    clients.put(world, cf)
    if users.by_username(ADMIN) is None:
        users.create_user(world, ADMIN, admin_password, users.ADMIN_SCOPES)
    organization_quotas.make_default(world)
    stacks.make_default(world)
    admin = Actor("bootstrap", "bootstrap", frozenset({"cloud_controller.admin"}))
    buildpacks.install_builtin(world, admin, stacks.DEFAULT)
    org_guid = listing.by_name("orgs", org)
    if org_guid is None:
        org_guid = str(organizations.create_org(world, admin, Organization(name=org)).guid)
    if listing.by_name(f"org/{org_guid}/spaces", space) is None:
        organizations.create_space(world, admin, Space(name=space, org_guid=org_guid))
    if listing.by_name("domains", domain) is None:
        domains.make_shared(world, admin, domain)
