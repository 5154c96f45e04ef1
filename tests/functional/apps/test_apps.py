"""Apps through the API: fields, lists, names, variables, who may what, and what is counted."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from chalicelib.services import apps, droplets
from chalicelib.services import listing as reading
from chalicelib.tables.apps import App
from chalicelib.tables.base import Due
from chalicelib.tables.running import Process
from tests.functional.apps.conftest import Stage

Counting = Callable[[], AbstractContextManager[Counter[str]]]


def test_names_are_unique_in_a_space_whatever_their_case(stage: Stage) -> None:
    stage.create("shop")

    for name in ("shop", "SHOP"):
        answered = stage.api.post("/v3/apps", json=stage.app_body(name))
        assert answered.error == (10016, "CF-UniquenessError", f"App with the name '{name}' already exists.")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a"},
        {"name": ""},
        {"name": 7},
        {"name": "x" * 251},
        {"name": "a\nb"},
        {"name": None},
        {"lifecycle": {"type": "cnb", "data": {}}},
        {"lifecycle": {"type": "docker", "data": {"stack": "cflinuxfs4"}}},
        {"lifecycle": {"type": "magic"}},
        {"lifecycle": 7},
        {"lifecycle": {"type": "buildpack", "data": {"stack": "windows"}}},
        {"lifecycle": {"type": "buildpack", "data": {"buildpacks": ["cobol"]}}},
        {"lifecycle": {"type": "buildpack", "data": {"buildpacks": "python"}}},
        {"environment_variables": ["A"]},
        {"environment_variables": {"PORT": "1"}},
        {"environment_variables": {"A": 1}},
        {"metadata": {"labels": {"a b": "c"}}},
        {"relationships": {"space": {"data": {"guid": "nobody"}}}},
        {"relationships": None},
        {"colour": "blue"},
    ],
    ids=repr,
)
def test_bad_apps_are_refused_and_nothing_is_made(stage: Stage, body: Any) -> None:
    whole = stage.app_body("good") | body if body and body != {"name": "a"} else body

    answered = stage.api.post("/v3/apps", json=whole)

    assert answered.status == 422, answered.text
    assert stage.api.get("/v3/apps", space_guids=stage.space).guids == []
    assert stage.create("good")["name"] == "good"


@pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"name": NaN}', "\xff", '{"name": "\\ud800"}', "[" * 100_000])
def test_what_is_no_json_object_is_a_parse_error(stage: Stage, body: str) -> None:
    answered = stage.api.request("POST", "/v3/apps", body=body.encode("latin-1"))

    assert answered.error[:2] == (1001, "CF-MessageParseError")


def test_lists_are_narrowed_by_names_spaces_and_labels(stage: Stage, org: str) -> None:
    guids = [stage.create(name)["guid"] for name in ("a,b", "c d", "e%f")]

    assert stage.api.get("/v3/apps", names="a%2Cb", space_guids=stage.space).guids == guids[:1]
    assert stage.api.get("/v3/apps", names="a%2Cb,c d,nobody").guids == guids[:2]
    assert stage.api.get("/v3/apps", names="nobody", space_guids=stage.space).guids == []
    assert stage.api.get("/v3/apps", guids=guids[2], organization_guids=org).guids == guids[2:]
    assert stage.api.get("/v3/apps", space_guids="nobody").guids == []
    assert stage.api.get("/v3/apps", order_by="-name").guids == guids[::-1]
    assert stage.api.get("/v3/apps", stacks="windows").guids == []
    assert stage.api.get("/v3/apps", lifecycle_type="buildpack").guids == guids
    assert stage.api.get("/v3/apps", order_by="state").json["pagination"]["total_results"] == 3
    assert stage.api.get("/v3/apps", colour="blue").error[0] == 10005
    assert stage.api.get("/v3/apps", order_by="colour").error[0] == 10005


def test_labels_select(stage: Stage) -> None:
    one = stage.create("one", metadata={"labels": {"tier": "web"}})["guid"]
    stage.create("two")

    assert stage.api.get("/v3/apps", label_selector="tier=web").guids == [one]
    assert stage.api.get("/v3/apps", names="one,two", space_guids=stage.space, label_selector="tier").guids == [one]


def test_included_spaces_and_organizations(stage: Stage, org: str) -> None:
    guid = stage.create()["guid"]

    for path in ("/v3/apps", f"/v3/apps/{guid}"):
        included = stage.api.get(path, include="space.organization").json["included"]
        assert [space["guid"] for space in included["spaces"]] == [stage.space]
        assert [item["guid"] for item in included["organizations"]] == [org]
    assert stage.api.get("/v3/apps", include="colour").error[0] == 10005


def test_an_app_is_renamed_and_its_old_name_is_free(stage: Stage) -> None:
    guid = stage.create("old")["guid"]
    stage.create("taken")

    renamed = stage.api.patch(f"/v3/apps/{guid}", json={"name": "new", "metadata": {"labels": {"a": "b"}}})

    assert (renamed.json["name"], renamed.json["metadata"]["labels"]) == ("new", {"a": "b"})
    assert stage.api.get("/v3/apps", names="new", space_guids=stage.space).guids == [guid]
    assert stage.api.get("/v3/apps", names="new").guids == [guid]
    assert stage.api.patch(f"/v3/apps/{guid}", json={"name": "taken"}).status == 422
    stage.create("old")


def test_variables_are_merged_and_sealed(stage: Stage) -> None:
    guid = stage.create(environment_variables={"A": "s3cr3t", "B": "2"})["guid"]

    patched = stage.api.patch(f"/v3/apps/{guid}/environment_variables", json={"var": {"B": None, "C": "3"}})

    assert patched.json["var"] == {"A": "s3cr3t", "C": "3"}
    assert stage.api.get(f"/v3/apps/{guid}/environment_variables").json["var"] == {"A": "s3cr3t", "C": "3"}
    env = stage.api.get(f"/v3/apps/{guid}/env").json
    assert env["environment_variables"] == {"A": "s3cr3t", "C": "3"}
    assert env["application_env_json"]["VCAP_APPLICATION"]["name"] == "shop"
    assert {"staging_env_json", "running_env_json", "system_env_json"} <= env.keys()
    stored = json.dumps(
        [reading.get(App, guid).to_simple_dict(), stage.api.get("/v3/audit_events", target_guids=guid).json],
        default=str,
    )
    assert "s3cr3t" not in stored


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"var": None},
        {"var": []},
        {"var": {"VCAP_X": "1"}},
        {"var": {"A": 1}},
        {"var": {"A": "x" * 200_000}},
        {"x": 1},
    ],
    ids=lambda body: repr(body)[:40],
)
def test_bad_variables_are_refused(stage: Stage, body: Any) -> None:
    guid = stage.create(environment_variables={"A": "1"})["guid"]

    assert stage.api.patch(f"/v3/apps/{guid}/environment_variables", json=body).status == 422
    assert stage.api.get(f"/v3/apps/{guid}/environment_variables").json["var"] == {"A": "1"}


def test_invariant_10_a_start_tells_its_secrets_to_nobody_but_the_run_specification(stage: Stage) -> None:
    guid = stage.runnable()
    stage.api.patch(f"/v3/apps/{guid}/environment_variables", json={"var": {"TOKEN": "s3cr3t"}})
    stage.said("any")

    stage.api.post(f"/v3/apps/{guid}/actions/start")

    spec = json.loads(stage.world.blobs.get_bytes(f"runspecs/{guid}/1.json"))
    assert spec["env"] == {"TOKEN": "s3cr3t"}
    vcap = json.loads(spec["vcap_application"])
    assert (vcap["process_type"], vcap["limits"]["mem"], vcap["space_name"]) == ("web", 256, "dev")
    assert vcap["organization_name"] == "local"
    messages = [message.encode() for name in ("dea", "components") for message in stage.cloud.taken(f"topic:{name}")]
    assert messages
    assert not any("s3cr3t" in message for message in messages)


def test_roles_decide(stage: Stage) -> None:
    guid = stage.runnable()
    developer, supporter = stage.member("dora", "space_developer"), stage.member("sue", "space_supporter")
    auditor, stranger = stage.member("audrey", "space_auditor"), stage.api.user("sam")

    def statuses(method: str, path: str, body: Any = None) -> list[int]:
        callers = (developer, supporter, auditor, stranger, stage.api.with_token(""))
        return [caller.request(method, path.replace("GUID", guid), json=body).status for caller in callers]

    assert statuses("GET", "/v3/apps/GUID") == [200, 200, 200, 404, 401]
    assert statuses("GET", "/v3/apps/GUID/env") == [200, 200, 403, 404, 401]
    assert statuses("GET", "/v3/apps/GUID/environment_variables") == [200, 200, 403, 404, 401]
    assert statuses("PATCH", "/v3/apps/GUID/environment_variables", {"var": {}}) == [200, 200, 403, 404, 401]
    assert statuses("PATCH", "/v3/processes/GUID", {"command": "run"}) == [200, 200, 403, 404, 401]
    assert statuses("PATCH", "/v3/apps/GUID/features/ssh", {"enabled": True}) == [200, 403, 403, 404, 401]
    assert statuses("PATCH", "/v3/apps/GUID/features/revisions", {"enabled": True}) == [200, 200, 403, 404, 401]
    assert statuses("POST", "/v3/apps/GUID/actions/clear_buildpack_cache") == [202, 202, 403, 404, 401]
    assert statuses("PATCH", "/v3/apps/GUID", {"metadata": {}}) == [200, 403, 403, 404, 401]
    assert statuses("POST", "/v3/apps/GUID/actions/restart") == [200, 200, 403, 404, 401]
    assert statuses("POST", "/v3/apps/GUID/processes/web/actions/scale", {"instances": 1}) == [202, 202, 403, 404, 401]
    assert statuses("GET", "/v3/processes/GUID/stats") == [200, 200, 200, 404, 401]
    assert statuses("POST", "/v3/apps", stage.app_body("x")) == [201, 403, 403, 422, 401]
    assert [len(caller.get("/v3/apps").guids) for caller in (developer, auditor, stranger)] == [2, 2, 0]
    assert stranger.get("/v3/processes").guids == []
    assert stranger.get("/v3/droplets", app_guids=guid).guids == []
    assert stranger.get("/v3/packages", space_guids=stage.space).guids == []
    assert developer.get(f"/v3/apps/{guid}/permissions").json == {"read_basic_data": True, "read_sensitive_data": True}
    assert auditor.get(f"/v3/apps/{guid}/permissions").json["read_sensitive_data"] is False


@pytest.mark.parametrize(
    "path", ["", "/env", "/processes", "/processes/web", "/packages", "/droplets/current", "/builds"]
)
def test_somebody_elses_and_nobodys_guids_look_alike(stage: Stage, path: str) -> None:
    guid, stranger = stage.create()["guid"], stage.api.user("sam")

    theirs, nobodys = stranger.get(f"/v3/apps/{guid}{path}"), stranger.get(f"/v3/apps/nobody{path}")

    assert theirs.error == nobodys.error == (10010, "CF-ResourceNotFound", "App not found")


def test_an_app_goes_with_all_that_is_its_own(stage: Stage, domain: str) -> None:
    guid = stage.started("shop", {"web": "run", "worker": "work"})
    stage.build(stage.ready_package(guid))
    droplet = stage.api.get(f"/v3/apps/{guid}/droplets/current").guid
    relationships = {"space": {"data": {"guid": stage.space}}, "domain": {"data": {"guid": domain}}}
    route = stage.api.post("/v3/routes", json={"host": "shop", "relationships": relationships}).guid
    stage.api.post(f"/v3/routes/{route}/destinations", json={"destinations": [{"app": {"guid": guid}}]})
    answered = stage.api.delete(f"/v3/apps/{guid}")
    assert stage.api.get(f"/v3/apps/{guid}").status == 200

    assert stage.api.finish(answered)["state"] == "COMPLETE"

    assert stage.api.get(f"/v3/apps/{guid}").error[2] == "App not found"
    for kind in ("apps", "processes", "packages", "droplets", "builds"):
        assert stage.api.get(f"/v3/{kind}", space_guids=stage.space).guids == [], kind
    assert stage.api.get(f"/v3/routes/{route}").json["destinations"] == []
    assert not stage.world.blobs.exists(droplets.key(droplet))
    assert {stage.cloud.rows(table) for table in ("secrets", "placements")} == {0}
    assert [due.key for kind in ("builds", "packages", "droplets") for due in Due.query(kind)] == []
    stage.create("shop")


def test_a_deletion_that_was_cut_short_goes_on(stage: Stage) -> None:
    guid = stage.started()
    job = stage.api.delete(f"/v3/apps/{guid}")
    unit = stage.world.unit()
    unit.remove(reading.get(Process, guid))
    unit.commit()

    assert stage.api.finish(job)["state"] == "COMPLETE"
    apps.remove(stage.world, guid)
    assert stage.api.finish(job)["state"] == "COMPLETE"


def test_two_starts_at_once_start_once(stage: Stage) -> None:
    guid = stage.runnable()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: stage.api.post(f"/v3/apps/{guid}/actions/start").status, range(2)))

    assert answers == [200, 200]
    assert int(reading.get(Process, guid).version) == 1


def test_changes_at_once_lose_nothing(stage: Stage) -> None:
    guid = stage.create()["guid"]

    def change(number: int) -> int:
        body = {"var": {f"V{number}": str(number)}}
        return stage.api.patch(f"/v3/apps/{guid}/environment_variables", json=body).status

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(change, range(4))) == {200}
    assert len(stage.api.get(f"/v3/apps/{guid}/environment_variables").json["var"]) == 4


def test_an_app_of_workers_alone_can_be_started_without_any_command_it_cannot(stage: Stage) -> None:
    workers = stage.runnable("workers", {"worker": "work"})
    assert stage.api.post(f"/v3/apps/{workers}/actions/start").json["state"] == "STARTED"
    assert [reading.get(Process, workers).state] == ["STOPPED"]

    nothing = stage.runnable("nothing", {})
    answered = stage.api.post(f"/v3/apps/{nothing}/actions/start")
    assert answered.status == 422
    assert "no start command" in answered.details[0]


def test_what_was_done_is_told_in_events(stage: Stage) -> None:
    guid = stage.started()
    stage.api.post(f"/v3/apps/{guid}/actions/restart")
    stage.api.post(f"/v3/apps/{guid}/actions/stop")
    stage.api.post(f"/v3/apps/{guid}/actions/stop")

    told = stage.api.get("/v3/audit_events", target_guids=guid, per_page=100).json["resources"]

    assert Counter(event["type"] for event in told) == {
        "audit.app.create": 1,
        "audit.app.package.create": 1,
        "audit.app.package.upload": 1,
        "audit.app.build.create": 1,
        "audit.app.droplet.create": 1,
        "audit.app.droplet.mapped": 1,
        "audit.app.revision.create": 1,
        "audit.app.start": 1,
        "audit.app.restart": 1,
        "audit.app.stop": 1,
    }


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v3/apps/GUID", 2),
        ("/v3/apps?names=shop&space_guids=SPACE", 2),
        ("/v3/apps", 2),
        ("/v3/apps/GUID/processes", 4),
        ("/v3/processes/GUID", 2),
        ("/v3/processes/GUID/stats", 5),
        ("/v3/packages?app_guids=GUID", 2),
    ],
)
def test_reads_are_few_and_never_a_scan(stage: Stage, counting: Counting, path: str, most: int) -> None:
    guid = stage.started()

    with counting() as calls:
        answered = stage.api.get(path.replace("GUID", guid).replace("SPACE", stage.space))

    assert answered.status == 200
    assert calls.total() <= most, calls
    assert "Scan" not in calls
