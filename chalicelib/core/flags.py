"""Feature flags: which there are, how they stand until somebody changes them, and who is not bound by them."""

from collections.abc import Mapping
from typing import Any

#: name -> whether it is on by default: Cloud Foundry's own.
DEFAULTS = {
    "app_bits_upload": True,
    "app_scaling": True,
    "diego_cnb": False,
    "diego_docker": False,
    "env_var_visibility": True,
    "hash_based_routing": False,
    "hide_marketplace_from_unauthenticated_users": False,
    "private_domain_creation": True,
    "resource_matching": True,
    "route_creation": True,
    "route_sharing": False,
    "service_instance_creation": True,
    "service_instance_sharing": False,
    "set_roles_by_username": True,
    "space_developer_env_var_visibility": True,
    "space_scoped_private_broker_creation": True,
    "task_creation": True,
    "unset_roles_by_username": True,
    "user_org_creation": False,
}

#: Those that say what the platform can do at all: they bind administrators, too.
BINDING = frozenset(
    {
        "diego_cnb",
        "diego_docker",
        "env_var_visibility",
        "hash_based_routing",
        "hide_marketplace_from_unauthenticated_users",
        "resource_matching",
        "route_sharing",
        "service_instance_sharing",
    }
)


def is_on(changed: Mapping[str, Any], name: str) -> bool:
    """``changed``: flag -> {"enabled": bool, ...}, of those that are not as by default. Raises KeyError."""
    default = DEFAULTS[name]
    return bool(changed[name]["enabled"]) if name in changed else default


def is_free(name: str, is_admin: bool, is_admin_read_only: bool) -> bool:
    """Whether the flag does not bind this caller, however it stands."""
    if name == "space_developer_env_var_visibility" and is_admin_read_only:
        return True
    return is_admin and name not in BINDING
