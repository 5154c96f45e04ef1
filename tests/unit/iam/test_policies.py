"""The policies that are committed, and what no part may ever do."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.iam.evaluator import Call, is_allowed
from infra.iam.grants import TOPOLOGY
from infra.iam.render import filled, rendered
from infra.iam.table import CONTROL, FUNCTIONS, PARTS, SEEN
from infra.iam.unseen import UNSEEN

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
    functions = {spec["handler"] for spec in TOPOLOGY["queues"].values() if "handler" in spec} | set(
        TOPOLOGY["schedules"]
    )
    assert functions | {"api_handler"} == set(FUNCTIONS) == set(FUNCTIONS.values())
    assert set(PARTS) == {*FUNCTIONS, "dea", "router"}


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


#: All that changes a row, a table or a topic, or says something on it.
CHANGES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete")
TABLES = ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "RestoreTableFromBackup", "ImportTable")
TOPICS = ("Publish", "Subscribe", "SetTopicAttributes", "AddPermission", "DeleteTopic")


@pytest.mark.parametrize("part", HM)
def test_the_health_manager_can_neither_write_desired_state_nor_publish(part: str) -> None:
    for name in CONTROL:
        resources = (table(name), f"{table(name)}/index/by-day")
        writing = [(f"dynamodb:{action}", one) for action in (*CHANGES, *TABLES) for one in resources]
        assert not [asked for asked in writing if may(part, *asked)], name
    for name in TOPOLOGY["topics"]:
        topic = f"arn:aws:sns:{PLACE}:zf-{name}"
        assert not [action for action in TOPICS if may(part, f"sns:{action}", topic)], name


@pytest.mark.parametrize("part", HM)
def test_the_health_manager_tells_nobody_but_the_cloud_controller_and_itself(part: str) -> None:
    told = "hm" if part == "hm_quick_sweep" else "cc"
    for name in {"dea-i-0123-boot", "router-i-0123-boot", *TOPOLOGY["queues"]} - {told}:
        assert not may(part, "sqs:SendMessage", queue(name)), name
    assert may(part, "sqs:SendMessage", queue(told))
    actions = {action for statement in of(part)["Statement"] for action in statement["Action"]}
    assert not any(action.startswith(("s3:", "secretsmanager:", "sns:")) for action in actions)
    assert {action for action in actions if action.startswith("ec2:")} <= {"ec2:DescribeInstances"}
    readable = {name for name in CONTROL if may(part, "dynamodb:GetItem", table(name))}
    assert readable <= {"members", "placements", "processes"}


@pytest.mark.parametrize("part", ["hm_quick_sweep", "hm_full_sweep"])
def test_sweeps_on_a_schedule_change_nothing_at_all(part: str) -> None:
    writes = [f"dynamodb:{action}" for action in CHANGES]
    assert not [name for name in TOPOLOGY["tables"] if any(may(part, action, table(name)) for action in writes)]


def test_what_was_done_and_what_is_billed_is_never_taken_back_but_by_a_purge() -> None:
    for part in PARTS:
        for name in ("audit-events", "usage-events"):
            assert not may(part, "dynamodb:DeleteItem", table(name)), (part, name)
            purges = part == "api_handler" and name == "usage-events"
            assert may(part, "dynamodb:BatchWriteItem", table(name)) == purges, (part, name)


def test_only_the_cloud_controller_has_the_keys_and_only_its_api_changes_them() -> None:
    secret = f"arn:aws:secretsmanager:{PLACE}:secret:zf-signing-key-AbCdEf"
    readers = {part for part in PARTS if may(part, "secretsmanager:GetSecretValue", secret)}
    assert readers == {"api_handler", "cc_inbox", "cc_jobs", "cc_sweep"}
    assert {part for part in PARTS if may(part, "secretsmanager:PutSecretValue", secret)} == {"api_handler"}


def test_a_function_polls_its_own_queue_and_no_other() -> None:
    polled = {
        part: [name for name in TOPOLOGY["queues"] if may(part, "sqs:ReceiveMessage", queue(name))]
        for part in FUNCTIONS
    }
    handlers = {spec["handler"]: [name] for name, spec in TOPOLOGY["queues"].items() if "handler" in spec}
    # Whose quick sweeps empty it.
    handlers["hm_inbox"].append("beats")
    assert polled == {part: handlers.get(part, []) for part in FUNCTIONS}


def test_only_the_api_touches_dead_letters() -> None:
    for name in TOPOLOGY["queues"]:
        assert {part for part in PARTS if may(part, "sqs:DeleteMessage", queue(f"{name}-dead"))} == {"api_handler"}


def test_every_exception_has_its_reason_and_none_is_a_grant_that_stands_in_the_table() -> None:
    for part, grants in UNSEEN.items():
        granted = {(action, one) for grant in SEEN[part] for action in grant.actions for one in grant.resources}
        for grant in grants:
            assert grant.unseen, (part, grant)
            again = granted & {(action, one) for action in grant.actions for one in grant.resources}
            assert not again, (part, again)


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
