"""Of several who make the same thing at once one wins, the others are told so, and there is one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.functional.api.whole import Whole
from tests.functional.client import Answered

HOW_MANY = 4


def to(whole: Whole, **ends: str) -> dict[str, Any]:
    return {"relationships": {name: {"data": {"guid": whole.guids[kind]}} for name, kind in ends.items()}}


def bodies(whole: Whole) -> dict[str, dict[str, Any]]:
    """What is made, by where; ``twin`` is the name that only one can have."""
    named = {"name": "twin"}
    basic = {"type": "basic", "credentials": {"username": "u", "password": "p"}}
    return {
        "/v3/apps": named | to(whole, space="spaces"),
        "/v3/buildpacks": named,
        "/v3/domains": {"name": "twin.example"},
        "/v3/isolation_segments": named,
        "/v3/organization_quotas": named,
        "/v3/organizations": named,
        "/v3/roles": {"type": "space_developer"} | to(whole, user="users", space="spaces"),
        "/v3/routes": {"host": "twin"} | to(whole, space="spaces", domain="domains"),
        "/v3/security_groups": named,
        "/v3/service_brokers": named | {"url": "https://broker.example", "authentication": basic},
        "/v3/service_instances": named | {"type": "user-provided"} | to(whole, space="spaces"),
        "/v3/service_route_bindings": to(whole, service_instance="route_service", route="unbound_route"),
        "/v3/space_quotas": named | to(whole, organization="organizations"),
        "/v3/spaces": named | to(whole, organization="organizations"),
        "/v3/stacks": named,
        "/Users": {"userName": "twin", "password": "a good long one", "emails": [{"value": "twin@x.example"}]},
        "/oauth/clients": {
            "client_id": "twin",
            "client_secret": "a long one",
            "authorized_grant_types": ["client_credentials"],
        },
    }


def test_of_those_who_make_one_thing_at_once_one_wins(whole: Whole) -> None:
    wrong = []
    for path, body in bodies(whole).items():
        whole.restore()
        before = _there(whole, path)
        with ThreadPoolExecutor(HOW_MANY) as threads:
            answers = list(threads.map(lambda _, path=path, body=body: _make(whole, path, body), range(HOW_MANY)))
        won = [answer for answer in answers if answer.status in (201, 202)]
        lost = {answer.status for answer in answers} - {201, 202}
        if len(won) != 1 or lost != {422 if path.startswith("/v3") else 409} or _there(whole, path) != before + 1:
            wrong.append((path, [(answer.status, answer.text[:120]) for answer in answers], _there(whole, path)))
    whole.restore()
    assert wrong == []


def _make(whole: Whole, path: str, body: dict[str, Any]) -> Answered:
    return whole.callers["admin"].post(path, json=body)


def _there(whole: Whole, path: str) -> int:
    listed = whole.callers["admin"].get(path).json
    return int(listed["pagination"]["total_results"] if "pagination" in listed else listed["totalResults"])
