"""Signs what lets DEAs speak to routers (contracts.grants): who may serve which routes, who may post whose logs."""

from collections.abc import Sequence

from chalicelib.bootstrap import World
from chalicelib.contracts.grants import ISSUER, LOG, ROUTE


def route_grant(world: World, instance_guid: str, app_guid: str, routes: Sequence[str], routes_version: int) -> str:
    """The instance may be registered for these routes, and for no others."""
    return world.keys.sign(
        {
            "typ": ROUTE,
            "sub": instance_guid,
            "app": app_guid,
            "routes": list(routes),
            "rv": routes_version,
            "iss": ISSUER,
        }
    )


def log_grant(world: World, app_guid: str) -> str:
    """Its holder may post log envelopes of this app."""
    return world.keys.sign({"typ": LOG, "sub": app_guid, "iss": ISSUER})
