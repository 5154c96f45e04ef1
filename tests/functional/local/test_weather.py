"""The weather around moto, in a process of its own because it changes moto for good."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local import cloud
from infra.local.weather import STORM

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What an AWS with bad weather and the whole topology, prefix ``w``, says when it is ready."""
    ready = tmp_path_factory.mktemp("aws") / "ready.json"
    env = {**os.environ, "ZF_READY_FILE": str(ready), "ZF_PREFIX": "w", "ZF_WEATHER_SEED": "7", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "infra.local.aws"], env=env)
    until(ready.exists, 30)
    yield json.loads(ready.read_text())
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def stormy(aws: dict[str, Any]) -> str:
    """Its address."""
    return str(aws["listen"])


@pytest.fixture
def change(aws: dict[str, Any]) -> Iterator[Callable[..., httpx.Response]]:
    """Changes its weather until the end of the test."""

    def post(document: Any, **kwargs: Any) -> httpx.Response:
        return httpx.post(f"{aws['http']}/weather", json=document, **kwargs)

    yield post
    assert post(asdict(STORM)).is_success


def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def client(service: str, address: str) -> Any:
    """One that tries again."""
    return cloud.client(service, address)


def hasty_client(service: str, address: str) -> Any:
    """One that tries once."""
    return boto3.client(
        service,
        endpoint_url=address,
        region_name=cloud.REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


def test_an_inconsistent_read_lags_by_at_most_two_seconds(stormy: str) -> None:
    dynamodb = client("dynamodb", stormy)
    question = {"TableName": "w-apps", "Key": {"guid": {"S": "new"}}}
    lagged = 0
    for i in range(10):
        key = {"guid": {"S": f"app-{i}"}}
        dynamodb.put_item(TableName="w-apps", Item=key)
        assert "Item" in dynamodb.get_item(TableName="w-apps", Key=key, ConsistentRead=True)
        lagged += "Item" not in dynamodb.get_item(TableName="w-apps", Key=key)
    assert lagged >= 5
    time.sleep(2.2)
    assert all("Item" in dynamodb.get_item(TableName="w-apps", Key={"guid": {"S": f"app-{i}"}}) for i in range(10))
    assert "Item" not in dynamodb.get_item(**question)


def test_an_index_lags_too(stormy: str) -> None:
    dynamodb = client("dynamodb", stormy)
    question = {
        "TableName": "w-audit-events",
        "IndexName": "by-space",
        "KeyConditionExpression": "space_guid = :s",
        "ExpressionAttributeValues": {":s": {"S": "space"}},
    }
    for i in range(8):
        item = {"guid": {"S": f"event-{i}"}, "space_guid": {"S": "space"}, "created_at": {"S": f"{i}"}}
        dynamodb.put_item(TableName="w-audit-events", Item=item)
    assert dynamodb.query(**question)["Count"] < 8
    until(lambda: dynamodb.query(**question)["Count"] == 8, 4)


def test_calls_fail_now_and_then_and_a_patient_client_gets_through(stormy: str) -> None:
    hasty = hasty_client("dynamodb", stormy)
    failures = []
    for i in range(400):
        try:
            hasty.put_item(TableName="w-names", Item={"scope": {"S": "s"}, "name": {"S": f"{i}"}})
        except hasty.exceptions.ClientError as error:
            failures.append(error.response["Error"]["Code"])
    assert {"ProvisionedThroughputExceededException", "InternalServerError"} >= set(failures)
    assert 1 <= len(failures) <= 30
    patient = client("dynamodb", stormy)
    for i in range(200):
        patient.put_item(TableName="w-names", Item={"scope": {"S": "t"}, "name": {"S": f"{i}"}})


def test_a_delivery_is_late_and_comes_only_where_the_policy_allows(stormy: str) -> None:
    sqs, sns = client("sqs", stormy), client("sns", stormy)
    topic = f"arn:aws:sns:{cloud.REGION}:{cloud.ACCOUNT}:w-dea"
    urls = []
    for name in ("allowed", "forgotten"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{cloud.REGION}:{cloud.ACCOUNT}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        if name == "allowed":
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        urls.append(url)
    began = time.monotonic()
    sns.publish(TopicArn=topic, Message="hello")
    received: list[str] = []

    def receive() -> bool:
        answer = sqs.receive_message(QueueUrl=urls[0], WaitTimeSeconds=1)
        received.extend(message["Body"] for message in answer.get("Messages", []))
        return bool(received)

    until(receive, 5)
    assert time.monotonic() - began >= 0.02
    assert set(received) == {"hello"}
    assert "Messages" not in sqs.receive_message(QueueUrl=urls[1], WaitTimeSeconds=1)


def test_messages_change_places_and_some_come_twice_but_none_is_lost(stormy: str) -> None:
    sqs = client("sqs", stormy)
    url = sqs.create_queue(QueueName="order")["QueueUrl"]
    for i in range(300):
        sqs.send_message(QueueUrl=url, MessageBody=f"{i}")
    time.sleep(1.1)
    received: list[int] = []

    def drain() -> bool:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get("Messages", [])
        received.extend(int(message["Body"]) for message in messages)
        return not messages

    until(drain, 30)
    assert set(received) == set(range(300))
    assert received != sorted(received)
    assert len(received) > 300


def test_a_service_can_be_down_for_a_while(stormy: str, change: Callable[..., httpx.Response]) -> None:
    sqs, sns = hasty_client("sqs", stormy), hasty_client("sns", stormy)
    assert change({"down": ["sqs", "sns"]}).is_success
    for call in (sqs.list_queues, sns.list_topics):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert hasty_client("dynamodb", stormy).list_tables()["TableNames"]
    assert change({}).is_success
    assert sns.list_topics()["Topics"]


def test_messages_can_be_held_and_given_out_twice_and_in_reverse(
    stormy: str, change: Callable[..., httpx.Response]
) -> None:
    assert change({"duplicates": 1, "reversed_s": 0.5}).is_success
    sqs = hasty_client("sqs", stormy)
    url = sqs.create_queue(QueueName="reversed")["QueueUrl"]
    for i in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=f"{i}")
    received: list[str] = []

    def all_came() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        received.extend(message["Body"] for message in answer.get("Messages", []))
        return len(received) == 6

    until(all_came)
    assert received == ["2", "2", "1", "1", "0", "0"]


def test_only_a_weather_in_json_is_taken(aws: dict[str, Any], change: Callable[..., httpx.Response]) -> None:
    assert change({"rain": 1}).status_code == 400
    assert change({"duplicates": "all"}).status_code == 400
    assert httpx.post(f"{aws['http']}/weather", content=b"{}").status_code == 404
    assert httpx.post(f"{aws['http']}/varz", json={}).status_code == 404
    half = {"Content-Type": "application/json"}
    assert httpx.post(f"{aws['http']}/weather", content=b"{", headers=half).status_code == 400
    assert httpx.get(f"{aws['http']}/varz").json()["weather"]["throttles"] == STORM.throttles
