"""The CloudController's HTTP API: one module per resource."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.api.base import Endpoints

#: Modules of this package; each has ``endpoints``.
MODULES = (
    "admin",
    "apps",
    "audit_events",
    "buildpacks",
    "builds",
    "deployments",
    "destinations",
    "domains",
    "droplets",
    "environment",
    "environment_variable_groups",
    "feature_flags",
    "features",
    "internal",
    "isolation_segments",
    "jobs",
    "joined_hosts",
    "manifests",
    "network_policies",
    "openapi",
    "organization_quotas",
    "organizations",
    "packages",
    "processes",
    "resource_matches",
    "revisions",
    "roles",
    "root",
    "route_sharing",
    "router_groups",
    "routes",
    "scim",
    "security_groups",
    "service_brokers",
    "service_credential_bindings",
    "service_instances",
    "service_offerings",
    "service_plans",
    "service_route_bindings",
    "service_sharing",
    "sidecars",
    "space_quotas",
    "spaces",
    "stacks",
    "tasks",
    "tokens",
    "uaa",
    "uaa_clients",
    "uaa_groups",
    "uploads",
    "usage_events",
    "users",
    "version_two",
)


def all_endpoints() -> list["Endpoints"]:
    """Of every resource, for app.py to register."""
    return [import_module(f"{__name__}.{module}").endpoints for module in MODULES]
