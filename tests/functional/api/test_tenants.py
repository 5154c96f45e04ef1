"""What a tenant reads, with every filter that there is, is his own: other tenants' rows are not even looked at."""

from collections import Counter
from typing import Any

from chalicelib.tables.apps import Buildpack
from chalicelib.tables.connection import shared
from chalicelib.tables.identity import Domain
from chalicelib.tables.stacks import Stack
from infra.openapi.document import document, endpoints
from tests.functional.api import tenants
from tests.functional.api.whole import NOBODY, Whole

#: How many tenants there are besides, at last.
MANY = 12
#: DynamoDB calls of one request, whatever its filters.
MOST_CALLS = 10

QUOTAS = "an operator's, and shown to everybody, as Cloud Foundry does"
GROUPS = "administrators make them for the platform; each has its spaces in its row"
#: Lists that are global by nature, and why. Their rows are counted in hundreds, not in tenants.
GLOBAL = {
    "/v3/organization_quotas": QUOTAS,
    "/v3/security_groups": GROUPS,
    "/v3/spaces/{guid}/running_security_groups": GROUPS,
    "/v3/spaces/{guid}/staging_security_groups": GROUPS,
}

#: What belongs to no tenant, of which administrators therefore see everybody's.
OF_ALL = ("/v3/stacks/{guid}/apps",)

#: What all lists understand by the same code, and of candidates that are read anyway.
COMMON = ("page", "per_page", "order_by", "created_ats", "updated_ats", "guids", "label_selector", "include")
#: What filters that are no guids are asked for, where any text will not do.
VALUES = {"available": "true", "default": "true", "deployable": "true", "embed": "process_instances", "type": "app"}

#: DynamoDB's calls of a request by name, and the items that it looked at for them.
Cost = tuple[Counter[str], Counter[str]]


def spent(whole: Whole, caller: str, path: str) -> tuple[int, Cost]:
    """The answer's status, and what it cost."""
    calls: Counter[str] = Counter()
    items: Counter[str] = Counter()

    def called(parsed: dict[str, Any], model: Any, **_: object) -> None:
        calls[model.name] += 1
        items[model.name] += parsed.get("ScannedCount", 0)
        if model.name == "BatchGetItem":
            items[model.name] += sum(map(len, parsed["Responses"].values()))

    events = shared().client.meta.events
    events.register("after-call.dynamodb", called)
    try:
        status = whole.callers[caller].get(path).status
    finally:
        events.unregister("after-call.dynamodb", called)
    return status, (calls, items)


def lists() -> dict[str, list[str]]:
    """Template of each -> its own filters."""
    described = document(endpoints())
    several = described["components"]["parameters"]
    found: dict[str, list[str]] = {}
    for one in endpoints():
        if one.method == "GET" and one.reading.is_page and one.path not in GLOBAL:
            named = described["paths"][one.path]["get"]["parameters"]
            known = [several[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in named]
            queries = sorted(item["name"] for item in known if item["in"] == "query")
            found[one.path] = [name for name in queries if name.partition("_ats[")[0] == name and name not in COMMON]
    return found


def _value(whole: Whole, name: str) -> str:
    kind = name.removesuffix("_guids")
    if kind != name:
        return whole.guids.get(f"{kind}s", "x")
    return "guid" if name.startswith("fields") else VALUES.get(name, "x")


def test_other_tenants_cost_nothing(whole: Whole) -> None:
    whole.restore()
    rows = tenants.rows()
    everybodys = {
        str(row.guid)
        for row in rows
        if isinstance(row, Stack | Buildpack) or (isinstance(row, Domain) and not row.org_guid)
    }
    asked: list[tuple[str, str]] = []
    found = lists()
    assert {"/v3/apps", "/v3/spaces/{guid}/users", "/v3/service_route_bindings", "/v3/audit_events"} <= found.keys()
    for path, names in found.items():
        address = whole.address(path)
        asked += [("space_developer", f"{address}?{name}={_value(whole, name)}") for name in names]
        asked += [("space_developer", address), ("organization_manager", address)]
        if "{" in path and path not in OF_ALL:
            asked.append(("admin", address))
    asked += [(NOBODY, path) for path in ("/v3/service_offerings", "/v3/service_plans")]

    def costs(count: int) -> dict[tuple[str, str], tuple[int, Cost]]:
        """With so many other tenants."""
        whole.restore()
        for tenant in range(1, count + 1):
            tenants.add(whole.cloud, rows, tenant, whole.guids["spaces"], everybodys)
        return {(caller, path): spent(whole, caller, path) for caller, path in asked}

    at_one, at_many = costs(1), costs(MANY)
    whole.restore()

    assert [(one, at_one[one], at_many[one]) for one in asked if at_one[one] != at_many[one]] == []
    refused = [one for one, (status, _) in at_one.items() if status >= 400 and "?" in one[1]]
    assert len(refused) < len(asked) / 10, f"hardly anything is read by a query that is refused: {refused}"
    assert not any("Scan" in calls for _, (calls, _) in at_one.values())
    dear = {one: calls for one, (_, (calls, _)) in at_one.items() if calls.total() > MOST_CALLS}
    assert dear == {}
