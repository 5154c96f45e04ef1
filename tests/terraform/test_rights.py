"""The roles that Terraform would make: what was recorded is allowed to them, and nothing that is not said."""

import json
from typing import Any

import pytest

from infra.iam.__main__ import RECORD
from infra.iam.evaluator import Call, Policy, is_allowed
from infra.iam.grants import DELETE, WRITE
from infra.iam.record import expanded
from infra.iam.render import filled, rendered
from infra.iam.table import CONTROL, FUNCTIONS, PARTS
from tests.terraform.test_topology import TOPOLOGY, Made, installation

PLACE = "us-east-1:123456789012"
#: Actions of which AWS knows no resource.
ANYWHERE = {"ec2:DescribeInstances", "sns:Unsubscribe"}


@pytest.fixture
def name(made: Made) -> str:
    return installation(made)


@pytest.fixture
def roles(made: Made, name: str) -> dict[str, list[Policy]]:
    """Of functions and hosts, by the name behind the installation's -> the policies that are written into it."""
    found: dict[str, list[Policy]] = {
        one["values"]["name"].removeprefix(f"{name}-"): [] for one in made if one["type"] == "aws_iam_role"
    }
    for one in made:
        if one["type"] == "aws_iam_role_policy" and "policy" in one["values"]:
            found[one["values"]["role"].removeprefix(f"{name}-")].append(json.loads(one["values"]["policy"]))
    return found


def several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_function_has_a_role_of_its_own_with_the_policy_of_its_part(
    made: Made, name: str, roles: dict[str, list[Policy]]
) -> None:
    functions = {
        one["values"]["function_name"]: one["values"]["role"].rpartition("/")[2]
        for one in made
        if one["type"] == "aws_lambda_function"
    }
    assert functions == {f"{name}-{function}": f"{name}-{function}" for function in FUNCTIONS}
    for function, part in FUNCTIONS.items():
        expected = filled(rendered({part: PARTS[part]})[f"{part}.json"], name)["Statement"]
        # Each writes into the log group of its own function.
        text = json.dumps(expected).replace(f"{name}-function", f"{name}-{function}")
        assert [policy["Statement"] for policy in roles[function]] == [json.loads(text)], function


def test_whatever_a_part_was_seen_to_ask_for_is_allowed_to_its_role(name: str, roles: dict[str, list[Policy]]) -> None:
    calls = expanded(json.loads(RECORD.read_text()), name)
    assert not [call for call in sorted(calls) if not is_allowed(roles[call[0]], Call(call[1], call[2]))]


def test_the_roles_of_the_health_manager_can_neither_write_desired_state_nor_publish(
    name: str, roles: dict[str, list[Policy]]
) -> None:
    for part in (part for part in PARTS if part.startswith("hm_")):
        calls = [
            (action, f"arn:aws:dynamodb:{PLACE}:table/{name}-{table}")
            for action in (*WRITE, *DELETE, "dynamodb:BatchWriteItem")
            for table in CONTROL
        ]
        calls += [("sns:Publish", f"arn:aws:sns:{PLACE}:{name}-{topic}") for topic in TOPOLOGY["topics"]]
        calls += [("sqs:SendMessage", f"arn:aws:sqs:{PLACE}:{name}-dea-i-0123456789abcdef0-1a2b3c")]
        assert not [call for call in calls if is_allowed(roles[part], Call(*call))], part


def test_no_role_has_an_action_with_a_wildcard_nor_everything_without_need(roles: dict[str, list[Policy]]) -> None:
    for role, policies in roles.items():
        for statement in (statement for policy in policies for statement in policy["Statement"]):
            actions = several(statement["Action"])
            assert not [action for action in actions if "*" in action], (role, statement)
            if "*" in several(statement["Resource"]):
                assert set(actions) <= ANYWHERE, (role, statement)


def test_a_role_is_for_the_service_that_runs_its_part_and_only_the_api_lends_one(made: Made, name: str) -> None:
    lent = {"AWS": f"arn:aws:iam::{PLACE.partition(':')[2]}:role/{name}-api_handler"}
    services = {part: {"Service": "lambda.amazonaws.com"} for part in FUNCTIONS}
    services |= {part: {"Service": "ec2.amazonaws.com"} for part in ("dea", "router")}
    trusted = {}
    for one in (one["values"] for one in made if one["type"] == "aws_iam_role"):
        (statement,) = json.loads(one["assume_role_policy"])["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole"), one["name"]
        trusted[one["name"].removeprefix(f"{name}-")] = statement["Principal"]
    assert trusted.items() >= services.items()
    # Hosts outside AWS, and the network's own flow logs.
    others = {"dea-joined": lent, "flow-logs": {"Service": "vpc-flow-logs.amazonaws.com"}}
    assert {part: trusted[part] for part in trusted if part not in services}.items() <= others.items()
