"""What Terraform reads of app.py: as the code is today, and within API Gateway's limits."""

import json
import re
from typing import Any

import pytest

from chalicelib.contracts.frozen import frozen
from infra.iam.table import PARTS
from infra.package import chalice, gateway, module, terraform
from infra.package.build import LOCK, TOPOLOGY, interpreter_of

#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: what an account has without asking.
RESOURCES, DESCRIPTION_BYTES = 300, 6 * 1024 * 1024
PART = re.compile(r"[A-Za-z0-9._:-]+|\{[A-Za-z0-9._-]+\}")

API: dict[str, Any] = json.loads((module.MODULE / "api.json").read_text())
CHALICE: dict[str, Any] = json.loads((module.MODULE / "chalice.tf.json").read_text())
RESOURCE = CHALICE["resource"]
#: Those that a function is called by.
QUEUES = {queue: spec for queue, spec in TOPOLOGY["queues"].items() if "handler" in spec}


def test_what_is_committed_is_what_chalice_says_of_the_code() -> None:
    for name, text in module.files().items():
        assert (module.MODULE / name).read_text() == text, f"{name} is of older code: make openapi renews it"


def resources() -> set[str]:
    """Every path that API Gateway makes a resource of: all beginnings of all paths."""
    found = {"/"}
    for path in API["paths"]:
        parts = path.strip("/").split("/")
        found |= {"/" + "/".join(parts[: length + 1]) for length in range(len(parts))}
    return found


def test_the_api_is_within_the_limits_of_api_gateway() -> None:
    assert len(resources()) <= RESOURCES
    assert (module.MODULE / "api.json").stat().st_size < DESCRIPTION_BYTES
    assert RESOURCE["aws_lambda_function"]["api_handler"]["timeout"] == chalice.API_TIMEOUT_S <= 29
    for path in resources() - {"/"}:
        for part in path.strip("/").split("/"):
            assert PART.fullmatch(part), path


def test_variables_at_the_same_place_have_the_same_name() -> None:
    """API Gateway takes one name for the variable below a path; Chalice packages several."""
    names: dict[str, set[str]] = {}
    for path in resources():
        above, _, last = path.rpartition("/")
        if last.startswith("{"):
            names.setdefault(above, set()).add(last)
    assert {above: found for above, found in names.items() if len(found) > 1} == {}


def test_every_method_calls_the_one_function_and_declares_its_variables() -> None:
    for path, methods in API["paths"].items():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            assert (integration["type"], integration["uri"]) == ("aws_proxy", gateway.FUNCTION)
            declared = {one["name"] for one in method.get("parameters", []) if one["in"] == "path"}
            assert declared == set(re.findall(r"\{(.+?)\}", path)), path


def test_api_gateways_own_errors_are_in_cloud_foundrys_shape() -> None:
    said = API["x-amazon-apigateway-gateway-responses"]
    assert said["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == 404
    for kind, response in said.items():
        (error,) = json.loads(response["responseTemplates"]["application/json"])["errors"]
        assert set(error) == {"code", "title", "detail"}, kind
        assert error["title"].startswith("CF-")
        # "$context" and the like would be read as a template.
        assert "$" not in response["responseTemplates"]["application/json"]


def test_every_function_has_a_role_of_its_own() -> None:
    functions = set(RESOURCE["aws_lambda_function"])
    assert functions == set(CHALICE["locals"]["functions"]) == set(PARTS) - {"dea", "router"}
    assert {one["role"] for one in RESOURCE["aws_lambda_function"].values()} == {
        f'${{aws_iam_role.this["{name}"].arn}}' for name in functions
    }


def test_queues_call_their_handlers_and_failures_are_told_one_by_one() -> None:
    sources = RESOURCE["aws_lambda_event_source_mapping"]
    assert set(sources) == {spec["handler"] for spec in QUEUES.values()}
    for queue, spec in QUEUES.items():
        source = sources[spec["handler"]]
        assert source["event_source_arn"] == f'${{var.queue_arns["{queue}"]}}'
        assert source["function_response_types"] == ["ReportBatchItemFailures"]
        assert source["batch_size"] == spec["batch_size"]
        # Lambda refuses batches above ten without a window, and a visibility below the function's time.
        assert spec["batch_size"] <= 10 or source["maximum_batching_window_in_seconds"] >= 1
        assert RESOURCE["aws_lambda_function"][spec["handler"]]["timeout"] * 6 <= spec["visibility_s"]


def test_functions_may_call_themselves_through_their_queues() -> None:
    """A task's check of every minute would be dropped after a quarter of an hour otherwise."""
    allowed = RESOURCE["aws_lambda_function_recursion_config"]
    assert {name for name, one in allowed.items() if one["recursive_loop"] == "Allow"} == {
        spec["handler"] for spec in QUEUES.values()
    }


def test_clocks_call_their_sweeps_and_have_a_permission_each() -> None:
    for kind in ("aws_cloudwatch_event_rule", "aws_cloudwatch_event_target", "aws_lambda_permission"):
        assert set(RESOURCE[kind]) == set(TOPOLOGY["schedules"])
    for name, spec in TOPOLOGY["schedules"].items():
        assert RESOURCE["aws_cloudwatch_event_rule"][name]["schedule_expression"] == "rate(1 minute)"
        assert RESOURCE["aws_lambda_function"][name]["timeout"] <= spec["rate_s"]


@frozen
class Case:
    what: str
    path: tuple[str, ...]
    value: Any


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "another queue", ("aws_lambda_event_source_mapping", "cc_inbox-sqs-event-source", "event_source_arn"), "x:y"
        ),
        Case("another batch", ("aws_lambda_event_source_mapping", "hm_inbox-sqs-event-source", "batch_size"), 7),
        Case("another clock", ("aws_cloudwatch_event_rule",), {"new-event": {}}),
    ],
    ids=lambda case: case.what,
)
def test_code_that_differs_from_the_topology_is_not_packaged(case: Case) -> None:
    queues = {
        f"{spec['handler']}-sqs-event-source": {"event_source_arn": f"arn:x:{queue}", "batch_size": spec["batch_size"]}
        for queue, spec in QUEUES.items()
    }
    given = {
        "aws_lambda_function": {},
        "aws_lambda_event_source_mapping": queues,
        "aws_cloudwatch_event_rule": {f"{name}-event": {} for name in TOPOLOGY["schedules"]},
    }
    assert terraform.current({"resource": given}, TOPOLOGY)
    place: dict[str, Any] = given
    for step in case.path[:-1]:
        place = place[step]
    place[case.path[-1]] = case.value
    with pytest.raises(terraform.Changed):
        terraform.current({"resource": given}, TOPOLOGY)


def test_the_lock_is_part_of_the_projects() -> None:
    def pins(text: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==[^ ;]+)", text, re.M))

    functions = pins(LOCK.read_text())
    assert {"botocore", "pynamodb", "joserfc"} <= {pin.partition("==")[0] for pin in functions}
    assert functions <= pins((LOCK.parent / "all.txt").read_text())


def test_an_interpreter_of_another_version_is_none() -> None:
    import sys

    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert interpreter_of(here, sys.executable) is not None
    assert interpreter_of("3.99", sys.executable) is None
    assert interpreter_of("3.99") is None
