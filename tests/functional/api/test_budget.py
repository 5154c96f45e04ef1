"""What the requests behind ``cf apps`` cost, and that a tenant's lists cost as many calls whoever else is there."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from chalicelib.tables.running import Placement, Process, Route
from tests.functional.api.many import apps, store, web
from tests.functional.client import Client
from tests.functional.cloud import Cloud

Counting = Callable[[], AbstractContextManager[Counter[str]]]

#: Apps on the screen of ``cf apps``.
MANY = 100


def running(process: Process) -> list[Placement]:
    """All its instances, up for a minute since 2023-11-14T22:14:20Z."""
    return [
        Placement(
            process.guid,
            index,
            work="instance",
            app_guid=process.app_guid,
            version=process.version,
            instance_guid=f"{process.guid}-{index}",
            state="STARTED",
            opened_at=1_700_000_000,
            started_at=1_700_000_060,
            deadline=0,
        )
        for index in range(int(process.instances))
    ]


def route_to(app: Any, domain: str) -> Route:
    return Route(
        f"route-of-{app.guid}",
        host=str(app.name),
        domain_guid=domain,
        domain_name="localhost",
        space_guid=app.space_guid,
        destinations=[{"guid": f"to-{app.guid}", "app": str(app.guid), "process": "web"}],
        created_at=app.created_at,
        updated_at=app.updated_at,
    )


@pytest.fixture
def crowd(cloud: Cloud, space: str, domain: str) -> list[str]:
    """Guids of apps of one space that all run, with a route each."""
    found = apps(space, MANY, desired_state="STARTED")
    started = [web(app, state="STARTED", version=3) for app in found]
    store(cloud, [*found, *started, *(route_to(app, domain) for app in found)])
    cloud.store(row for process in started for row in running(process))
    return [str(app.guid) for app in found]


def test_cf_apps_of_100_apps_is_three_requests_and_ten_calls(
    api: Client, counting: Counting, crowd: list[str], org: str, space: str
) -> None:
    developer = api.user("dora", organization_user=org, space_developer=space)
    for caller in (developer, api.admin):
        with counting() as calls:
            listed = caller.get("/v3/apps", space_guids=space, order_by="name", per_page=5000)
            processes = caller.get("/v3/processes", space_guids=space, embed="process_instances", per_page=5000)
            routes = caller.get("/v3/routes", app_guids=",".join(listed.guids), per_page=5000)
        assert sorted(listed.guids) == crowd
        for process in processes.json["resources"]:
            (line,) = process["process_instances"]
            assert (line["index"], line["state"]) == (0, "RUNNING")
            assert line["since"] > 60
        assert len(processes.guids) == len(routes.guids) == MANY
        assert calls.total() <= 10, calls
        assert "Scan" not in calls


def test_a_thousand_apps_of_others_cost_as_many_calls_as_ten(
    api: Client, cloud: Cloud, counting: Counting, org: str, space: str
) -> None:
    developer = api.user("dora", organization_user=org, space_developer=space)
    store(cloud, [resource for app in apps(space, 3) for resource in (app, web(app))])
    paths = (
        "/v3/apps",
        "/v3/apps?names=app-1",
        "/v3/apps?label_selector=!x&order_by=-updated_at",
        "/v3/processes?embed=process_instances",
        "/v3/apps/app-00001/processes",
        "/v3/packages",
        "/v3/droplets?states=STAGED",
        "/v3/builds",
        "/v3/routes",
        "/v3/spaces",
        "/v3/organizations",
        "/v3/roles",
        "/v3/audit_events?target_guids=app-00001",
    )

    def cost() -> dict[str, Counter[str]]:
        found = {}
        for path in paths:
            with counting() as calls:
                assert developer.get(path).status == 200, path
            found[path] = calls
        return found

    theirs = apps("elsewhere", 1000, prefix="theirs")
    store(cloud, [resource for app in theirs[:10] for resource in (app, web(app))])
    at_ten = cost()
    store(cloud, [resource for app in theirs[10:] for resource in (app, web(app))])
    assert cost() == at_ten
    assert max(calls.total() for calls in at_ten.values()) <= 5
    assert not any("Scan" in calls for calls in at_ten.values())
