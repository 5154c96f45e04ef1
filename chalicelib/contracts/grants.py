"""Shapes of the JWTs (RS256, CC's key) by which CC lets DEAs speak to routers. Signing is CC's, checking the router's.

Route grant: ``{"typ":"route","sub":instance_guid,"app":app_guid,"routes":[...],"rv":routes_version,"iss":"zf"}``,
and for routes that ask for more ``"rules": {route: {"weight", "group", "protocol", "balance"}}`` (core.routing.rule).
Log grant: ``{"typ":"log","sub":app_guid,"iss":"zf"}``: its holder may post envelopes of that source.
Neither expires: an instance may outlive any time that CC is away, and both name the only thing they are good for.
"""

ISSUER = "zf"
ROUTE, LOG = "route", "log"


def log_claims(app_guid: str) -> dict[str, str]:
    """What CC signs for who may post log envelopes of this app."""
    return {"typ": LOG, "sub": app_guid, "iss": ISSUER}
