"""What the cloud builder asks AWS for, from topology entries."""

import json

import pytest

from infra.local import cloud


def test_a_queue_lets_failed_messages_go_to_its_own_dead_letters() -> None:
    attributes = cloud.queue_attributes("zf", "cc", {"max_receives": 5})
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:zf-cc-dead",
        "maxReceiveCount": 5,
    }
    assert 3 <= int(attributes["VisibilityTimeout"]) <= 5


@pytest.mark.parametrize("name", list(cloud.topology()["queues"]))
def test_no_queue_gives_up_on_a_message_early(name: str) -> None:
    # A killed consumer's long poll eats a receive, so fewer than five would bury good messages.
    assert cloud.topology()["queues"][name]["max_receives"] >= 5


def test_a_table_has_its_keys_and_indexes_and_nothing_unused() -> None:
    spec = {
        "key": {"hash": ["guid", "S"], "range": ["n", "N"]},
        "indexes": [{"name": "by-space", "hash": ["space", "S"], "range": ["n", "N"], "projection": "KEYS_ONLY"}],
        "ttl": "expires_at",
    }
    definition = cloud.table_definition("zf-t", spec)
    assert definition["KeySchema"] == [
        {"AttributeName": "guid", "KeyType": "HASH"},
        {"AttributeName": "n", "KeyType": "RANGE"},
    ]
    # AWS refuses attributes that no key names.
    assert definition["AttributeDefinitions"] == [
        {"AttributeName": "guid", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
        {"AttributeName": "space", "AttributeType": "S"},
    ]
    assert definition["GlobalSecondaryIndexes"][0]["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert definition["BillingMode"] == "PAY_PER_REQUEST"


def test_a_table_without_indexes_says_nothing_of_them() -> None:
    assert "GlobalSecondaryIndexes" not in cloud.table_definition("t", {"key": {"hash": ["guid", "S"]}})
