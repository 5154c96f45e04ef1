"""The archive for this machine: unpacked, called by its handlers' names with nothing else on the path."""

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.components import Announce
from chalicelib.contracts.envelope import Envelope
from infra.package import build, contents
from infra.package.chalice import ROOT
from infra.package.module import MODULE
from tests.functional.cloud import Cloud
from tests.functional.conftest import ADMIN_PASSWORD

RUNTIME = Path(__file__).with_name("runtime.py")
FUNCTIONS = json.loads((MODULE / "chalice.tf.json").read_text())["resource"]["aws_lambda_function"]
Event = dict[str, Any]


def fixture(name: str) -> Event:
    return dict(json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the archive and its list."""
    out = tmp_path_factory.mktemp("package")
    build.build(build.this_machine(), out)
    return out


@pytest.fixture(scope="module")
def unpacked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(made / "functions.zip") as packed:
        packed.extractall(folder)
    return folder


def call(folder: Path, cloud: Cloud, function: str, *events: Event) -> list[dict[str, Any]]:
    """What the function answered to each event, in a process of its own."""
    python = getattr(sys, "_base_executable", sys.executable)
    credentials = {key: value for key, value in os.environ.items() if key.startswith(("AWS_", "ZF_"))}
    env = credentials | {"AWS_ENDPOINT_URL": cloud.endpoint, "AWS_LAMBDA_FUNCTION_NAME": f"test-{function}"}
    done = subprocess.run(
        [python, "-I", "-S", RUNTIME, folder, FUNCTIONS[function]["handler"]],
        input="\n".join(map(json.dumps, events)),
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def asked(method: str, path: str, resource: str = "", **parts: Any) -> Event:
    """A request as API Gateway tells it; resource: the route, where path has values in it."""
    event = fixture("api_gateway")
    event |= {"resource": resource or path, "path": path, "httpMethod": method, "body": parts.get("body")}
    context = {"resourcePath": resource or path, "httpMethod": method, "path": f"/cf{path}"}
    event["requestContext"] |= context
    event["headers"] |= parts.get("headers", {})
    event["multiValueHeaders"] |= {name: [value] for name, value in parts.get("headers", {}).items()}
    event["pathParameters"] = parts.get("variables")
    return event


def messages(queue: str, *bodies: str) -> Event:
    event = fixture("sqs")
    (record,) = event["Records"]
    source = {"eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:test-{queue}"}
    event["Records"] = [record | source | {"messageId": f"m{index}", "body": body} for index, body in enumerate(bodies)]
    return event


def test_the_api_serves_what_api_gateway_asks(unpacked: Path, cloud: Cloud, world: World) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic Y2Y6"}
    body = f"grant_type=password&username=admin&password={ADMIN_PASSWORD.replace(' ', '+')}"
    login = asked("POST", "/oauth/token", headers=form, body=body)
    root, granted, unknown, anonymous = call(
        unpacked,
        cloud,
        "api_handler",
        asked("GET", "/"),
        login,
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
        cloud,
        "api_handler",
        asked("GET", "/v3/organizations", headers=bearer),
        asked("GET", "/v3/apps/nope", "/v3/apps/{guid}", variables={"guid": "nope"}, headers=bearer),
    )
    assert [one["name"] for one in json.loads(known["answer"]["body"])["resources"]] == ["local"]
    assert missing["answer"]["statusCode"] == 404
    assert json.loads(missing["answer"]["body"])["errors"][0]["title"] == "CF-ResourceNotFound"


@pytest.mark.parametrize(("queue", "function"), [("cc", "cc_inbox"), ("hm", "hm_inbox"), ("beats", "hm_beats")])
def test_an_inbox_reports_what_it_cannot_read_and_that_alone(
    unpacked: Path, cloud: Cloud, queue: str, function: str
) -> None:
    said = to_json(Announce(type="dea", id="dea-x", boot="1", http="http://10.0.0.9:8081", started_at=1.0))
    good = Envelope("1", "component.announce", time.time(), "dea-x", "", said).encode()
    (told,) = call(unpacked, cloud, function, messages(queue, good, "no envelope", good))
    assert told["answer"] == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_job_that_nobody_knows_is_not_tried_for_ever(unpacked: Path, cloud: Cloud) -> None:
    (told,) = call(unpacked, cloud, "cc_jobs", messages("jobs", "{}"))
    assert told["answer"] == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.mark.parametrize("function", ["cc_sweep", "hm_quick_sweep", "hm_full_sweep"])
def test_a_clock_calls_a_sweep(unpacked: Path, cloud: Cloud, function: str) -> None:
    assert call(unpacked, cloud, function, fixture("schedule")) == [{"answer": None}]
    if function == "hm_quick_sweep":
        assert "hm.ping" in {envelope.subject for envelope in cloud.taken("queue:beats")}


def test_an_event_of_another_kind_is_an_error_so_that_nothing_is_taken_for_done(unpacked: Path, cloud: Cloud) -> None:
    (told,) = call(unpacked, cloud, "cc_inbox", {"detail-type": "Scheduled Event"})
    assert "KeyError" in told["error"]


def test_every_function_without_its_installation_says_which_variable_is_missing(unpacked: Path) -> None:
    """Once for all: api_handler and cc functions share the configuration that is asked."""
    env = {"AWS_DEFAULT_REGION": "us-east-1"}
    python = getattr(sys, "_base_executable", sys.executable)
    for function in ("api_handler", "hm_quick_sweep"):
        event = asked("GET", "/") if function == "api_handler" else fixture("schedule")
        done = subprocess.run(
            [python, "-I", "-S", RUNTIME, unpacked, FUNCTIONS[function]["handler"]],
            input=json.dumps(event),
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
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
    build.build(build.this_machine(), again)
    assert (again / "functions.zip").read_bytes() == (made / "functions.zip").read_bytes()
    (compiled,) = (unpacked / "chalicelib" / "handlers" / "__pycache__").glob("hm.*.pyc")
    assert b"/var/task/chalicelib/handlers/hm.py" in compiled.read_bytes()


def test_what_was_made_for_another_machine_is_refused(unpacked: Path) -> None:
    natives = {path.name: path.read_bytes() for path in unpacked.rglob("*.so*")}
    here = build.this_machine()
    (other,) = set(contents.MACHINES) - {here.architecture}
    assert contents.misfits(natives, here.architecture, here.python) == []
    assert len(contents.misfits(natives, other, here.python)) == len(natives)
    assert contents.misfits(natives, here.architecture, "3.99")
