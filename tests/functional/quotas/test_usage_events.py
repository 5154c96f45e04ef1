"""Usage events: one for every change of what is billed, in order, for administrators."""

from typing import Any

from tests.functional.client import Client
from tests.functional.quotas.conftest import Tenant

APP_EVENTS = "/v3/app_usage_events"


def told(tenant: Tenant, **query: Any) -> list[tuple[str, str | None, int, int]]:
    """State, state before, instances and memory of each event."""
    events = tenant.api.get(APP_EVENTS, **query).json["resources"]
    return [
        (
            event["state"]["current"],
            event["state"]["previous"],
            event["instance_count"]["current"],
            event["memory_in_mb_per_instance"]["current"],
        )
        for event in events
    ]


def test_starts_scales_and_stops_are_told_in_order(tenant: Tenant) -> None:
    app = tenant.app("shop")
    tenant.scale(app, memory_in_mb=100)
    assert told(tenant) == []  # nothing runs
    tenant.start(app)
    tenant.scale(app, instances=3)
    tenant.scale(app, memory_in_mb=50)
    tenant.api.post(f"/v3/apps/{app}/actions/restart")  # changes nothing that is billed
    tenant.stop(app)
    assert told(tenant) == [
        ("STARTED", "STOPPED", 1, 100),
        ("STARTED", "STARTED", 3, 100),
        ("STARTED", "STARTED", 3, 50),
        ("STOPPED", "STARTED", 3, 50),
    ]
    assert told(tenant, order_by="-created_at", per_page=1) == [("STOPPED", "STARTED", 3, 50)]
    first = tenant.api.get(APP_EVENTS).json["resources"][0]
    assert first["app"] == {"guid": app, "name": "shop"}
    assert first["process"] == {"guid": app, "type": "web"}
    assert first["space"] == {"guid": tenant.space, "name": "dev"}
    assert first["organization"] == {"guid": tenant.org}
    assert first["task"] == first["buildpack"] == {"guid": None, "name": None}
    assert tenant.api.get(first["links"]["self"]["href"]).json == first
    tenant.start(app)
    tenant.api.finish(tenant.api.delete(f"/v3/apps/{app}"))
    assert [event[0] for event in told(tenant)][4:] == ["STARTED", "STOPPED"]


def test_a_reader_goes_on_where_he_ended(tenant: Tenant) -> None:
    app = tenant.app("shop")
    for _ in range(3):
        tenant.start(app)
        tenant.stop(app)
    guids = tenant.api.get(APP_EVENTS).guids
    assert len(guids) == 6
    first = tenant.api.get(APP_EVENTS, per_page=2)
    assert first.guids == guids[:2]
    assert first.json["pagination"]["total_results"] == 6
    rest = tenant.api.get(APP_EVENTS, after_guid=guids[1])
    assert rest.guids == guids[2:]
    assert rest.json["pagination"]["total_results"] == 4
    assert tenant.api.get(APP_EVENTS, guids=f"{guids[3]},{guids[0]},nobody").guids == [guids[0], guids[3]]
    at = tenant.api.get(f"{APP_EVENTS}/{guids[0]}").json["created_at"]
    assert tenant.api.get(f"{APP_EVENTS}?created_ats[lt]={at}").guids == []
    assert tenant.api.get(APP_EVENTS, after_guid="nobody").error[2] == (
        "After guid filter must be a valid app usage event guid."
    )
    assert tenant.api.get(APP_EVENTS, after_guid="a,b").status == 422
    assert tenant.api.get(APP_EVENTS, order_by="name").status == 400
    assert tenant.api.get(APP_EVENTS, updated_ats=at).status == 400


def test_events_are_for_administrators_and_can_begin_anew(tenant: Tenant, api: Client) -> None:
    app = tenant.started("shop")
    tenant.stop(tenant.started("old"))
    (*_, last) = tenant.api.get(APP_EVENTS).guids
    manager = api.user("mona", organization_manager=tenant.org)
    assert manager.get(APP_EVENTS).guids == []
    assert manager.get(f"{APP_EVENTS}/{last}").error[2] == "App usage event not found"
    reseed = f"{APP_EVENTS}/actions/destructively_purge_all_and_reseed"
    assert manager.post(reseed).status == 403
    assert tenant.api.post(reseed).status == 200
    (event,) = tenant.api.get(APP_EVENTS).json["resources"]
    assert (event["app"]["guid"], event["state"]["current"]) == (app, "STARTED")
    assert tenant.api.get(f"{APP_EVENTS}/{last}").status == 404


def test_services_are_told_in_their_own_list(tenant: Tenant) -> None:
    body = {
        "type": "user-provided",
        "name": "mail",
        "relationships": {"space": {"data": {"guid": tenant.space}}},
    }
    made = tenant.api.post("/v3/service_instances", json=body)
    assert made.status == 201, made.text
    (event,) = tenant.api.get("/v3/service_usage_events").json["resources"]
    assert event["state"] == "CREATED"
    instance = {"guid": made.guid, "name": "mail", "type": "user_provided_service_instance"}
    assert event["service_instance"] == instance
    assert event["service_plan"] == {"guid": None, "name": None}
    of_type = "user_provided_service_instance"
    assert tenant.api.get("/v3/service_usage_events", service_instance_types=of_type).guids == [event["guid"]]
    assert tenant.api.get("/v3/service_usage_events", service_offering_guids="x").guids == []
    assert tenant.api.get(f"/v3/service_usage_events/{event['guid']}").json == event
    assert tenant.api.get(f"{APP_EVENTS}/{event['guid']}").status == 404
    assert tenant.api.post("/v3/service_usage_events/actions/destructively_purge_all_and_reseed").status == 200
    assert [again["service_instance"] for again in tenant.api.get("/v3/service_usage_events").json["resources"]] == [
        instance
    ]
