"""Jobs as clients poll them, and audit events as users read them."""

import time
from typing import Any

import pytest

from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.services import jobs
from chalicelib.services.jobs import RunJob
from chalicelib.tables.ledger import Job
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.identity.running import make_app
from tests.functional.identity.test_organizations_and_spaces import make_org, make_space


def test_a_job_is_owed_in_the_transaction_that_promises_it(api: Client, cloud: Cloud, space: str) -> None:
    answered = api.admin.delete(f"/v3/spaces/{space}")
    assert answered.status == 202
    assert answered.text == ""
    location = answered.headers["location"]
    assert location.startswith("http://api.localhost:8080/v3/jobs/")
    job = api.admin.get(location).json
    assert (job["operation"], job["state"], job["errors"], job["warnings"]) == ("space.delete", "PROCESSING", [], [])
    (message,) = cloud.taken("queue:jobs")
    assert message.read(RunJob).job_guid == job["guid"]
    assert api.admin.get(f"/v3/spaces/{space}").status == 200
    jobs.run(api.world, job["guid"])
    assert api.admin.get(location).json["state"] == "COMPLETE"
    jobs.run(api.world, job["guid"])
    assert api.admin.get(location).json["state"] == "COMPLETE"


def test_a_job_that_failed_says_why(api: Client, world: World) -> None:
    unit = world.unit()
    job = jobs.start(unit, "app.delete", "no-such-work")
    unit.commit()
    jobs.finish(world, job, Unprocessable("It would not go"))
    shown = api.admin.get(f"/v3/jobs/{job.guid}").json
    assert (shown["state"], shown["errors"][0]["detail"]) == ("FAILED", "It would not go")
    job = Job.get(str(job.guid))
    job.errors = []
    job.save()
    assert api.admin.get(f"/v3/jobs/{job.guid}").json["errors"], "clients crash on a failure without an error"


def test_a_job_that_has_ended_goes_a_day_later(api: Client, world: World, cloud: Cloud, space: str) -> None:
    before = cloud.rows("members")
    answered = api.admin.delete(f"/v3/spaces/{space}")
    guid = answered.headers["location"].rpartition("/")[2]
    assert Job.get(guid).expires_at is None, "not while somebody works on it"
    assert cloud.rows("members") == before, "a job is in no list, where nothing would take it away"
    api.admin.finish(answered)
    day = 24 * 3600
    assert day - 60 < float(Job.get(guid).expires_at) - time.time() <= day
    unit = world.unit()
    at_once = jobs.done(unit, "role.delete")
    unit.commit()
    assert day - 60 < float(Job.get(str(at_once.guid)).expires_at) - time.time() <= day


def racing(world: World, monkeypatch: pytest.MonkeyPatch, losses: int) -> tuple[Job, list[str]]:
    """A job whose worker loses so many races before it is done; what it did."""
    done: list[str] = []

    def work(world: World, work: dict[str, Any]) -> None:
        done.append("try")
        if len(done) <= losses:
            raise Conflict()

    monkeypatch.setitem(jobs.WORKERS, "race", work)
    unit = world.unit()
    job = jobs.start(unit, "app.delete", "race")
    unit.commit()
    return job, done


def test_a_job_that_loses_a_race_is_begun_anew_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job, done = racing(world, monkeypatch, jobs.ATTEMPTS - 1)
    jobs.run(world, str(job.guid), 0)
    assert (Job.get(str(job.guid)).state, len(done)) == ("COMPLETE", jobs.ATTEMPTS)


