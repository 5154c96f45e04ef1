"""The archive for this machine: unpacked, called by its handlers' names with nothing else on the path."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.components import Announce
from chalicelib.contracts.envelope import Envelope
from infra.package import archive, build, contents
from tests.functional.cloud import Cloud
from tests.functional.conftest import ADMIN_PASSWORD
from tests.functional.package.calling import asked, call, fixture, login, messages, run


def test_the_api_serves_what_api_gateway_asks(unpacked: Path, cloud: Cloud, world: World) -> None:
    root, granted, unknown, anonymous = call(
        unpacked,
        "api_handler",
        asked("GET", "/"),
        login(ADMIN_PASSWORD),
        asked("GET", "/v3/apps/nope", "/v3/apps/{guid}", variables={"guid": "nope"}),
        asked("GET", "/v3/organizations"),
    )
    assert root["answer"]["statusCode"] == 200
    links = json.loads(root["answer"]["body"])["links"]
    # The host that API Gateway was asked by is none of ours: links lead to the routers.
    assert links["cloud_controller_v3"]["href"].startswith(world.config.api_url)
    assert (unknown["answer"]["statusCode"], anonymous["answer"]["statusCode"]) == (401, 401)
    token = json.loads(granted["answer"]["body"])["access_token"]
    bearer = {"Authorization": f"bearer {token}"}
    known, missing = call(
        unpacked,
        "api_handler",
        asked("GET", "/v3/organizations", headers=bearer),
        asked("GET", "/v3/apps/nope", "/v3/apps/{guid}", variables={"guid": "nope"}, headers=bearer),
    )
    assert [one["name"] for one in json.loads(known["answer"]["body"])["resources"]] == ["local"]
    assert missing["answer"]["statusCode"] == 404
    assert json.loads(missing["answer"]["body"])["errors"][0]["title"] == "CF-ResourceNotFound"


def test_links_lead_where_the_client_asked_and_never_to_the_stage(unpacked: Path, cloud: Cloud, world: World) -> None:
    (granted,) = call(unpacked, "api_handler", login(ADMIN_PASSWORD))
    bearer = {"Authorization": f"bearer {json.loads(granted['answer']['body'])['access_token']}"}
    asked_for = asked("GET", "/v3/buildpacks", headers=bearer | {"X-Forwarded-Host": "api.localhost"})
    asked_for |= {"queryStringParameters": {"per_page": "1"}, "multiValueQueryStringParameters": {"per_page": ["1"]}}
    elsewhere = json.loads(json.dumps(asked_for).replace('"api.localhost"', '"evil.example.com"'))
    by_name, by_another = call(unpacked, "api_handler", asked_for, elsewhere)
    page = json.loads(by_name["answer"]["body"])["pagination"]
    assert page["next"]["href"].startswith("https://api.localhost/v3/buildpacks?")
    links = json.loads(by_another["answer"]["body"])["pagination"]
    assert links["next"]["href"].startswith(f"{world.config.api_url}/v3/buildpacks?")


@pytest.mark.parametrize(("queue", "function"), [("cc", "cc_inbox"), ("hm", "hm_inbox")])
def test_an_inbox_reports_what_it_cannot_read_and_that_alone(
    unpacked: Path, cloud: Cloud, queue: str, function: str
) -> None:
    said = to_json(Announce(type="dea", id="dea-x", boot="1", http="http://10.0.0.9:8081", started_at=1.0))
    good = Envelope("1", "component.announce", time.time(), "dea-x", "", said).encode()
    (told,) = call(unpacked, function, messages(queue, good, "no envelope", good))
    assert told["answer"] == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_job_that_nobody_knows_is_not_tried_for_ever(unpacked: Path, cloud: Cloud) -> None:
    (told,) = call(unpacked, "cc_jobs", messages("jobs", "{}"))
    assert told["answer"] == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.mark.parametrize("function", ["cc_sweep", "hm_quick_sweep", "hm_full_sweep"])
def test_a_clock_calls_a_sweep(unpacked: Path, cloud: Cloud, function: str) -> None:
    assert call(unpacked, function, fixture("schedule")) == [{"answer": None}]
    if function == "hm_quick_sweep":
        assert "hm.ping" in {envelope.subject for envelope in cloud.taken("queue:hm")}


def test_an_event_of_another_kind_is_an_error_so_that_nothing_is_taken_for_done(unpacked: Path, cloud: Cloud) -> None:
    (told,) = call(unpacked, "cc_inbox", {"detail-type": "Scheduled Event"})
    assert "KeyError" in told["error"]


def test_every_function_without_its_installation_says_which_variable_is_missing(unpacked: Path) -> None:
    """Once for all: api_handler and cc functions share the configuration that is asked."""
    for function, event in {"api_handler": asked("GET", "/"), "hm_quick_sweep": fixture("schedule")}.items():
        done = run(unpacked, function, [event], {"AWS_DEFAULT_REGION": "us-east-1"})
        assert "ZF_PREFIX is not set" in done.stdout + done.stderr, function


def test_the_archive_is_small_and_has_what_the_functions_read(made: Path, unpacked: Path) -> None:
    told = json.loads((made / "functions.json").read_text())
    assert told["bytes"] == (made / "functions.zip").stat().st_size < 12_000_000
    assert (unpacked / "chalicelib" / "api" / "openapi.json").exists()
    described = {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == set(told["services"])
    assert all(len(list((unpacked / "botocore" / "data" / name).iterdir())) == 1 for name in described)
    assert not list(unpacked.rglob("*.dist-info"))
    assert {"app.py", "chalice", "chalicelib"} <= {path.name for path in unpacked.iterdir()}
    native = {f"{name} {tags}" for name, tags in told["wheels"].items() if not tags[0].endswith("any")}
    assert {name.split()[0] for name in native} == {"argon2_cffi_bindings", "cffi", "cryptography", "pyyaml"}
    assert len(told["natives"]) == 4


def test_an_archive_made_again_is_the_same_and_compiled_files_name_lambdas_folder(
    made: Path, tmp_path: Path, unpacked: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(unpacked, again, ignore=shutil.ignore_patterns("__pycache__"))
    build.compile_all(Path(sys.executable), again)
    archive.pack(again, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (made / "functions.zip").read_bytes()
    (compiled,) = (again / "chalicelib" / "handlers" / "__pycache__").glob("hm.*.pyc")
    assert b"/var/task/chalicelib/handlers/hm.py" in compiled.read_bytes()


def test_what_was_made_for_another_machine_is_refused(unpacked: Path) -> None:
    natives = {path.name: path.read_bytes() for path in unpacked.rglob("*.so*")}
    here = build.this_machine()
    (other,) = set(contents.MACHINES) - {here.architecture}
    assert contents.misfits(natives, here.architecture, here.python) == []
    assert len(contents.misfits(natives, other, here.python)) == len(natives)
    assert contents.misfits(natives, here.architecture, "3.99")
