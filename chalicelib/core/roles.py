"""Who may do what: one table of permissions by role. Pure; the services ask it with what they have read.

A role reaches an organization, or a space; organization roles reach the organization's spaces for reading as
Cloud Foundry has it (managers see all spaces of their organization, auditors and billing managers do not see apps).
"""

from dataclasses import field

from chalicelib.contracts.frozen import frozen

READ, READ_SECRETS, WRITE, OPERATE, MANAGE = "read", "read-secrets", "write", "operate", "manage"
#: Parts of reading that Cloud Foundry gives to some of the roles only: an app's variables (without what services say),
#: droplets as files, what happened, and routes, which more roles see than the space that they are in.
READ_VARIABLES, DOWNLOAD, READ_EVENTS, READ_ROUTES = "read-variables", "download", "read-events", "read-routes"
#: What changes something, and so rests while an organization is suspended.
CHANGES = frozenset({WRITE, OPERATE, MANAGE})

#: What everybody may who sees a space.
SEEING = frozenset({READ, READ_ROUTES})

#: What a role in the space itself allows there. operate: start, stop, scale, routes. manage: its roles and name.
SPACE_ROLES: dict[str, frozenset[str]] = {
    "space_developer": SEEING | {READ_SECRETS, READ_VARIABLES, READ_EVENTS, DOWNLOAD, WRITE, OPERATE},
    "space_supporter": SEEING | {READ_VARIABLES, READ_EVENTS, OPERATE},
    "space_manager": SEEING | {DOWNLOAD, MANAGE},
    "space_auditor": SEEING | {READ_EVENTS, DOWNLOAD},
}

#: What a role in the organization allows in its spaces.
ORG_ROLES_IN_SPACES: dict[str, frozenset[str]] = {
    "organization_manager": SEEING | {DOWNLOAD, MANAGE},
    "organization_auditor": frozenset({READ_EVENTS, READ_ROUTES}),
}

#: What a role in the organization allows on the organization itself.
ORG_ROLES: dict[str, frozenset[str]] = {
    "organization_manager": frozenset({READ, MANAGE}),
    "organization_auditor": frozenset({READ}),
    "organization_billing_manager": frozenset({READ}),
    "organization_user": frozenset({READ}),
}

ROLE_TYPES = frozenset(SPACE_ROLES) | frozenset(ORG_ROLES)

#: What a scope allows everywhere.
LOOKING = SEEING | {READ_EVENTS, DOWNLOAD}
ALL = LOOKING | {READ_SECRETS, READ_VARIABLES, WRITE, OPERATE, MANAGE}


@frozen
class Actor:
    """Who asks. orgs, spaces: guid -> role types there, of the user's own roles."""

    guid: str
    name: str
    scopes: frozenset[str] = frozenset()
    orgs: dict[str, frozenset[str]] = field(default_factory=dict)
    spaces: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_admin(self) -> bool:
        return "cloud_controller.admin" in self.scopes

    @property
    def sees_all(self) -> bool:
        return self.is_admin or bool(
            self.scopes & {"cloud_controller.admin_read_only", "cloud_controller.global_auditor"}
        )

    def may_in_org(self, permission: str, org_guid: str) -> bool:
        granted = frozenset[str]().union(*(ORG_ROLES[role] for role in self.orgs.get(org_guid, ())))
        return permission in granted | self._everywhere()

    def may_in_space(self, permission: str, space_guid: str, org_guid: str) -> bool:
        granted = frozenset[str]().union(
            *(SPACE_ROLES[role] for role in self.spaces.get(space_guid, ())),
            *(ORG_ROLES_IN_SPACES.get(role, ()) for role in self.orgs.get(org_guid, ())),
        )
        return permission in granted | self._everywhere()

    def _everywhere(self) -> frozenset[str]:
        if self.is_admin:
            return ALL
        if "cloud_controller.admin_read_only" in self.scopes:
            return LOOKING | {READ_SECRETS, READ_VARIABLES}
        return LOOKING if self.sees_all else frozenset()
