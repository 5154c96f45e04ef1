"""Builds the cloud's resources on the stand-in for AWS from infra/topology.json, as Terraform does on AWS.

Names: ``<prefix>-<name>`` for topics, queues (with ``<name>-dead`` for what failed too often), tables and
buckets; the signing key is the secret ``<prefix>-signing-key``. Building twice changes nothing.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.adapters.keys import new_key
from infra.local.account import ACCOUNT, CREDENTIALS, REGION

TOPOLOGY = Path(__file__).parent.parent / "topology.json"

#: Local visibility, seconds: what a killed consumer held comes again after this. The event source renews it
#: while a handler works, so it is independent of how long that takes. (On AWS: the topology's visibility_s.)
VISIBILITY_S = 4

#: How long dead letters wait for somebody to look at them: SQS's maximum, 14 days.
DEAD_RETENTION_S = 14 * 24 * 3600


def topology(path: Path = TOPOLOGY) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def client(service: str, endpoint_url: str) -> Any:
    """A boto3 client of the local cloud, whatever the caller's environment says of AWS."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=client_config(),
    )


def client_config(pool: int = 20) -> Config:
    return Config(retries={"max_attempts": 5, "mode": "standard"}, max_pool_connections=pool)


def build(topology: Mapping[str, Any], prefix: str, endpoint_url: str) -> None:
    """Make everything, in parallel. Raises botocore's ClientError."""
    dynamodb, s3 = client("dynamodb", endpoint_url), client("s3", endpoint_url)
    sqs, sns, secrets = (client(name, endpoint_url) for name in ("sqs", "sns", "secretsmanager"))
    steps: list[Callable[[], Any]] = [
        partial(make_signing_key, secrets, prefix),
        *(partial(sns.create_topic, Name=f"{prefix}-{name}") for name in topology["topics"]),
        *(partial(make_queue, sqs, prefix, name, spec) for name, spec in topology["queues"].items()),
        *(partial(make_table, dynamodb, f"{prefix}-{name}", spec) for name, spec in topology["tables"].items()),
        *(partial(make_bucket, s3, f"{prefix}-{name}", spec) for name, spec in topology["buckets"].items()),
    ]
    with ThreadPoolExecutor(max_workers=4) as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()
    for name, spec in topology["queues"].items():
        listen(sqs, sns, prefix, name, spec.get("hears", {}))


def listen(sqs: Any, sns: Any, prefix: str, name: str, heard: Mapping[str, list[str]]) -> None:
    """Have a queue hear topics. heard: topic -> the subjects that are let through."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{prefix}-{name}"
    for topic, subjects in heard.items():
        topic_arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{prefix}-{topic}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        url = sqs.get_queue_url(QueueName=f"{prefix}-{name}")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicyScope": "MessageBody",
                "FilterPolicy": json.dumps({"subject": subjects}),
            },
        )


def make_queue(sqs: Any, prefix: str, name: str, spec: Mapping[str, Any]) -> None:
    """The queue, and before it the one for its dead letters."""
    sqs.create_queue(QueueName=f"{prefix}-{name}-dead", Attributes={"MessageRetentionPeriod": str(DEAD_RETENTION_S)})
    sqs.create_queue(QueueName=f"{prefix}-{name}", Attributes=queue_attributes(prefix, name, spec))


def queue_attributes(prefix: str, name: str, spec: Mapping[str, Any]) -> dict[str, str]:
    """SQS attributes of a queue that functions read. ``spec``: its entry in the topology."""
    dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{prefix}-{name}-dead"
    return {
        "VisibilityTimeout": str(VISIBILITY_S),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": spec["max_receives"]}),
    }


def make_table(dynamodb: Any, name: str, spec: Mapping[str, Any]) -> None:
    try:
        dynamodb.create_table(**table_definition(name, spec))
    except dynamodb.exceptions.ResourceInUseException:
        return
    if "ttl" in spec:
        dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": spec["ttl"]}
        )


def table_definition(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateTable takes, from a topology entry: key, indexes; paid per request, as in the public cloud."""
    indexes = spec.get("indexes", [])
    keys = [spec["key"], *indexes]
    attributes = {pair[0]: pair[1] for key in keys for pair in (key["hash"], key.get("range")) if pair}
    definition: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key_schema(spec["key"]),
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in attributes.items()],
    }
    if indexes:
        definition["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index["name"],
                "KeySchema": _key_schema(index),
                "Projection": {"ProjectionType": index["projection"]},
            }
            for index in indexes
        ]
    return definition


def _key_schema(key: Mapping[str, Any]) -> list[dict[str, str]]:
    schema = [{"AttributeName": key["hash"][0], "KeyType": "HASH"}]
    if "range" in key:
        schema.append({"AttributeName": key["range"][0], "KeyType": "RANGE"})
    return schema


def make_bucket(s3: Any, name: str, spec: Mapping[str, Any]) -> None:
    """A bucket that forgets uploads nobody completed, and what its ``spec`` says is not kept."""
    lifecycle = spec["lifecycle"]
    expiring = [
        {"ID": f"expire-{prefix}", "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
        for prefix, days in lifecycle["expire_days"].items()
    ]
    abandoned = {
        "ID": "abandoned-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": lifecycle["abandoned_uploads_days"]},
    }
    s3.create_bucket(Bucket=name)
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [abandoned, *expiring]})


def make_signing_key(secrets: Any, prefix: str) -> None:
    """The secret with the key of tokens and grants, kept when there is one."""
    try:
        secrets.create_secret(Name=f"{prefix}-signing-key", SecretString=new_key())
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
