"""Names of hosts that AWS does not run, and what the credentials of one of them are good for."""

import json

import pytest

from chalicelib.core import joining
from chalicelib.core.joining import Place
from chalicelib.core.timers import LOCAL, Timers
from infra.iam.evaluator import Call, is_allowed
from infra.iam.table import PARTS

PLACE = Place("acme-paas", "eu-central-1", "123456789012", "arn:aws:iam::123456789012:role/acme-paas-dea-joined")
SQS, SNS = "arn:aws:sqs:eu-central-1:123456789012:acme-paas-", "arn:aws:sns:eu-central-1:123456789012:acme-paas-"
BOOT = "019a3f5c0112f0a"
OWN = f"{SQS}dea-lab-1-{BOOT}"


def may(action: str, resource: str, **context: str) -> bool:
    call = Call(action, resource, context={f"sns:{name}": value for name, value in context.items()})
    return is_allowed([joining.session_policy(PLACE, "lab-1")], call)


def test_a_host_has_its_own_queues_and_speaks_on_those_of_the_platform() -> None:
    assert len(BOOT) == joining.BOOT_CHARACTERS
    assert may("sqs:CreateQueue", OWN)
    assert may("sqs:ReceiveMessage", OWN)
    assert may("sqs:SendMessage", f"{SQS}beats")
    assert may("sns:Publish", f"{SNS}routes")
    assert may("sns:Subscribe", f"{SNS}dea", endpoint=OWN, protocol="sqs")


@pytest.mark.parametrize("other", ["lab-2", "lab", "lab-1-a", "lab-11", "i-0123456789abcdef0"])
def test_no_host_touches_the_queues_of_another(other: str) -> None:
    theirs = f"{SQS}dea-{other}-{BOOT}"
    for action in ("sqs:CreateQueue", "sqs:ReceiveMessage", "sqs:DeleteQueue", "sqs:SetQueueAttributes"):
        assert not may(action, theirs)
    assert not may("sns:Subscribe", f"{SNS}dea", endpoint=theirs, protocol="sqs")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sqs:ReceiveMessage", f"{SQS}cc"),
        ("sqs:SendMessage", f"{SQS}jobs"),
        ("sqs:SendMessage", f"{SQS}dea-lab-2-{BOOT}"),
        ("sns:Publish", f"{SNS}dea"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:123456789012:table/acme-paas-apps"),
        (
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-paas-signing-key",
        ),
        ("sts:AssumeRole", PLACE.role),
    ],
)
def test_it_can_do_nothing_else(action: str, resource: str) -> None:
    assert not may(action, resource)


def test_it_takes_away_no_action_that_a_dea_has_and_gives_none_that_it_has_not() -> None:
    """Both must allow a call. The key's actions are of roles whose owner has a key of his own."""
    mine = {
        action
        for statement in joining.session_policy(PLACE, "lab-1")["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    deas = {action for grant in PARTS["dea"] for action in grant.actions}
    assert mine == deas | {"kms:Decrypt", "kms:GenerateDataKey"}


def test_a_topic_is_heard_by_a_queue_and_nothing_else() -> None:
    assert not may("sns:Subscribe", f"{SNS}dea", endpoint="https://elsewhere.example", protocol="https")


def test_the_policy_is_short_enough_for_sts() -> None:
    longest = Place("x" * 24, "ap-southeast-2", "123456789012", PLACE.role.replace("aws", "aws-us-gov"))
    text = json.dumps(joining.session_policy(longest, "h" * 32), separators=(",", ":"))
    assert len(text) <= 2048
    assert "arn:aws-us-gov:sqs:" in text


def test_a_queues_name_has_room_for_the_longest_name() -> None:
    assert len(f"{'x' * 24}-dea-{'h' * 32}-{BOOT}") <= 80


@pytest.mark.parametrize("name", ["lab-1", "ab", "h" * 32])
def test_good_names(name: str) -> None:
    assert joining.fault_of_name(name) == ""


@pytest.mark.parametrize(
    "name", ["", "a", "Lab", "1lab", "lab.1", "lab-", "h" * 33, "läb", "lab\n", "i-0123456789abcdef0"]
)
def test_bad_names(name: str) -> None:
    assert joining.fault_of_name(name)


def test_a_token_names_its_host() -> None:
    assert joining.name_in(joining.token_of("lab-1", "s3cr_et-")) == "lab-1"
    for wrong in ("", "zfjoin", "zfjoin.lab-1", "zfjoin.lab-1.", "zfjoin.LAB.x", "other.lab-1.x", "zfjoin..x"):
        assert joining.name_in(wrong) == ""


def test_an_invitation_expires_and_a_membership_does_not() -> None:
    assert joining.state("INVITED", 10, 9.9) == "INVITED"
    assert joining.state("INVITED", 10, 10) == "EXPIRED"
    assert joining.state("JOINED", 10, 99) == "JOINED"


def test_an_agent_is_told_the_intervals_that_are_not_a_clouds_own() -> None:
    known = {"ZF_PREFIX": "acme-paas", "ZF_ACCOUNT": "123456789012", "AWS_DEFAULT_REGION": "eu-central-1"}
    assert joining.settings(PLACE, Timers(), {"AWS_ENDPOINT_URL": ""}) == known
    told = joining.settings(PLACE, LOCAL, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert (told["ZF_HEARTBEAT_S"], told["ZF_ROUTE_SETTLE_S"]) == ("2", "0.3")
    assert told["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert "ZF_REGISTER_S" not in told
