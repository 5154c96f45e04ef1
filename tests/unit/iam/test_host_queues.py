"""A host's own queue: what the policy that it gets at boot lets in, decided as IAM would."""

import json
from typing import Any

import pytest

from chalicelib.adapters.inbox import Inbox
from infra.iam.evaluator import Call, is_allowed
from infra.iam.grants import TOPOLOGY
from infra.iam.render import filled, rendered
from infra.iam.table import PARTS

ACCOUNT = "123456789012"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:zf-dea-i-0123-boot"
HEARD = ("components", "dea")


class Aws:
    """SQS and SNS as far as a boot needs them; keeps the queue's policy."""

    def __init__(self) -> None:
        self.policy: dict[str, Any] = {}

    def create_queue(self, **_: Any) -> dict[str, str]:
        return {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/zf-dea-i-0123-boot"}

    def get_queue_attributes(self, **_: Any) -> dict[str, dict[str, str]]:
        return {"Attributes": {"QueueArn": QUEUE}}

    def set_queue_attributes(self, Attributes: dict[str, str], **_: Any) -> None:
        self.policy = json.loads(Attributes["Policy"])

    def subscribe(self, **_: Any) -> dict[str, str]:
        return {"SubscriptionArn": "arn:aws:sns:us-east-1:123456789012:zf-dea:1"}


class Bus:
    prefix = "zf"

    def __init__(self) -> None:
        self.sqs = self.sns = Aws()

    def topic_arn(self, name: str) -> str:
        return f"arn:aws:sns:us-east-1:{ACCOUNT}:zf-{name}"


@pytest.fixture
def policy() -> dict[str, Any]:
    bus: Any = Bus()
    Inbox(bus, "dea-i-0123-boot", HEARD).open()
    return dict(bus.sqs.policy)


def sending(source: str | None, principal: str = "service:sns.amazonaws.com", tls: str = "true") -> Call:
    context = {"aws:securetransport": tls} | ({"aws:sourcearn": source} if source else {})
    return Call("sqs:SendMessage", QUEUE, principal, context)


def test_its_topics_may_send_and_no_other_nor_without_tls(policy: dict[str, Any]) -> None:
    for topic in TOPOLOGY["topics"]:
        arn = Bus().topic_arn(topic)
        assert is_allowed([policy], sending(arn)) == (topic in HEARD), topic
        assert not is_allowed([policy], sending(arn, tls="false"))
        assert not is_allowed([policy], sending(arn.replace(ACCOUNT, "210987654321")))
    assert not is_allowed([policy], sending(None))
    assert not is_allowed([policy], sending(Bus().topic_arn("dea"), "service:events.amazonaws.com"))


@pytest.mark.parametrize("part", PARTS)
def test_a_role_does_with_it_what_its_own_policy_says_and_only_by_tls(policy: dict[str, Any], part: str) -> None:
    own = filled(rendered({part: PARTS[part]})[f"{part}.json"], "zf")
    role = f"arn:aws:iam::{ACCOUNT}:role/zf-{part}"
    for action in ("SendMessage", "ReceiveMessage", "DeleteQueue"):
        call = Call(f"sqs:{action}", QUEUE, role, {"aws:securetransport": "true"})
        assert is_allowed([own, policy], call) == is_allowed([own], call)
        assert not is_allowed([own, policy], Call(call.action, QUEUE, role, {"aws:securetransport": "false"}))
