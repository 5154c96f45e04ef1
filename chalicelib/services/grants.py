"""Signs what lets DEAs speak to routers (contracts.grants): who may serve which routes, who may post whose logs."""

from chalicelib.bootstrap import World
from chalicelib.contracts.grants import ISSUER, ROUTE, log_claims
from chalicelib.tables.running import Process


def route_grant(world: World, instance_guid: str, process: Process) -> str:
    """The instance may be registered for its process's routes as they are now, and for no others."""
    claims = {
        "typ": ROUTE,
        "sub": instance_guid,
        "app": str(process.app_guid),
        "routes": list(process.routes or ()),
        "rv": int(process.routes_version),
        "iss": ISSUER,
    }
    return world.keys.sign(claims | ({"rules": dict(process.route_rules)} if process.route_rules else {}))


def log_grant(world: World, app_guid: str) -> str:
    """Its holder may post log envelopes of this app."""
    return world.keys.sign(log_claims(app_guid))
