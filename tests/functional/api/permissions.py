"""Who may ask which endpoint: one row for each. The roles' own permissions are core.roles'; this is what follows.

Of an outcome's letters each stands for a caller, in the order of CALLERS: ``.`` he may (whatever is said of the body),
1: 401, 2: 422 since he cannot see what the body names, 3: 403, 4: 404. Spaces are for the eye: those who see
everything, the organization's roles, the space's roles, and who has none or no token.
"""

from tests.functional.api.whole import NOBODY, ROLES, SCOPES, STRANGER

CALLERS = ("admin", *SCOPES, *ROLES, STRANGER, NOBODY)

#: Nothing is asked of the caller; /internal/drains and /internal/uploads/complete have proofs of their own.
EVERYBODY = "... .... .... .."
#: Lists, too: they hold what the caller may see.
WHOEVER_IS_LOGGED_IN = "... .... .... .1"
#: Of the organization, whatever their role.
MEMBERS = "... .... .... 41"
SEEN_IN_SPACE = "... .444 .... 41"
#: Routes and private domains are the organization's auditors' business, too.
SEEN_BY_AUDITORS = "... ..44 .... 41"
#: Events: not those of who only manages.
AUDITED = "... 4.44 4... 41"
#: What may hold secrets: read by developers, and by administrators who may only read.
SECRETS = "..3 3444 3.33 41"
#: The same, for whom Cloud Foundry says that there is none.
UNSEEN_SECRETS = "..4 4444 4.44 41"
#: By everybody who sees the space and does more than support it.
DOWNLOADED = "... .444 ...3 41"
#: Supporters, too: without what services say.
ENVIRONMENT = "..3 3444 3.3. 41"
CHANGED_IN_SPACE = ".33 3444 3.33 41"
#: The body says where: 422 where that cannot be seen.
MADE_IN_SPACE = ".33 3222 3.33 21"
#: Supporters start, stop, scale and route.
OPERATED = ".33 3444 3.3. 41"
#: The same of routes, which the organization's auditors see; developers alone give them away.
ROUTED = ".33 3344 3.3. 41"
MOVED = ".33 3344 3.33 41"
OPERATED_BY_BODY = ".33 3222 3.3. 21"
#: Who may not is told of what he names that there is none.
RUN_BY_BODY = ".22 2222 2.2. 21"
STEERED = ".44 4444 4.4. 41"
#: By the space's managers and the organization's.
SPACE_MANAGED = ".33 .444 .333 41"
ROLES_MADE = ".33 .222 .333 21"
#: What the organization's managers alone say of a space.
SPACE_MANAGED_BY_ORG = ".33 .444 3333 41"
ORG_MANAGED = ".33 .333 3333 41"
DOMAINS_MANAGED = ".33 .344 3333 41"
MADE_IN_ORG = ".33 .333 3333 21"
#: By whoever sees everything.
SEEN_BY_OPERATORS = "... 4444 4444 41"
#: By administrators; others see that it is there, or ask for a collection.
ADMINISTERED = ".33 3333 3333 31"
#: 403 for members, 404 for others.
ADMINISTERED_WHERE_SEEN = ".33 3333 3333 41"
ADMINISTERED_SEEN_IN_SPACE = ".33 3444 3333 41"
ADMINISTERED_UNSEEN = ".33 4444 4444 41"
#: The account asked about is the space auditor's.
ONES_OWN = ".33 3333 33.3 31"
#: The same; 401 is for the wrong old password.
ONES_OWN_PASSWORD = ".33 3333 3313 31"
#: Developers' apps may talk to each other when the flag of the scopes says so.
NETWORK = ".33 3333 3.33 31"
NEVER = "444 4444 4444 44"
#: By a client and a password, not by a token.
BY_CREDENTIALS = "111 1111 1111 11"
#: By a token or a secret in the body, which is wrong here.
BY_SECRET = "333 3333 3333 33"

