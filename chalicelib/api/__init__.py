"""The CloudController's HTTP API: one module per resource."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.api.base import Endpoints

#: Modules of this package; each has ``endpoints``.
MODULES = (
    "apps",
    "audit_events",
    "builds",
    "destinations",
    "domains",
    "droplets",
    "environment",
    "internal",
    "jobs",
    "manifests",
    "organizations",
    "packages",
    "processes",
    "resource_matches",
    "roles",
    "root",
    "routes",
    "scim",
    "spaces",
    "uaa",
    "uploads",
    "users",
)


def all_endpoints() -> list["Endpoints"]:
    """Of every resource, for app.py to register."""
    return [import_module(f"{__name__}.{module}").endpoints for module in MODULES]
