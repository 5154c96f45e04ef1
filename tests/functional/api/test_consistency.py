"""Invariant 11: a read begun after a 2xx sees it. Every endpoint that is asked reads consistently, or is named here."""

import json
from collections import defaultdict
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.tables.connection import shared
from tests.functional.api.permissions import EXPECTED
from tests.functional.api.whole import Whole

#: Events are read by index, which DynamoDB keeps a moment late: nobody is told by a 2xx that an event is there.
EVENTS = {"GET /v3/audit_events", "GET /v3/app_usage_events", "GET /v3/service_usage_events"}

#: Calls that read, and where each says that it is to be consistent.
READS = {"GetItem", "Query", "BatchGetItem", "TransactGetItems"}


def is_consistent(name: str, asked: dict[str, Any]) -> bool:
    if name == "BatchGetItem":
        return all(table.get("ConsistentRead") for table in asked["RequestItems"].values())
    return name == "TransactGetItems" or bool(asked.get("ConsistentRead"))


def test_invariant_11_what_requests_read_is_read_consistently(whole: Whole, world: World) -> None:
    late: dict[str, set[str]] = defaultdict(set)
    reads, endpoint = 0, ""

    def called(params: dict[str, Any], model: Any, **_: object) -> None:
        nonlocal reads
        if model.name in READS:
            reads += 1
            asked = params["body"] if isinstance(params.get("body"), dict) else json.loads(params["body"])
            if not is_consistent(model.name, asked):
                late[endpoint].add(f"{model.name} of {asked.get('TableName')} {asked.get('IndexName', '')}")

    whole.restore()
    events = shared().client.meta.events
    events.register("before-call.dynamodb", called)
    try:
        for endpoint in (name for name in EXPECTED if name.startswith("GET ")):
            whole.callers["admin"].get(whole.address(endpoint.partition(" ")[2]))
            whole.callers["space_developer"].get(whole.address(endpoint.partition(" ")[2]))
    finally:
        events.unregister("before-call.dynamodb", called)
    assert reads > 2 * len(EXPECTED) / 3, "somebody was asked"
    assert {name: calls for name, calls in late.items() if name not in EVENTS} == {}
