"""Everything in infra/topology.json is made once, at one address, and nothing of its kinds is made beside it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from infra.local import cloud

Made = list[dict[str, Any]]
TOPOLOGY = cloud.topology()

#: Where the name of a resource of each kind stands.
NAMED = {
    "aws_dynamodb_table": "name",
    "aws_s3_bucket": "bucket",
    "aws_sns_topic": "name",
    "aws_sqs_queue": "name",
}
#: Of a schedule's rate.
SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def entries(name: str) -> Iterator[tuple[str, str]]:
    """(resource type, what identifies it in an account) of every entry of the topology. name: the installation's."""
    for table in TOPOLOGY["tables"]:
        yield "aws_dynamodb_table", f"{name}-{table}"
    for bucket in TOPOLOGY["buckets"]:
        yield "aws_s3_bucket", f"{name}-{bucket}"
    for topic in TOPOLOGY["topics"]:
        yield "aws_sns_topic", f"{name}-{topic}"
    for schedule, spec in TOPOLOGY["schedules"].items():
        yield "aws_cloudwatch_event_rule", f"{name}-{schedule} every {spec['rate_s']} s"
        yield "aws_cloudwatch_event_target", f"{name}-{schedule} {name}-{schedule}"
        yield "aws_lambda_permission", f"{name}-{schedule} {name}-{schedule}"
    for queue, spec in TOPOLOGY["queues"].items():
        yield "aws_sqs_queue", f"{name}-{queue}"
        yield "aws_sqs_queue", f"{name}-{queue}-dead"
        if "handler" in spec:
            yield "aws_lambda_event_source_mapping", f"{name}-{queue} {name}-{spec['handler']}"
        for topic in spec.get("hears", {}):
            yield "aws_sns_topic_subscription", f"{name}-{topic} {name}-{queue}"


def last(arn: str) -> str:
    """The name at an ARN's end."""
    return re.split("[:/]", arn)[-1]


def identity(one: dict[str, Any]) -> str | None:
    """None: of a kind that the topology does not speak of."""
    values = one["values"]
    match one["type"]:
        case "aws_sns_topic_subscription" if values["protocol"] == "sqs":
            return f"{last(values['topic_arn'])} {last(values['endpoint'])}"
        case "aws_cloudwatch_event_rule" if values["schedule_expression"]:
            number, unit = re.findall(r"\w+", values["schedule_expression"])[1:]
            return f"{values['name']} every {int(number) * SECONDS[unit.removesuffix('s')]} s"
        case "aws_cloudwatch_event_target" if ":lambda:" in values["arn"]:
            return f"{values['rule']} {last(values['arn'])}"
        case "aws_lambda_permission" if values["principal"] == "events.amazonaws.com":
            return f"{last(values['source_arn'])} {values['function_name']}"
        case "aws_lambda_event_source_mapping":
            return f"{last(values['event_source_arn'])} {last(values['function_name'])}"
        case kind if kind in NAMED:
            return str(values[NAMED[kind]])
    return None


def installation(made: Made) -> str:
    """What the plan's installation is called."""
    return str(next(name for one in made if (name := (one["values"].get("tags") or {}).get("zerofoundry"))))


def test_every_entry_of_the_topology_has_exactly_one_address_and_nothing_is_beside_them(made: Made) -> None:
    addresses = defaultdict(list)
    for one in made:
        if (found := identity(one)) is not None:
            addresses[(one["type"], found)].append(one["address"])
    expected = set(entries(installation(made)))
    assert {entry: found for entry, found in addresses.items() if len(found) > 1} == {}
    # The owner's alarms have a topic of their own.
    beside = {("aws_sns_topic", f"{installation(made)}-alarms")}
    assert set(addresses) - beside == expected
