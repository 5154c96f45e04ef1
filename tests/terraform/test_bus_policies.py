"""Who may send to queues and say something on topics, as IAM would decide it from the planned policies."""

import json
from collections.abc import Iterator

import pytest

from infra.iam.evaluator import Call, Policy, is_allowed
from infra.iam.render import filled, rendered
from infra.iam.table import PARTS
from infra.local import cloud
from tests.terraform.test_topology import Made, installation

TOPOLOGY = cloud.topology()
ACCOUNT, OTHER = "123456789012", "210987654321"
PLACE = f"us-east-1:{ACCOUNT}"
SNS, EVENTS, S3 = "service:sns.amazonaws.com", "service:events.amazonaws.com", "service:s3.amazonaws.com"


@pytest.fixture
def name(made: Made) -> str:
    return installation(made)


def policies(made: Made, kind: str, target: str) -> dict[str, Policy]:
    """Name of the queue or topic -> its policy."""
    return {
        str(one["values"][target]).replace(":", "/").rpartition("/")[2]: json.loads(one["values"]["policy"])
        for one in made
        if one["type"] == kind
    }


def sending(name: str, queue: str, principal: str, source: str | None = None, tls: str = "true") -> Call:
    """source: ARN of what a service sends for."""
    context = {"aws:securetransport": tls} | ({"aws:sourcearn": source} if source else {})
    return Call("sqs:SendMessage", f"arn:aws:sqs:{PLACE}:{name}-{queue}", principal, context)


def role(name: str, part: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}-{part}"


def strangers(name: str) -> Iterator[tuple[str, str | None]]:
    """Principals, and for what they send, that may send to no queue."""
    yield SNS, None
    yield SNS, f"arn:aws:sns:{PLACE}:{name}-elsewhere"
    yield SNS, f"arn:aws:sns:us-east-1:{OTHER}:{name}-components"
    yield SNS, f"arn:aws:sns:eu-west-1:{ACCOUNT}:{name}-components"
    yield EVENTS, None
    yield EVENTS, f"arn:aws:events:{PLACE}:rule/other-hosts"
    yield EVENTS, f"arn:aws:events:us-east-1:{OTHER}:rule/{name}-hosts"
    yield S3, f"arn:aws:s3:::{name}-blobs"
    yield role(name, "anybody"), None
    yield role(name, "dea", OTHER), None


def test_a_queue_hears_its_topics_and_the_events_that_are_for_it_and_nobody_else(made: Made, name: str) -> None:
    found = policies(made, "aws_sqs_queue_policy", "queue_url")
    assert set(found) == {f"{name}-{queue}{end}" for queue in TOPOLOGY["queues"] for end in ("", "-dead")}
    for queue, spec in TOPOLOGY["queues"].items():
        own = [found[f"{name}-{queue}"]]
        for topic in TOPOLOGY["topics"]:
            source = f"arn:aws:sns:{PLACE}:{name}-{topic}"
            assert is_allowed(own, sending(name, queue, SNS, source)) == (topic in spec.get("hears", {})), (
                queue,
                topic,
            )
            assert not is_allowed(own, sending(name, queue, SNS, source, tls="false"))
        rule = f"arn:aws:events:{PLACE}:rule/{name}-hosts"
        assert is_allowed(own, sending(name, queue, EVENTS, rule)) == spec.get("cloud_events", False), queue
        for principal, other in strangers(name):
            assert not is_allowed(own, sending(name, queue, principal, other)), (queue, principal, other)
    assert {queue for queue, spec in TOPOLOGY["queues"].items() if spec.get("cloud_events")} == {"hm"}


def test_no_service_sends_to_dead_letters(made: Made, name: str) -> None:
    found = policies(made, "aws_sqs_queue_policy", "queue_url")
    for queue in TOPOLOGY["queues"]:
        own = [found[f"{name}-{queue}-dead"]]
        told = [(SNS, f"arn:aws:sns:{PLACE}:{name}-{topic}") for topic in TOPOLOGY["topics"]]
        for principal, source in (*told, (EVENTS, f"arn:aws:events:{PLACE}:rule/{name}-hosts"), *strangers(name)):
            assert not is_allowed(own, sending(name, f"{queue}-dead", principal, source))


def test_a_queue_allows_nothing_but_sending(made: Made, name: str) -> None:
    heard = f"arn:aws:sns:{PLACE}:{name}-components"
    for queue, policy in policies(made, "aws_sqs_queue_policy", "queue_url").items():
        for action in ("ReceiveMessage", "DeleteMessage", "PurgeQueue", "SetQueueAttributes", "AddPermission"):
            for principal in (SNS, EVENTS, role(name, "dea"), role(name, "dea", OTHER)):
                resource = f"arn:aws:sqs:{PLACE}:{queue}"
                context = {"aws:securetransport": "true", "aws:sourcearn": heard}
                assert not is_allowed([policy], Call(f"sqs:{action}", resource, principal, context)), (queue, action)


@pytest.mark.parametrize("part", PARTS)
def test_with_the_queues_policies_a_part_sends_where_its_own_says_and_only_by_tls(
    made: Made, name: str, part: str
) -> None:
    mine = filled(rendered({part: PARTS[part]})[f"{part}.json"], name)
    for queue, policy in policies(made, "aws_sqs_queue_policy", "queue_url").items():
        call = sending(name, queue.removeprefix(f"{name}-"), role(name, part))
        assert is_allowed([mine, policy], call) == is_allowed([mine], call), queue
        assert not is_allowed(
            [mine, policy], sending(name, queue.removeprefix(f"{name}-"), role(name, part), tls="false")
        )


@pytest.mark.parametrize("part", PARTS)
def test_a_topic_is_for_the_roles_that_are_allowed_it_and_only_by_tls(made: Made, name: str, part: str) -> None:
    mine = filled(rendered({part: PARTS[part]})[f"{part}.json"], name)
    found = policies(made, "aws_sns_topic_policy", "arn")
    assert set(found) >= {f"{name}-{topic}" for topic in TOPOLOGY["topics"]}
    for topic in TOPOLOGY["topics"]:
        policy, arn = found[f"{name}-{topic}"], f"arn:aws:sns:{PLACE}:{name}-{topic}"
        for action in ("sns:Publish", "sns:Subscribe"):
            call = Call(action, arn, role(name, part), {"aws:securetransport": "true"})
            assert is_allowed([mine, policy], call) == is_allowed([mine], call), (topic, action)
            assert not is_allowed([policy], call), "an account's Allow alone is nobody's"
            bare = Call(action, arn, role(name, part), {"aws:securetransport": "false"})
            assert not is_allowed([mine, policy], bare)
            elsewhere = Call(action, arn, role(name, part, OTHER), {"aws:securetransport": "true"})
            assert not is_allowed([policy], elsewhere)
