"""Which messages a handler's answer lets go, and the event it is called with: Lambda's rules."""

from typing import Any

import pytest

from infra.local.event_source import sqs_event, succeeded

MESSAGES = [{"MessageId": name, "ReceiptHandle": f"r-{name}", "Body": "{}", "MD5OfBody": "m"} for name in "abc"]


def kept(answer: Any) -> list[str]:
    return [message["MessageId"] for message in succeeded(MESSAGES, answer)]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "done"])
def test_an_answer_without_failures_lets_all_go(answer: Any) -> None:
    assert kept(answer) == ["a", "b", "c"]


def test_only_what_failed_stays() -> None:
    assert kept({"batchItemFailures": [{"itemIdentifier": "b"}]}) == ["a", "c"]


@pytest.mark.parametrize(
    "failures",
    [
        [{"itemIdentifier": "unknown"}],
        [{"itemIdentifier": ""}],
        [{"item": "a"}],
        ["a"],
        [None],
        [{"itemIdentifier": None}],
    ],
)
def test_failures_that_cannot_be_understood_let_none_go(failures: Any) -> None:
    assert kept({"batchItemFailures": failures}) == []


def test_the_event_has_lambdas_shape() -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:zf-cc"
    message = MESSAGES[0] | {"Attributes": {"ApproximateReceiveCount": "2"}}
    assert sqs_event([message], arn) == {
        "Records": [
            {
                "messageId": "a",
                "receiptHandle": "r-a",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "2"},
                "messageAttributes": {},
                "md5OfBody": "m",
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "us-east-1",
            }
        ]
    }