RULES: dict[str, tuple[str, ...]] = {
    EVERYBODY: (
        "GET /",
        "GET /.well-known/openid-configuration",
        "POST /internal/drains",
        "POST /internal/uploads/complete",
        "GET /login",
        "GET /token_key",
        "GET /token_keys",
        "GET /v3",
        "GET /v3/info",
        "GET /v3/openapi.json",
        "GET /v3/service_offerings",
        "GET /v3/service_offerings/{guid}",
        "GET /v3/service_plans",
        "GET /v3/service_plans/{guid}",
    ),
    WHOEVER_IS_LOGGED_IN: (
        "GET /networking/v1/external/policies",
        "GET /oauth/authorize",
        "GET /routing/v1/router_groups",
        "GET /userinfo",
        "GET /v3/app_usage_events",
        "GET /v3/apps",
        "GET /v3/audit_events",
        "GET /v3/buildpacks",
        "GET /v3/buildpacks/{guid}",
        "GET /v3/builds",
        "GET /v3/deployments",
        "GET /v3/domains",
        "GET /v3/droplets",
        "GET /v3/environment_variable_groups/{guid}",
        "GET /v3/feature_flags",
        "GET /v3/feature_flags/{guid}",
        "GET /v3/isolation_segments",
        "GET /v3/jobs/{guid}",
        "GET /v3/organization_quotas",
        "GET /v3/organization_quotas/{guid}",
        "GET /v3/organizations",
        "GET /v3/packages",
        "GET /v3/processes",
        "POST /v3/resource_matches",
        "GET /v3/roles",
        "GET /v3/routes",
        "GET /v3/security_groups",
        "GET /v3/service_brokers",
        "GET /v3/service_credential_bindings",
        "GET /v3/service_instances",
        "GET /v3/service_instances/{guid}/permissions",
        "GET /v3/service_plans/{guid}/visibility",
        "GET /v3/service_route_bindings",
        "GET /v3/service_usage_events",
        "GET /v3/space_quotas",
        "GET /v3/spaces",
        "GET /v3/stacks",
        "GET /v3/stacks/{guid}",
        "GET /v3/stacks/{guid}/apps",
        "GET /v3/tasks",
        "GET /v3/users",
    ),
    MEMBERS: (
        "GET /v3/isolation_segments/{guid}",
        "GET /v3/isolation_segments/{guid}/organizations",
        "GET /v3/isolation_segments/{guid}/relationships/organizations",
        "GET /v3/isolation_segments/{guid}/relationships/spaces",
        "GET /v3/organizations/{guid}",
        "GET /v3/organizations/{guid}/domains",
        "GET /v3/organizations/{guid}/domains/default",
        "GET /v3/organizations/{guid}/relationships/default_isolation_segment",
        "GET /v3/organizations/{guid}/usage_summary",
        "GET /v3/organizations/{guid}/users",
        "GET /v3/users/{guid}",
    ),
    SEEN_IN_SPACE: (
        "GET /internal/log_access/{guid}",
        "GET /v3/apps/{guid}",
        "GET /v3/apps/{guid}/builds",
        "GET /v3/apps/{guid}/droplets",
        "GET /v3/apps/{guid}/droplets/current",
        "GET /v3/apps/{guid}/features",
        "GET /v3/apps/{guid}/features/{name}",
        "GET /v3/apps/{guid}/packages",
        "GET /v3/apps/{guid}/permissions",
        "GET /v3/apps/{guid}/processes",
        "GET /v3/apps/{guid}/processes/{type}",
        "GET /v3/apps/{guid}/processes/{type}/process_instances",
        "GET /v3/apps/{guid}/processes/{type}/stats",
        "GET /v3/apps/{guid}/relationships/current_droplet",
        "GET /v3/apps/{guid}/revisions",
        "GET /v3/apps/{guid}/revisions/deployed",
        "GET /v3/apps/{guid}/routes",
        "GET /v3/apps/{guid}/sidecars",
        "GET /v3/apps/{guid}/ssh_enabled",
        "GET /v3/apps/{guid}/tasks",
        "GET /v3/builds/{guid}",
        "GET /v3/deployments/{guid}",
        "GET /v3/droplets/{guid}",
        "GET /v3/packages/{guid}",
        "GET /v3/packages/{guid}/droplets",
        "GET /v3/processes/{guid}",
        "GET /v3/processes/{guid}/process_instances",
        "GET /v3/processes/{guid}/sidecars",
        "GET /v3/processes/{guid}/stats",
        "GET /v3/revisions/{guid}",
        "GET /v3/roles/{guid}",
        "GET /v3/security_groups/{guid}",
        "GET /v3/service_credential_bindings/{guid}",
        "GET /v3/service_instances/{guid}",
        "GET /v3/service_instances/{guid}/parameters",
        "GET /v3/service_instances/{guid}/relationships/shared_spaces",
        "GET /v3/service_instances/{guid}/relationships/shared_spaces/usage_summary",
        "GET /v3/service_route_bindings/{guid}",
        "GET /v3/sidecars/{guid}",
        "GET /v3/space_quotas/{guid}",
        "GET /v3/spaces/{guid}",
        "GET /v3/spaces/{guid}/features",
        "GET /v3/spaces/{guid}/features/{name}",
        "GET /v3/spaces/{guid}/relationships/isolation_segment",
        "GET /v3/spaces/{guid}/running_security_groups",
        "GET /v3/spaces/{guid}/staging_security_groups",
        "GET /v3/spaces/{guid}/usage_summary",
        "GET /v3/spaces/{guid}/users",
        "GET /v3/tasks/{guid}",
    ),
    SEEN_BY_AUDITORS: (
        "GET /v3/domains/{guid}",
        "GET /v3/domains/{guid}/relationships/shared_organizations",
        "GET /v3/domains/{guid}/route_reservations",
        "GET /v3/routes/{guid}",
        "GET /v3/routes/{guid}/destinations",
        "GET /v3/routes/{guid}/relationships/shared_spaces",
    ),
    AUDITED: ("GET /v3/audit_events/{guid}",),
    UNSEEN_SECRETS: ("GET /v3/service_credential_bindings/{guid}/details",),
    DOWNLOADED: ("GET /v3/droplets/{guid}/download",),
    SECRETS: (
        "GET /v3/apps/{guid}/manifest",
        "GET /v3/packages/{guid}/download",
        "GET /v3/revisions/{guid}/environment_variables",
        "GET /v3/service_instances/{guid}/credentials",
        "GET /v3/service_route_bindings/{guid}/parameters",
    ),
    ENVIRONMENT: (
        "GET /v3/apps/{guid}/env",
        "GET /v3/apps/{guid}/environment_variables",
        "GET /v3/service_credential_bindings/{guid}/parameters",
    ),
    CHANGED_IN_SPACE: (
        "POST /internal/uploads",
        "DELETE,PATCH /v3/apps/{guid}",
        "PATCH /v3/apps/{guid}/features/{name}",
        "POST /v3/apps/{guid}/sidecars",
        "POST /v3/apps/{guid}/tasks",
        "PATCH /v3/builds/{guid}",
        "PATCH /v3/deployments/{guid}",
        "DELETE,PATCH /v3/droplets/{guid}",
        "DELETE,PATCH /v3/packages/{guid}",
        "PATCH /v3/revisions/{guid}",
        "PATCH /v3/service_credential_bindings/{guid}",
        "DELETE,PATCH /v3/service_instances/{guid}",
        "POST /v3/service_instances/{guid}/relationships/shared_spaces",
        "DELETE /v3/service_instances/{guid}/relationships/shared_spaces/{space_guid}",
        "PATCH /v3/service_route_bindings/{guid}",
        "DELETE,PATCH /v3/sidecars/{guid}",
        "POST /v3/spaces/{guid}/actions/apply_manifest",
        "POST /v3/spaces/{guid}/manifest_diff",
        "PATCH /v3/tasks/{guid}",
    ),
    MADE_IN_SPACE: (
        "POST /v3/apps",
        "POST /v3/droplets",
        "POST /v3/packages",
        "POST /v3/service_brokers",
        "POST /v3/service_credential_bindings",
        "POST /v3/service_instances",
    ),
    OPERATED: (
        "POST /v3/apps/{guid}/actions/clear_buildpack_cache",
        "PATCH /v3/apps/{guid}/environment_variables",
        "PATCH /v3/apps/{guid}/processes/{type}",
        "PATCH /v3/apps/{guid}/relationships/current_droplet",
        "PATCH /v3/processes/{guid}",
        "DELETE /v3/service_route_bindings/{guid}",
        "POST /v3/apps/{guid}/actions/restart",
        "POST /v3/apps/{guid}/actions/start",
        "POST /v3/apps/{guid}/actions/stop",
        "POST /v3/apps/{guid}/processes/{type}/actions/scale",
        "DELETE /v3/apps/{guid}/processes/{type}/instances/{index}",
        "POST /v3/processes/{guid}/actions/scale",
        "DELETE /v3/processes/{guid}/instances/{index}",
        "DELETE /v3/service_credential_bindings/{guid}",
        "DELETE /v3/spaces/{guid}/routes",
        "POST /v3/tasks/{guid}/actions/cancel",
        "PUT /v3/tasks/{guid}/cancel",
    ),
    ROUTED: (
        "DELETE,PATCH /v3/routes/{guid}",
        "PATCH,POST /v3/routes/{guid}/destinations",
        "DELETE,PATCH /v3/routes/{guid}/destinations/{destination_guid}",
        "POST /v3/routes/{guid}/relationships/shared_spaces",
        "DELETE /v3/routes/{guid}/relationships/shared_spaces/{space_guid}",
    ),
    MOVED: ("PATCH /v3/routes/{guid}/relationships/space",),
    OPERATED_BY_BODY: (
        "POST /v3/routes",
        "POST /v3/service_route_bindings",
    ),
    RUN_BY_BODY: (
        "POST /v3/builds",
        "POST /v3/deployments",
    ),
    STEERED: (
        "POST /v3/deployments/{guid}/actions/cancel",
        "POST /v3/deployments/{guid}/actions/continue",
    ),
    SPACE_MANAGED: (
        "DELETE /v3/roles/{guid}",
        "POST /v3/security_groups/{guid}/relationships/running_spaces",
        "DELETE /v3/security_groups/{guid}/relationships/running_spaces/{space_guid}",
        "POST /v3/security_groups/{guid}/relationships/staging_spaces",
        "DELETE /v3/security_groups/{guid}/relationships/staging_spaces/{space_guid}",
        "PATCH /v3/spaces/{guid}",
        "PATCH /v3/spaces/{guid}/features/{name}",
    ),
    ROLES_MADE: ("POST /v3/roles",),
    SPACE_MANAGED_BY_ORG: (
        "DELETE,PATCH /v3/space_quotas/{guid}",
        "POST /v3/space_quotas/{guid}/relationships/spaces",
        "DELETE /v3/space_quotas/{guid}/relationships/spaces/{space_guid}",
        "DELETE /v3/spaces/{guid}",
        "PATCH /v3/spaces/{guid}/relationships/isolation_segment",
    ),
    DOMAINS_MANAGED: (
        "DELETE,PATCH /v3/domains/{guid}",
        "POST /v3/domains/{guid}/relationships/shared_organizations",
        "DELETE /v3/domains/{guid}/relationships/shared_organizations/{org_guid}",
    ),
    ORG_MANAGED: (
        "PATCH /v3/organizations/{guid}",
        "PATCH /v3/organizations/{guid}/relationships/default_isolation_segment",
    ),
    MADE_IN_ORG: (
        "POST /v3/domains",
        "POST /v3/space_quotas",
        "POST /v3/spaces",
    ),
    SEEN_BY_OPERATORS: (
        "GET /v3/app_usage_events/{guid}",
        "GET /v3/service_brokers/{guid}",
        "GET /v3/service_usage_events/{guid}",
    ),
    ADMINISTERED: (
        "GET /admin/components",
        "POST /admin/components/actions/discover",
        "GET /admin/dead_letters",
        "POST /admin/dead_letters/actions/drop",
        "POST /admin/dead_letters/actions/replay",
        "GET /admin/hosts",
        "POST /admin/hosts/{guid}/actions/cordon",
        "POST /admin/hosts/{guid}/actions/drain",
        "POST /admin/hosts/{guid}/actions/uncordon",
        "GET,POST /admin/joined_hosts",
        "POST /admin/joined_hosts/{guid}/actions/revoke",
        "GET /Groups",
        "GET /Groups/{guid}",
        "GET,POST /Groups/{guid}/members",
        "DELETE /Groups/{guid}/members/{user_guid}",
        "GET,POST /Users",
        "DELETE,PATCH,PUT /Users/{guid}",
        "POST /check_token",
        "POST /admin/keys/actions/rotate",
        "POST /introspect",
        "GET,POST /oauth/clients",
        "DELETE,GET,PUT /oauth/clients/{guid}",
        "PUT /oauth/clients/{guid}/secret",
        "DELETE /oauth/token/revoke/{guid}",
        "POST /v3/app_usage_events/actions/destructively_purge_all_and_reseed",
        "POST /v3/buildpacks",
        "DELETE,PATCH /v3/buildpacks/{guid}",
        "PATCH /v3/environment_variable_groups/{guid}",
        "PATCH /v3/feature_flags/{guid}",
        "POST /v3/isolation_segments",
        "DELETE,PATCH /v3/isolation_segments/{guid}",
        "POST /v3/isolation_segments/{guid}/relationships/organizations",
        "DELETE /v3/isolation_segments/{guid}/relationships/organizations/{org_guid}",
        "POST /v3/organization_quotas",
        "DELETE,PATCH /v3/organization_quotas/{guid}",
        "POST /v3/organization_quotas/{guid}/relationships/organizations",
        "POST /v3/organizations",
        "POST /v3/security_groups",
        "DELETE,PATCH /v3/service_offerings/{guid}",
        "DELETE,PATCH /v3/service_plans/{guid}",
        "PATCH,POST /v3/service_plans/{guid}/visibility",
        "DELETE /v3/service_plans/{guid}/visibility/{org_guid}",
        "POST /v3/service_usage_events/actions/destructively_purge_all_and_reseed",
        "POST /v3/stacks",
        "DELETE,PATCH /v3/stacks/{guid}",
        "POST /v3/users",
    ),
    ADMINISTERED_WHERE_SEEN: (
        "DELETE /v3/organizations/{guid}",
        "DELETE,PATCH /v3/users/{guid}",
    ),
    ADMINISTERED_SEEN_IN_SPACE: ("DELETE,PATCH /v3/security_groups/{guid}",),
    ADMINISTERED_UNSEEN: ("DELETE,PATCH /v3/service_brokers/{guid}",),
    ONES_OWN: (
        "GET /Users/{guid}",
        "DELETE /oauth/token/revoke/user/{guid}",
    ),
    ONES_OWN_PASSWORD: ("PUT /Users/{guid}/password",),
    NETWORK: (
        "POST /networking/v1/external/policies",
        "POST /networking/v1/external/policies/delete",
    ),
    NEVER: ("GET /passcode",),
    BY_CREDENTIALS: ("POST /oauth/token",),
    BY_SECRET: ("POST /hosts/credentials", "POST /hosts/join"),
}

#: ``GET /v3/apps`` -> what each caller is told.
EXPECTED = {
    f"{method} {path}": dict(zip(CALLERS, outcome.replace(" ", ""), strict=True))
    for outcome, rows in RULES.items()
    for methods, _, path in (row.partition(" ") for row in rows)
    for method in methods.split(",")
}
