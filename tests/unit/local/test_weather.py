"""The weather's decisions: the same for the same seed, with the shares they claim, in the services' own words."""

import json
from collections import Counter
from typing import Any

import pytest

from infra.local import weather
from infra.local.weather import STORM, Dice, Weather, allows, fault_of, forecast, is_stale, parse, writes_of

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
    faults = [fault_of(STORM, "dynamodb", "TransactWriteItems", dice.roll("x")) for _ in range(20000)]
    shares = Counter((fault.code, fault.after) if fault else None for fault in faults)
    assert shares[("TransactionCanceledException", False)] / 20000 == pytest.approx(0.01, abs=0.003)
    assert shares[("ProvisionedThroughputExceededException", False)] / 20000 == pytest.approx(0.01, abs=0.003)
    assert shares[("InternalServerError", False)] / 20000 == pytest.approx(0.005, abs=0.002)
    assert shares[("InternalServerError", True)] / 20000 == pytest.approx(0.005, abs=0.002)


def test_only_transactions_meet_each_other() -> None:
    assert fault_of(STORM, "dynamodb", "TransactWriteItems", 0.0) is weather.CONFLICT
    assert fault_of(STORM, "dynamodb", "PutItem", 0.0) is None
    assert fault_of(STORM, "sqs", "SendMessage", 0.5) is None


def test_a_service_that_is_down_answers_every_call_by_an_error_and_others_none() -> None:
    bus_down = Weather(down=("sns", "sqs"))
    for roll in (0.0, 0.5, 0.999):
        fault = fault_of(bus_down, "sqs", "SendMessage", roll)
        assert fault
        assert (fault.status, fault.after) == (500, False)
        assert fault_of(bus_down, "dynamodb", "TransactWriteItems", roll) is None


def test_only_what_is_named_happens() -> None:
    assert forecast({}) is None
    assert forecast({"ZF_WEATHER_SEED": "7"}) == ("7", STORM)
    assert forecast({"ZF_WEATHER_DUPLICATES": "1", "ZF_WEATHER_REVERSED_S": "0.2"}) == (
        "",
        Weather(duplicates=1, reversed_s=0.2),
    )
    assert forecast({"ZF_WEATHER_SEED": "7", "ZF_WEATHER_THROTTLES": "0.5"}) == ("7", Weather(throttles=0.5))
    assert parse({"down": ["sqs"], "late": {"router.register": 2}}) == Weather(
        down=("sqs",), late={"router.register": 2.0}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"rain": 1},
        {"duplicates": 2},
        {"duplicates": "1"},
        {"throttles": -0.1},
        {"stale_most_s": float("nan")},
        {"sns_most_s": float("inf")},
        {"down": "sqs"},
        {"down": ["ec2"]},
        {"late": {"router.register": -1}},
    ],
)
def test_a_weather_that_there_is_not_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="weather"):
        parse(wrong)


def test_a_delivery_is_later_when_its_message_contains_the_text() -> None:
    weather_now = Weather(sns_least_s=0.1, sns_most_s=0.3, late={"router.register": 2.0})
    assert weather_now.sns_delay_s('{"subject":"router.register"}', 0.5) == pytest.approx(2.2)
    assert weather_now.sns_delay_s('{"subject":"router.unregister"}', 0.0) == pytest.approx(0.1)


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
