"""The weather's decisions: the same for the same seed, with the shares they claim, in the services' own words."""

import json
from collections import Counter
from typing import Any

import pytest

from infra.local import weather
from infra.local.weather import Dice, allows, fault_of, is_stale, writes_of

QUEUE, TOPIC = "arn:aws:sqs:us-east-1:123456789012:zf-dea-0", "arn:aws:sns:us-east-1:123456789012:zf-dea"


def test_one_seed_gives_one_weather_whatever_else_is_rolled() -> None:
    one, other = Dice("7"), Dice("7")
    rolled = [one.roll("stale") for _ in range(5)]
    mixed = []
    for _ in range(5):
        other.roll("sns-delay")
        mixed.append(other.roll("stale"))
    assert rolled == mixed
    assert rolled != [Dice("8").roll("stale") for _ in range(5)]
    assert all(0 <= value < 1 for value in rolled)


def test_each_fault_has_its_share_of_calls() -> None:
    dice = Dice("shares")
    faults = [fault_of("dynamodb", "TransactWriteItems", dice.roll("x")) for _ in range(20000)]
    shares = Counter((fault.code, fault.after) if fault else None for fault in faults)
    assert shares[("TransactionCanceledException", False)] / 20000 == pytest.approx(0.01, abs=0.003)
    assert shares[("ProvisionedThroughputExceededException", False)] / 20000 == pytest.approx(0.01, abs=0.003)
    assert shares[("InternalServerError", False)] / 20000 == pytest.approx(0.005, abs=0.002)
    assert shares[("InternalServerError", True)] / 20000 == pytest.approx(0.005, abs=0.002)


def test_only_transactions_meet_each_other() -> None:
    assert fault_of("dynamodb", "TransactWriteItems", 0.0) is weather.CONFLICT
    assert fault_of("dynamodb", "PutItem", 0.0) is None
    assert fault_of("sqs", "SendMessage", 0.5) is None


def test_a_conflict_names_its_reason_once_per_item() -> None:
    status, _, body = weather.refusal("dynamodb", weather.CONFLICT, {"TransactItems": [{}, {}]})
    assert status == 400
    assert [reason["Code"] for reason in json.loads(body)["CancellationReasons"]] == ["TransactionConflict", "None"]


@pytest.mark.parametrize(
    ("action", "params", "stale"),
    [
        ("GetItem", {"TableName": "t"}, True),
        ("GetItem", {"TableName": "t", "ConsistentRead": True}, False),
        ("Query", {"TableName": "t", "IndexName": "i"}, True),
        ("Scan", {"TableName": "t", "ConsistentRead": False}, True),
        ("BatchGetItem", {"RequestItems": {"t": {"ConsistentRead": True}}}, False),
        ("BatchGetItem", {"RequestItems": {"t": {"ConsistentRead": True}, "u": {}}}, True),
        ("TransactGetItems", {"TransactItems": []}, False),
        ("PutItem", {"TableName": "t"}, False),
    ],
)
def test_a_read_is_stale_unless_it_asks_for_consistency(action: str, params: dict[str, Any], stale: bool) -> None:
    assert is_stale(action, params) is stale


def test_every_changed_item_is_named() -> None:
    key, item = {"k": {"S": "1"}}, {"k": {"S": "2"}, "n": {"N": "1"}}
    assert writes_of("PutItem", {"TableName": "t", "Item": item}) == [("t", item)]
    assert writes_of("UpdateItem", {"TableName": "t", "Key": key}) == [("t", key)]
    transaction = [
        {"Put": {"TableName": "t", "Item": item}},
        {"Delete": {"TableName": "u", "Key": key}},
        {"ConditionCheck": {"TableName": "v", "Key": key}},
    ]
    assert writes_of("TransactWriteItems", {"TransactItems": transaction}) == [("t", item), ("u", key)]
    batch = {"t": [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": key}}]}
    assert writes_of("BatchWriteItem", {"RequestItems": batch}) == [("t", item), ("t", key)]
    assert writes_of("Query", {"TableName": "t"}) == []


def policy(**changes: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": [TOPIC, "arn:other"]}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | changes]})


def test_a_policy_for_this_topic_and_queue_allows_delivery() -> None:
    assert allows(policy(), QUEUE, TOPIC)
    assert allows(policy(Action=["SQS:*"], Resource="*", Condition={}), QUEUE, TOPIC)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "not JSON",
        policy(Resource=f"{QUEUE}-other"),
        policy(Action="sqs:ReceiveMessage"),
        policy(Principal={"Service": "events.amazonaws.com"}),
        policy(Condition={"ArnEquals": {"aws:SourceArn": "arn:other"}}),
        policy(Condition={"ArnEquals": {"aws:SourceAccount": "123456789012"}}),
        policy(Condition={"DateGreaterThan": {"aws:SourceArn": TOPIC}}),
        policy(Effect="Deny"),
    ],
)
def test_a_missing_or_wrong_policy_refuses_delivery(wrong: str | None) -> None:
    assert not allows(wrong, QUEUE, TOPIC)
