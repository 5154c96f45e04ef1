"""What Terraform would make of the examples, against the provider's real schema."""

import json
from collections import Counter
from typing import Any

import pytest
from chalice.app import CloudWatchEvent

from chalicelib.tables.running import DESIRED_SHARDS
from infra.local import cloud
from infra.terraform_check.terraform import BUILD, CONFIGURATION, Refused, plan
from tests.terraform.conftest import ASKED, resources
from tests.unit.terraform.test_structure import UNTAGGED

Made = list[dict[str, Any]]
TOPOLOGY = cloud.topology()


def of_type(made: Made, kind: str, name: str = "this") -> dict[str, dict[str, Any]]:
    """Values by key of ``for_each``."""
    return {one["index"]: one["values"] for one in made if (one["type"], one["name"]) == (kind, name)}


def test_every_entry_of_the_topology_has_exactly_one_address(made: Made) -> None:
    assert set(of_type(made, "aws_dynamodb_table")) == set(TOPOLOGY["tables"])
    assert set(of_type(made, "aws_s3_bucket")) == set(TOPOLOGY["buckets"])
    assert set(of_type(made, "aws_sns_topic")) == set(TOPOLOGY["topics"])
    assert set(of_type(made, "aws_sqs_queue")) == set(TOPOLOGY["queues"])
    assert set(of_type(made, "aws_sqs_queue", "dead")) == set(TOPOLOGY["queues"])
    names = Counter(
        (one["type"], one["values"].get("name") or one["values"].get("bucket"))
        for one in made
        if one["type"] in ("aws_dynamodb_table", "aws_s3_bucket", "aws_sns_topic", "aws_sqs_queue")
    )
    assert set(names.values()) == {1}


def test_tables_are_those_of_the_local_cloud(made: Made) -> None:
    for key, table in of_type(made, "aws_dynamodb_table").items():
        here = cloud.table_definition(table["name"], TOPOLOGY["tables"][key])
        keys = [(table["hash_key"], "HASH"), *([(table["range_key"], "RANGE")] if table["range_key"] else [])]
        assert keys == [(one["AttributeName"], one["KeyType"]) for one in here["KeySchema"]], key
        assert {(one["name"], one["type"]) for one in table["attribute"]} == {
            (one["AttributeName"], one["AttributeType"]) for one in here["AttributeDefinitions"]
        }, key
        assert {one["name"]: one["projection_type"] for one in table["global_secondary_index"]} == {
            one["IndexName"]: one["Projection"]["ProjectionType"] for one in here.get("GlobalSecondaryIndexes", [])
        }, key
        assert [one["attribute_name"] for one in table["ttl"]] == (
            [TOPOLOGY["tables"][key]["ttl"]] if "ttl" in TOPOLOGY["tables"][key] else []
        ), key
        assert table["billing_mode"] == here["BillingMode"]
        assert table["point_in_time_recovery"] == [{"enabled": True, "recovery_period_in_days": None}]


def test_queues_give_up_where_the_topology_says(made: Made) -> None:
    dead = of_type(made, "aws_sqs_queue", "dead")
    allowed = of_type(made, "aws_sqs_queue_redrive_allow_policy", "dead")
    for key, queue in of_type(made, "aws_sqs_queue").items():
        spec = TOPOLOGY["queues"][key]
        redrive = json.loads(queue["redrive_policy"])
        assert redrive == {"deadLetterTargetArn": dead[key]["arn"], "maxReceiveCount": spec["max_receives"]}
        assert json.loads(allowed[key]["redrive_allow_policy"])["sourceQueueArns"] == [queue["arn"]]
        assert queue["visibility_timeout_seconds"] == spec["visibility_s"]
        assert queue["sqs_managed_sse_enabled"] is True
        assert dead[key]["message_retention_seconds"] == cloud.DEAD_RETENTION_S


def test_only_what_a_queue_hears_may_send_to_it_and_nothing_without_tls(made: Made) -> None:
    topics = of_type(made, "aws_sns_topic")
    queues = of_type(made, "aws_sqs_queue")
    for key, policy in of_type(made, "aws_sqs_queue_policy").items():
        statements = json.loads(policy["policy"])["Statement"]
        assert {one["Resource"] for one in statements} == {queues[key]["arn"]}
        denied = [one for one in statements if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert (denied[0]["Principal"], denied[0]["Action"]) == ("*", "sqs:*")
        allowed = [one for one in statements if one["Effect"] == "Allow"]
        senders = [(one["Principal"], one["Condition"]) for one in allowed]
        heard = [topics[topic]["arn"] for topic in TOPOLOGY["queues"][key].get("hears", {})]
        expected: list[Any] = [
            ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": arn}}) for arn in heard
        ]
        if TOPOLOGY["queues"][key].get("cloud_events"):
            account, name = queues[key]["arn"].split(":")[4], queues[key]["name"].removesuffix(f"-{key}")
            rules = f"arn:aws:events:us-east-1:{account}:rule/{name}-*"
            expected.append(({"Service": "events.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": rules}}))
        assert senders == expected
        assert {one["Action"] for one in allowed} <= {"sqs:SendMessage"}


