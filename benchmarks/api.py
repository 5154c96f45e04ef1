"""API get and list: p50 and p99 through the router, and how many DynamoDB calls each makes."""

from collections.abc import Callable

from benchmarks.report import ROUNDS, Figure, timed
from tests.support.platform import Platform, a_platform

#: A p99 needs many more samples than a median, the number of calls few.
SAMPLES, COUNTED = 20 * ROUNDS, 10

APPS = 50

EMBED = "embed=process_instances"


def run() -> list[Figure]:
    with a_platform(deas=1) as platform:
        space = platform.api("GET", "/v3/spaces").json()["resources"][0]["guid"]
        relationships = {"space": {"data": {"guid": space}}}
        guids = []
        for number in range(APPS):
            body = {"name": f"bench-{number}", "relationships": relationships}
            guids.append(platform.api("POST", "/v3/apps", json=body).json()["guid"])
        return [
            _measure(platform, "GET /v3/apps/{guid}", f"/v3/apps/{guids[0]}", 10),
            _measure(platform, "GET /v3/apps?names&space_guids", f"/v3/apps?names=bench-1&space_guids={space}"),
            _measure(platform, f"GET /v3/apps (page of 50 of {APPS})", "/v3/apps"),
            _measure(
                platform, "GET /v3/processes?embed=process_instances", f"/v3/processes?space_guids={space}&{EMBED}"
            ),
            _measure(platform, f"GET /v3/routes?app_guids of {APPS} apps", f"/v3/routes?app_guids={','.join(guids)}"),
            _measure(platform, "GET /v3/info (no database)", "/v3/info"),
        ]


def _measure(platform: Platform, name: str, path: str, aim: float | None = None) -> Figure:
    def get() -> None:
        platform.api("GET", path).raise_for_status()

    get()
    figure = Figure(name, "ms", [timed(get) * 1000 for _ in range(SAMPLES)], aim)
    figure.note = f"p99 {figure.percentile(0.99):.3g} ms, {_database_calls(platform, get):g} DynamoDB calls"
    return figure


def _database_calls(platform: Platform, get: Callable[[], None]) -> float:
    """Calls that one ``get`` makes, counted while all others who use the tables stand still."""
    aws = f"{platform.component('aws')['http']}/varz"

    def counted() -> int:
        calls = platform.http.get(aws).json()["calls"]
        return sum(count for name, count in calls.items() if name.startswith("dynamodb."))

    with platform.without("cc", "hm"):
        before = counted()
        for _ in range(COUNTED):
            get()
        return (counted() - before) / COUNTED
