"""API get and list: p50 and p99 through the router, and how many DynamoDB calls each makes."""

from benchmarks.report import Figure, timed
from tests.support.platform import Platform, a_platform

ROUNDS = 200
APPS = 50


def run() -> list[Figure]:
    with a_platform(deas=1) as platform:
        space = platform.api("GET", "/v3/spaces").json()["resources"][0]["guid"]
        relationships = {"space": {"data": {"guid": space}}}
        for number in range(APPS):
            body = {"name": f"bench-{number}", "relationships": relationships}
            guid = platform.api("POST", "/v3/apps", json=body).json()["guid"]
        return [
            _measure(platform, "GET /v3/apps/{guid}", f"/v3/apps/{guid}", 10),
            _measure(platform, "GET /v3/apps?names&space_guids", f"/v3/apps?names=bench-1&space_guids={space}"),
            _measure(platform, f"GET /v3/apps (page of 50 of {APPS})", "/v3/apps"),
            _measure(platform, "GET /v3/info (no database)", "/v3/info"),
        ]


def _measure(platform: Platform, name: str, path: str, aim: float | None = None) -> Figure:
    platform.api("GET", path)
    before = _database_calls(platform)
    samples = [timed(lambda: platform.api("GET", path).raise_for_status()) * 1000 for _ in range(ROUNDS)]
    calls = (_database_calls(platform) - before) / ROUNDS
    figure = Figure(name, "ms", samples, aim)
    figure.note = f"p99 {figure.percentile(0.99):.3g} ms, about {calls:.1f} DynamoDB calls"
    return figure


def _database_calls(platform: Platform) -> int:
    """All parts' calls: sweeps and heartbeats make a few more beside the request's own."""
    return int(platform.varz("cc-api")["dynamodb_calls"])