def test_subscriptions_are_those_of_the_local_cloud(made: Made) -> None:
    expected = {
        f"{queue}/{topic}": subjects
        for queue, spec in TOPOLOGY["queues"].items()
        for topic, subjects in spec.get("hears", {}).items()
    }
    found = of_type(made, "aws_sns_topic_subscription")
    assert {key: json.loads(one["filter_policy"])["subject"] for key, one in found.items()} == expected
    assert all(one["raw_message_delivery"] and one["filter_policy_scope"] == "MessageBody" for one in found.values())


def test_buckets_are_closed(made: Made) -> None:
    for block in of_type(made, "aws_s3_bucket_public_access_block").values():
        assert all(value is True for key, value in block.items() if key.startswith(("block_", "ignore_", "restrict_")))
    for key, policy in of_type(made, "aws_s3_bucket_policy").items():
        (statement,) = json.loads(policy["policy"])["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        arn = of_type(made, "aws_s3_bucket")[key]["arn"]
        assert statement["Resource"] == [arn, f"{arn}/*"]


def test_everything_that_can_have_tags_has_the_installations(made: Made) -> None:
    schema = json.loads((BUILD / "schema.json").read_text())["resources"]
    kinds = {one["type"] for one in made if one["type"].startswith("aws_")}
    assert {kind for kind in kinds if "tags" not in schema[kind]["attributes"]} <= UNTAGGED | {"aws_autoscaling_group"}
    assert {kind for kind in UNTAGGED if "tags" in schema[kind]["attributes"]} == set()
    for one in made:
        if "tags" in one["values"]:
            assert "zerofoundry" in one["values"]["tags"], one["address"]


def test_every_alarm_says_what_to_do_first(made: Made) -> None:
    alarms = {one["index"]: one["values"] for one in made if one["type"] == "aws_cloudwatch_metric_alarm"}
    assert {"dead_letters", "drift"} <= set(alarms)
    for alarm in alarms.values():
        assert " First: " in alarm["alarm_description"]
        assert len(alarm["alarm_description"]) <= 1024
    watched = [metric for query in alarms["dead_letters"]["metric_query"] for metric in query["metric"]]
    assert {metric["dimensions"]["QueueName"] for metric in watched} == {
        queue["name"] for queue in of_type(made, "aws_sqs_queue", "dead").values()
    }


def test_wrong_values_are_refused_with_a_sentence(terraform: None) -> None:
    wrong = {"name": "Zero Foundry", "region": "europe"}
    with pytest.raises(Refused) as refused:
        plan(CONFIGURATION / "examples" / "minimal", ASKED["minimal"] | wrong)
    said = " ".join(str(refused.value).replace("│", " ").split())
    assert "name must have 3 to 24 lower-case letters" in said or "region must be the name of an AWS region" in said
    root = {
        "name": "zf-x",
        "domain": "*.example.com",
        "function_memory_mb": 100,
        "sweep_parts": 16,
        "package": "/nowhere",
        "api_rate": 0,
        "log_days": 2,
        "log_level": "LOUD",
        "settings": {"PATH": "/tmp"},
        "allowed_addresses": ["here"],
        "zone_count": 7,
        "cidr": "10.0.0.0/8",
        "nat": "two",
        "flow_log_days": 2,
        "alarms": "some",
        "budget_usd": 10,
        "kms_key_arn": "alias/mine",
        "alarm_emails": ["nobody"],
    }
    with pytest.raises(Refused) as refused:
        plan(CONFIGURATION, root)
    said = " ".join(str(refused.value).replace("│", " ").split())
    for name in ("zone_count must be", "cidr must be", "nat must be", "flow_log_days must be", "alarms must be"):
        assert name in said
    for name in (
        "kms_key_arn must be the ARN",
        "alarm_emails must be",
        "domain must be",
        "settings must have",
        "package must be",
    ):
        assert name in said
    for name in ("function_memory_mb", "sweep_parts", "api_rate", "log_days", "log_level", "allowed_addresses"):
        assert f"{name} must be" in said


def test_a_sweep_in_parts_sweeps_every_shard_once(terraform: None) -> None:
    asked = {"name": "zf-x", "domain": "apps.example.com", "sweep_parts": 3}
    planned = plan(CONFIGURATION, asked)["planned_values"]["root_module"]
    targets = [
        one["values"]
        for one in resources(planned)
        if one["type"] == "aws_cloudwatch_event_target" and one["name"] == "hm_full_sweep"
    ]
    events = [CloudWatchEvent(json.loads(target["input"]), None) for target in targets]
    assert len({target["target_id"] for target in targets}) == 3
    assert sorted(shard for event in events for shard in event.detail["shards"]) == list(range(DESIRED_SHARDS))
