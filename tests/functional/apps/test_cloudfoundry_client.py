"""Cloud Foundry's Python client on apps, processes, packages, droplets, buildpacks and stacks."""

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.errors import InvalidStatusCode
from cloudfoundry_client.v3.packages import PackageType

from tests.functional.apps.conftest import Stage
from tests.functional.identity import test_cloudfoundry_client as unmodified

address, client, jobs_done = unmodified.address, unmodified.client, unmodified.jobs_done


def test_it_restarts_reads_and_removes_an_app(client: CloudFoundryClient, stage: Stage, jobs_done: None) -> None:
    guid, apps = stage.started(), client.v3.apps
    assert apps.restart(guid)["state"] == "STARTED"
    assert apps.get_first(names="shop")["guid"] == guid
    assert apps.get_env(guid)["application_env_json"]["VCAP_APPLICATION"]["name"] == "shop"
    assert [package["state"] for package in apps.list_packages(guid)] == ["READY"]
    (droplet,) = apps.list_droplets(guid)
    assert droplet["state"] == "STAGED"
    assert droplet.app()["name"] == "shop"
    assert apps.get_routes(guid)["resources"] == list(apps.list_routes(guid)) == []
    assert apps.get_manifest(guid).startswith("applications:\n- name: shop\n")
    assert [one["version"] for one in apps.list_revisions(guid)] == [1]
    (process,) = client.v3.processes.list(app_guids=guid, types="web")
    assert client.v3.processes.get(process["guid"])["command"] == "python server.py"
    assert process.app()["guid"] == guid
    assert len(client.v3.processes) == 1
    apps.remove(guid, asynchronous=False)
    with pytest.raises(InvalidStatusCode) as refused:
        apps.get(guid)
    assert (refused.value.status_code, refused.value.body["errors"][0]["title"]) == (404, "CF-ResourceNotFound")


def test_it_makes_and_copies_packages(client: CloudFoundryClient, stage: Stage) -> None:
    app, other, packages = stage.create()["guid"], stage.create("other")["guid"], client.v3.packages
    made = packages.create(app, PackageType.BITS, {"from": "here"}, {"note": "n"})
    assert (made["state"], made["metadata"]["labels"]) == ("AWAITING_UPLOAD", {"from": "here"})
    ready = stage.ready_package(app)
    copied = packages.copy(ready, other, {"of": "shop"})
    assert (copied["state"], copied["relationships"]["app"]["data"]["guid"]) == ("COPYING", other)
    assert [one["guid"] for one in packages.list(app_guids=other)] == [copied["guid"]]
    assert packages.get(copied["guid"])["metadata"]["labels"] == {"of": "shop"}
    assert list(packages.list_droplets(ready)) == []
    stage.staged_build(stage.build(ready))
    assert [droplet["state"] for droplet in packages.list_droplets(ready)] == ["STAGED"]


def test_it_makes_copies_changes_and_removes_droplets(
    client: CloudFoundryClient, stage: Stage, jobs_done: None
) -> None:
    app, other, droplets = stage.create()["guid"], stage.create("other")["guid"], client.v3.droplets
    made = droplets.create(app, {"web": "serve"}, {"kind": "mine"})
    assert (made["state"], made["process_types"]) == ("AWAITING_UPLOAD", {"web": "serve"})
    staged = stage.staged(app)
    copied = droplets.copy(staged, other)
    assert copied["relationships"]["app"]["data"]["guid"] == other
    assert droplets.update(staged, {"checked": "yes"}, {"by": "me"})["metadata"] == {
        "labels": {"checked": "yes"},
        "annotations": {"by": "me"},
    }
    assert {one["guid"] for one in droplets.list(app_guids=app)} == {made["guid"], staged}
    job = droplets.remove(staged)
    client.v3.jobs.wait_for_job_completion(job)
    assert [one["guid"] for one in droplets.list(app_guids=app)] == [made["guid"]]


def test_it_makes_moves_locks_and_removes_buildpacks(client: CloudFoundryClient, jobs_done: None) -> None:
    buildpacks = client.v3.buildpacks
    made = buildpacks.create("rust", position=1, enabled=False, meta_labels={"of": "us"})
    assert (made["state"], made["position"], made["enabled"]) == ("AWAITING_UPLOAD", 1, False)
    second = buildpacks.create("zig", position=1)
    assert [one["name"] for one in buildpacks.list(names="rust,zig", order_by="position")] == ["zig", "rust"]
    changed = buildpacks.update(made["guid"], "rusty", position=1, locked=True)
    assert (changed["name"], changed["position"], changed["locked"], changed["enabled"]) == ("rusty", 1, True, True)
    assert buildpacks.get(second["guid"])["position"] == 2
    buildpacks.remove(made["guid"], asynchronous=False)
    assert buildpacks.get_first(names="rusty") is None


def test_it_makes_changes_and_removes_stacks(client: CloudFoundryClient, stage: Stage) -> None:
    stacks, app = client.v3.stacks, stage.create()["guid"]
    default = stacks.get_first(names="cflinuxfs4")
    assert [one["guid"] for one in stacks.list_apps(default["guid"])] == [app]
    made = stacks.create("mine", "of my own", {"os": "mine"})
    assert stacks.update(made["guid"], meta_annotations={"eol": "never"})["metadata"] == {
        "labels": {"os": "mine"},
        "annotations": {"eol": "never"},
    }
    stacks.remove(made["guid"])
    assert {one["name"] for one in stacks} == {"cflinuxfs4"}
