"""The policies that are committed, and what no part may ever do."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.iam.evaluator import Call, is_allowed
from infra.iam.render import filled, rendered
from infra.iam.table import CONTROL, PARTS, TOPOLOGY, WRITE

POLICIES = Path(__file__).parents[3] / "infra" / "iam" / "policies"
PLACE = "us-east-1:123456789012"
#: The longest that an installation and a region are named.
LONGEST = ("a" * 24, "ap-southeast-1")
MOST_CHARACTERS = 10_240
HM = [part for part in PARTS if part.startswith("hm_")]


def of(part: str, prefix: str = "zf", region: str = "us-east-1") -> dict[str, Any]:
    return filled((POLICIES / f"{part}.json").read_text(), prefix, region)


def may(part: str, action: str, resource: str) -> bool:
    return is_allowed([of(part)], Call(action, resource))


def table(name: str) -> str:
    return f"arn:aws:dynamodb:{PLACE}:table/zf-{name}"


def queue(name: str) -> str:
    return f"arn:aws:sqs:{PLACE}:zf-{name}"


def test_the_committed_files_are_what_the_table_says() -> None:
    assert {path.name: path.read_text() for path in POLICIES.iterdir()} == rendered(PARTS), "run python -m infra.iam"


def test_every_function_of_the_topology_has_a_policy() -> None:
    functions = {spec["handler"] for spec in TOPOLOGY["queues"].values()} | set(TOPOLOGY["schedules"])
    assert functions | {"api_handler", "dea", "router"} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_granted_on_everything_without_a_reason(part: str) -> None:
    for statement in of(part)["Statement"]:
        assert all("*" not in action for action in statement["Action"]), statement
    for grant in PARTS[part]:
        assert "*" not in grant.resources or grant.reason, grant


@pytest.mark.parametrize("part", PARTS)
def test_a_role_can_hold_it(part: str) -> None:
    assert len(json.dumps(of(part, *LONGEST), separators=(",", ":"))) <= MOST_CHARACTERS


@pytest.mark.parametrize("part", PARTS)
def test_nobody_scans(part: str) -> None:
    assert not any(may(part, "dynamodb:Scan", table(name)) for name in TOPOLOGY["tables"])


@pytest.mark.parametrize("part", HM)
def test_the_health_manager_has_no_power_but_over_the_actual_state(part: str) -> None:
    for name in CONTROL:
        assert not any(may(part, action, table(name)) for action in (*WRITE, "dynamodb:BatchWriteItem")), name
    assert not any(may(part, "sns:Publish", f"arn:aws:sns:{PLACE}:zf-{name}") for name in TOPOLOGY["topics"])
    assert not may(part, "sqs:SendMessage", queue("dea-i-0123-boot"))
    assert not may(part, "sqs:SendMessage", queue("jobs"))
    assert may(part, "sqs:SendMessage", queue("cc"))
    actions = {action for statement in of(part)["Statement"] for action in statement["Action"]}
    assert not any(action.startswith(("s3:", "secretsmanager:", "sns:")) for action in actions)
    assert not any(may(part, "dynamodb:GetItem", table(name)) for name in ("secrets", "users", "clients"))


def test_hosts_have_no_database_no_blobs_and_no_secrets() -> None:
    for part in ("dea", "router"):
        actions = {action for statement in of(part)["Statement"] for action in statement["Action"]}
        assert {action.partition(":")[0] for action in actions} == {"sns", "sqs"}


def test_only_the_cloud_controller_tells_deas_what_to_do() -> None:
    told = {part for part in PARTS if may(part, "sns:Publish", f"arn:aws:sns:{PLACE}:zf-dea")}
    assert told == {"api_handler", "cc_inbox", "cc_jobs", "cc_sweep"}
    assert {part for part in PARTS if may(part, "sqs:SendMessage", queue("dea-i-0123-boot"))} == told


def test_a_host_reads_no_queue_but_those_of_its_kind() -> None:
    assert may("dea", "sqs:ReceiveMessage", queue("dea-i-0123-boot"))
    assert not any(may("dea", "sqs:ReceiveMessage", queue(name)) for name in ("cc", "hm", "router-i-0123-boot"))


def test_an_index_is_read_with_its_table() -> None:
    assert may("api_handler", "dynamodb:Query", f"{table('audit-events')}/index/by-day")
