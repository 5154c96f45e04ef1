"""Quotas hold: what is wanted is counted in the transaction that wants it, and given back with it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.adapters.clock import new_guid
from chalicelib.tables.apps import App
from chalicelib.tables.running import Process
from tests.functional.client import Answered
from tests.functional.quotas.conftest import Tenant


def refused(answered: Answered) -> str:
    code, title, detail = answered.error
    assert (answered.status, code, title) == (422, 10008, "CF-UnprocessableEntity"), answered.text
    return detail


def test_an_app_is_charged_while_it_is_started_and_for_what_it_has(tenant: Tenant) -> None:
    app = tenant.app("shop", web="run", worker="work")
    assert tenant.used() == {}
    assert tenant.scale(app, instances=3, memory_in_mb=100, log_rate_limit_in_bytes_per_second=7).status == 202
    assert tenant.start(app).status == 200
    one = {"instances": 3, "memory_mb": 300, "log_rate": 21}
    assert tenant.used() == tenant.used(space=True) == one
    assert tenant.scale(app, "worker", instances=1, memory_in_mb=50).status == 202
    assert tenant.used() == {"instances": 4, "memory_mb": 350, "log_rate": 21, "unlimited_logs": 1}
    assert tenant.scale(app, memory_in_mb=200, instances=2).status == 202
    assert tenant.used() == {"instances": 3, "memory_mb": 450, "log_rate": 14, "unlimited_logs": 1}
    assert tenant.api.post(f"/v3/apps/{app}/actions/restart").status == 200
    assert tenant.used() == tenant.wanted() == {"instances": 3, "memory_mb": 450, "log_rate": 14, "unlimited_logs": 1}
    summary = tenant.api.get(f"/v3/organizations/{tenant.org}/usage_summary").json["usage_summary"]
    assert (summary["started_instances"], summary["memory_in_mb"]) == (3, 450)
    assert tenant.stop(app).status == 200
    assert tenant.used() == tenant.used(space=True) == {}
    assert tenant.start(app).status == 200
    tenant.api.finish(tenant.api.delete(f"/v3/apps/{app}"))
    assert tenant.used() == tenant.used(space=True) == {}


@pytest.mark.parametrize(
    ("limits", "size", "detail"),
    [
        ({"total_memory_in_mb": 399}, {"instances": 4, "memory_in_mb": 100}, "memory {0}quota_exceeded"),
        ({"total_instances": 3}, {"instances": 4}, "app_instance_limit {0}app_instance_limit_exceeded"),
        ({"per_process_memory_in_mb": 99}, {"memory_in_mb": 100}, "memory {0}instance_memory_limit_exceeded"),
        (
            {"log_rate_limit_in_bytes_per_second": 9},
            {"instances": 2, "log_rate_limit_in_bytes_per_second": 5},
            "log_rate_limit exceeds {1} log rate quota",
        ),
        (
            {"log_rate_limit_in_bytes_per_second": 9},
            {"log_rate_limit_in_bytes_per_second": -1},
            "log_rate_limit cannot be unlimited in {1} '{2}'.",
        ),
    ],
)
@pytest.mark.parametrize("scope", ["organization", "space"])
def test_a_start_that_does_not_fit_is_refused_in_cloud_foundrys_words(
    tenant: Tenant, limits: dict[str, int], size: dict[str, int], detail: str, scope: str
) -> None:
    app = tenant.app("shop")
    assert tenant.scale(app, "web", **size).status == 202  # nothing is wanted while it is stopped
    (tenant.limit_space if scope == "space" else tenant.limit)(apps=limits)
    words = ("space_", "space", "dev") if scope == "space" else ("", "organization", "local")
    assert refused(tenant.start(app)) == detail.format(*words)
    assert tenant.used() == tenant.used(space=True) == {}
    assert tenant.api.get(f"/v3/apps/{app}").json["state"] == "STOPPED"
    assert [process.state for process in tenant.processes(app)] == ["STOPPED"]


def test_an_app_of_which_only_a_part_fits_is_not_started_at_all(tenant: Tenant) -> None:
    app = tenant.app("shop", **{f"worker{i}": "work" for i in range(4)}, web="run")
    for kind in range(4):
        assert tenant.scale(app, f"worker{kind}", instances=1).status == 202
    tenant.limit(apps={"total_instances": 4})
    assert refused(tenant.start(app)) == "app_instance_limit app_instance_limit_exceeded"
    assert {process.state for process in tenant.processes(app)} == {"STOPPED"}
    assert tenant.used() == {}


def test_scaling_beyond_is_refused_and_scaling_down_never_is(tenant: Tenant) -> None:
    app = tenant.started("shop")
    quota = tenant.limit(apps={"total_memory_in_mb": 600, "per_process_memory_in_mb": 256})
    assert refused(tenant.scale(app, instances=3)) == "memory quota_exceeded"
    assert refused(tenant.scale(app, memory_in_mb=300)) == "memory instance_memory_limit_exceeded"
    assert tenant.scale(app, instances=2).status == 202
    lowered = {"apps": {"total_memory_in_mb": 100, "per_process_memory_in_mb": 10}}
    assert tenant.api.patch(f"/v3/organization_quotas/{quota}", json=lowered).status == 200
    assert refused(tenant.scale(app, instances=3)) == "memory quota_exceeded"
    assert tenant.scale(app, instances=1).status == 202
    assert tenant.used() == {"instances": 1, "memory_mb": 256, "unlimited_logs": 1}
    assert tenant.stop(app).status == 200
    assert refused(tenant.start(app)) == "memory quota_exceeded"
    raised = {"apps": {"total_memory_in_mb": 256, "per_process_memory_in_mb": None}}
    assert tenant.api.patch(f"/v3/organization_quotas/{quota}", json=raised).status == 200
    assert tenant.start(app).status == 200


def test_a_space_without_its_quota_is_limited_by_the_organizations_alone(tenant: Tenant) -> None:
    app = tenant.started("shop")
    quota = tenant.limit_space(apps={"total_instances": 1})
    assert refused(tenant.scale(app, instances=2)) == "app_instance_limit space_app_instance_limit_exceeded"
    assert tenant.api.delete(f"/v3/space_quotas/{quota}/relationships/spaces/{tenant.space}").status == 204
    assert tenant.scale(app, instances=2).status == 202
    summary = tenant.api.get(f"/v3/spaces/{tenant.space}/usage_summary").json["usage_summary"]
    assert summary["started_instances"] == 2


def test_a_quota_that_limits_logs_is_not_given_to_who_has_apps_without_a_limit(tenant: Tenant) -> None:
    tenant.started("shop")
    body = {"name": "quiet", "apps": {"log_rate_limit_in_bytes_per_second": 5}}
    quota = tenant.api.post("/v3/organization_quotas", json=body).guid
    given = tenant.api.post(
        f"/v3/organization_quotas/{quota}/relationships/organizations", json=tenant.data(tenant.org)
    )
    assert refused(given) == (
        "Current usage exceeds new quota values. The org(s) being assigned this quota contain apps running with an "
        "unlimited log rate limit."
    )
    wide = tenant.limit()
    assert refused(tenant.api.patch(f"/v3/organization_quotas/{wide}", json={"apps": body["apps"]})) == (
        "Current usage exceeds new quota values. This quota is applied to org 'local' which contains apps running with "
        "an unlimited log rate limit."
    )


def test_routes_are_counted_and_given_back(tenant: Tenant, domain: str) -> None:
    def create(host: str) -> Answered:
        relationships = {"space": {"data": {"guid": tenant.space}}, "domain": {"data": {"guid": domain}}}
        return tenant.api.post("/v3/routes", json={"host": host, "relationships": relationships})

    tenant.limit(routes={"total_routes": 2})
    first = create("a")
    assert (first.status, create("b").status) == (201, 201)
    assert refused(create("c")) == "Routes quota exceeded for organization 'local'."
    tenant.api.finish(tenant.api.delete(f"/v3/routes/{first.guid}"))
    tenant.limit_space(routes={"total_routes": 1})
    assert refused(create("c")) == "Routes quota exceeded for space 'dev'."
    assert tenant.used() == tenant.wanted() == {"routes": 1}
    tenant.api.finish(tenant.api.delete(f"/v3/spaces/{tenant.space}"))
    assert tenant.used() == {}


def test_tasks_are_counted_until_they_end(tenant: Tenant) -> None:
    app = tenant.app("shop")
    tenant.limit(apps={"per_app_tasks": 1, "per_process_memory_in_mb": 64})

    def run(memory_in_mb: int) -> Answered:
        return tenant.api.post(f"/v3/apps/{app}/tasks", json={"command": "x", "memory_in_mb": memory_in_mb})

    assert refused(run(65)).endswith("memory_in_mb exceeds organization instance memory quota")
    first = run(64)
    assert first.status == 202, first.text
    assert tenant.used() == tenant.wanted() == {"tasks": 1, "memory_mb": 64, "unlimited_logs": 1}
    assert refused(run(1)).endswith("app_task_limit quota exceeded")
    assert tenant.api.post(f"/v3/tasks/{first.guid}/actions/cancel").status == 202
    assert tenant.used() == tenant.used(space=True) == {}
    assert run(1).status == 202
    states = [event["state"]["current"] for event in tenant.api.get("/v3/app_usage_events").json["resources"]]
    assert states == ["TASK_STARTED", "TASK_STOPPED", "TASK_STARTED"]


def test_private_domains_are_counted_and_given_back(tenant: Tenant) -> None:
    def create(name: str) -> Answered:
        relationships = {"organization": {"data": {"guid": tenant.org}}}
        return tenant.api.post("/v3/domains", json={"name": name, "relationships": relationships})

    tenant.limit(domains={"total_domains": 1})
    first = create("one.example")
    assert first.status == 201, first.text
    assert refused(create("two.example")) == 'The number of private domains exceeds the quota for organization "local"'
    tenant.api.finish(tenant.api.delete(f"/v3/domains/{first.guid}"))
    assert tenant.used() == {}
    assert create("two.example").status == 201


def test_of_fifty_concurrent_scales_with_room_for_ten_exactly_ten_win(tenant: Tenant) -> None:
    apps = [_running(tenant, f"app-{i}") for i in range(50)]
    tenant.limit(apps={"total_memory_in_mb": 10})
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = list(pool.map(lambda app: tenant.scale(app, memory_in_mb=1, instances=1), apps))
    won = [answered for answered in answers if answered.status == 202]
    assert {refused(answered) for answered in answers if answered.status != 202} == {"memory quota_exceeded"}
    assert len(won) == 10
    assert tenant.used() == tenant.used(space=True) == tenant.wanted()
    assert tenant.used()["memory_mb"] == 10


def _running(tenant: Tenant, name: str) -> str:
    """A started app of no instances, made without the API: it is scaled, not started, here."""
    guid = new_guid()
    unit = tenant.world.unit()
    unit.create(App(guid, name=name, space_guid=tenant.space, desired_state="STARTED"))
    unit.create(Process(guid, app_guid=guid, space_guid=tenant.space, state="STARTED", instances=0, version=1))
    unit.commit()
    return guid


def test_a_quota_that_changes_during_charges_loses_none_of_them(tenant: Tenant) -> None:
    apps = [_running(tenant, f"app-{i}") for i in range(12)]
    quotas = [tenant.limit(apps={"total_memory_in_mb": limit}) for limit in (100, 200)]

    def change(i: int) -> int:
        if i % 3 == 0:
            path = f"/v3/organization_quotas/{quotas[i % 2]}/relationships/organizations"
            return tenant.api.post(path, json=tenant.data(tenant.org)).status
        if i % 3 == 1:
            body = {"apps": {"total_memory_in_mb": 100 + i}}
            return tenant.api.patch(f"/v3/organization_quotas/{quotas[1]}", json=body).status
        return tenant.scale(apps[i // 3], memory_in_mb=1, instances=1).status

    with ThreadPoolExecutor(max_workers=12) as pool:
        statuses = list(pool.map(change, range(36)))
    assert set(statuses[2::3]) == {202}, "a scale is never lost to somebody who changes quotas"
    assert {*statuses[::3], *statuses[1::3]} <= {200, 409}, "of several administrators some are told to try again"
    assert tenant.used() == tenant.used(space=True) == tenant.wanted()
    counter = tenant.counter()
    limit = tenant.api.get(f"/v3/organization_quotas/{counter.quota_guid}").json["apps"]["total_memory_in_mb"]
    assert counter.used["memory_mb"] + counter.left["memory_mb"] == limit