def test_a_job_that_loses_race_after_race_is_begun_anew_by_a_message_soon(
    world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, done = racing(world, monkeypatch, jobs.ATTEMPTS)
    cloud.taken("queue:jobs")
    jobs.run(world, str(job.guid), 0)
    assert Job.get(str(job.guid)).state not in jobs.ENDED
    jobs.run(world, str(job.guid), 0)
    assert len(done) == jobs.ATTEMPTS, "the first message is behind it, and does nothing when it comes again"
    jobs.run(world, str(job.guid), 1)
    assert (Job.get(str(job.guid)).state, len(done)) == ("COMPLETE", jobs.ATTEMPTS + 1)


def test_a_job_is_shown_to_who_is_logged_in(api: Client) -> None:
    assert api.get("/v3/jobs/x").status == 401
    assert api.admin.get("/v3/jobs/nobody-knows").error == (10010, "CF-ResourceNotFound", "Job not found")


@pytest.fixture
def eventful(api: Client, world: World, org: str, space: str) -> tuple[str, str]:
    """An app, and another in an organization of its own."""
    other = make_space(api, "dev", make_org(api, "other"))
    return make_app(api, world, "shop", space), make_app(api, world, "blog", other)


def test_events_are_listed_by_target_space_and_organization(
    api: Client, org: str, space: str, eventful: tuple[str, str]
) -> None:
    shop, _ = eventful
    (event,) = api.admin.get("/v3/audit_events", target_guids=shop).json["resources"]
    assert event["type"] == "audit.app.create"
    assert event["target"] == {"guid": shop, "type": "app", "name": "shop"}
    assert (event["space"]["guid"], event["organization"]["guid"]) == (space, org)
    assert event["actor"]["name"] == "admin"
    assert api.admin.get(f"/v3/audit_events/{event['guid']}").json == event
    by_space = api.admin.get("/v3/audit_events", space_guids=space).json["resources"]
    assert [item["type"] for item in by_space] == ["audit.space.create", "audit.app.create"]
    newest = api.admin.get("/v3/audit_events", organization_guids=org, order_by="-created_at", per_page=1).json
    assert newest["resources"] == [event]
    assert newest["pagination"]["total_results"] == 3
    chosen = api.admin.get("/v3/audit_events", types="audit.app.create,audit.space.create")
    assert {item["type"] for item in chosen.json["resources"]} == {"audit.app.create", "audit.space.create"}
    assert api.admin.get("/v3/audit_events", types="audit.app.create", space_guids=space).guids == [event["guid"]]
    others = api.admin.get(f"/v3/audit_events?organization_guids={org}&target_guids[not]={shop},{org}")
    assert [item["type"] for item in others.json["resources"]] == ["audit.space.create"]
    assert api.admin.get(f"/v3/audit_events?target_guids={shop}&created_ats[lt]={event['created_at']}").guids == []
    assert api.admin.get(f"/v3/audit_events?target_guids={shop}&created_ats={event['created_at']}").guids != []
    assert api.admin.get("/v3/audit_events", colour="blue").error[0] == 10005


def test_events_are_shown_to_those_who_see_where_they_happened(
    api: Client, org: str, space: str, eventful: tuple[str, str]
) -> None:
    shop, blog = eventful
    developer = api.user("developer", organization_user=org, space_developer=space)
    auditor, stranger = api.user("auditor", organization_auditor=org), api.user("stranger", organization_user=org)
    (hidden,) = api.admin.get("/v3/audit_events", target_guids=blog).guids
    (event,) = api.admin.get("/v3/audit_events", target_guids=shop).guids
    assert developer.get("/v3/audit_events", target_guids=f"{shop},{blog}").guids == [event]
    assert event in developer.get("/v3/audit_events").guids
    assert event in auditor.get("/v3/audit_events").guids
    assert hidden not in auditor.get("/v3/audit_events").guids
    manager = api.user("manager", organization_manager=org)
    assert event not in manager.get("/v3/audit_events", target_guids=shop).guids, "he manages, and does not audit"
    assert stranger.get("/v3/audit_events").guids == []
    assert stranger.get("/v3/audit_events", target_guids=shop).guids == []
    assert developer.get(f"/v3/audit_events/{hidden}").error[2] == "Event not found"
    assert developer.get("/v3/audit_events/nobody-knows").status == 404


def test_routers_learn_who_may_read_an_apps_logs(api: Client, org: str, space: str, eventful: tuple[str, str]) -> None:
    shop, _ = eventful
    auditor = api.user("auditor", organization_user=org, space_auditor=space)
    stranger = api.user("stranger", organization_user=org)
    path = f"/internal/log_access/{shop}"
    assert (auditor.get(path).status, auditor.get(path).text) == (204, "")
    assert stranger.get(path).error == (10010, "CF-ResourceNotFound", "App not found")
    assert api.get(path).error[0] == 10002
    assert api.with_token("forged").get(path).error[0] == 1000
    assert api.admin.get("/internal/log_access/nobody-knows").status == 404
