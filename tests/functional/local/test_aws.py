"""What the platform stands on and moto alone does not give."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.local import cloud


def key(value: str) -> dict[str, dict[str, str]]:
    return {"k": {"S": "p"}, "r": {"S": value}}


def test_a_cancelled_transaction_leaves_no_trace(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item={**key("taken"), "n": {"N": "1"}})
    dynamodb.put_item(TableName=table, Item={**key("counted"), "n": {"N": "1"}})
    add_one = {
        "TableName": table,
        "Key": key("counted"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    refused = {"TableName": table, "Item": key("taken"), "ConditionExpression": "attribute_not_exists(k)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": key("new")}},
                {"Update": add_one},
                {"Put": refused},
            ]
        )
    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == [
        "None",
        "None",
        "ConditionalCheckFailed",
    ]
    items = dynamodb.query(
        TableName=table, KeyConditionExpression="k = :k", ExpressionAttributeValues={":k": {"S": "p"}}
    )["Items"]
    assert items == [{**key("counted"), "n": {"N": "1"}}, {**key("taken"), "n": {"N": "1"}}]


def test_a_transaction_sent_again_is_not_done_again(dynamodb: Any, table: str) -> None:
    def put(token: str, name: str) -> None:
        new = {"TableName": table, "Item": key(name), "ConditionExpression": "attribute_not_exists(k)"}
        dynamodb.transact_write_items(TransactItems=[{"Put": new}], ClientRequestToken=token)

    put("first", "new")
    put("first", "new")
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        put("second", "new")
    put("second", "other")  # a cancelled transaction used up nothing
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        put("first", "third")


def test_cancelled_transactions_lose_no_write_of_others(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item={**key("counter"), "n": {"N": "0"}})
    dynamodb.put_item(TableName=table, Item=key("taken"))

    def add(_: int) -> None:
        dynamodb.update_item(
            TableName=table,
            Key=key("counter"),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def cancel(i: int) -> None:
        refused = {"TableName": table, "Item": key("taken"), "ConditionExpression": "attribute_not_exists(k)"}
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(
                TransactItems=[{"Put": {"TableName": table, "Item": key(f"new-{i}")}}, {"Put": refused}]
            )

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, i) for i in range(100) for work in (add, cancel)]:
            done.result()
    assert dynamodb.get_item(TableName=table, Key=key("counter"))["Item"]["n"] == {"N": "100"}
    assert dynamodb.scan(TableName=table, Select="COUNT")["Count"] == 2


def test_a_query_of_one_partition_sees_only_it_and_pages(dynamodb: Any, table: str) -> None:
    for partition in ("p", "q"):
        for i in range(5):
            dynamodb.put_item(TableName=table, Item={"k": {"S": partition}, "r": {"S": f"{i}"}})
    question = {"TableName": table, "KeyConditionExpression": "k = :k", "Limit": 3, "ConsistentRead": True}
    question["ExpressionAttributeValues"] = {":k": {"S": "q"}}
    first = dynamodb.query(**question)
    rest = dynamodb.query(**question, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["r"]["S"] for item in first["Items"] + rest["Items"]] == ["0", "1", "2", "3", "4"]
    assert {item["k"]["S"] for item in first["Items"] + rest["Items"]} == {"q"}


def test_an_index_answers_by_its_own_key(dynamodb: Any, name: str) -> None:
    index = {"name": "by-space", "hash": ["space", "S"], "range": ["at", "S"], "projection": "ALL"}
    cloud.make_table(dynamodb, name, {"key": {"hash": ["k", "S"]}, "indexes": [index]})
    for i, space in enumerate(["a", "b", "a"]):
        dynamodb.put_item(TableName=name, Item={"k": {"S": f"{i}"}, "space": {"S": space}, "at": {"S": f"{9 - i}"}})
    found = dynamodb.query(
        TableName=name,
        IndexName="by-space",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "space"},
        ExpressionAttributeValues={":s": {"S": "a"}},
    )
    assert [item["k"]["S"] for item in found["Items"]] == ["2", "0"]


def test_binary_values_come_back_as_they_were(dynamodb: Any, table: str) -> None:
    dynamodb.put_item(TableName=table, Item={**key("b"), "b": {"B": b"\x00\xff"}, "s": {"BS": [b"\x01"]}})
    item = dynamodb.get_item(TableName=table, Key=key("b"))["Item"]
    assert item["b"] == {"B": b"\x00\xff"}
    assert item["s"] == {"BS": [b"\x01"]}


def test_a_dead_consumer_eats_no_message(endpoint: str, sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    address = urlsplit(endpoint)
    body = f'{{"QueueUrl": "{url}", "WaitTimeSeconds": 10, "VisibilityTimeout": 60}}'
    with socket.create_connection((address.hostname, address.port)) as consumer:
        scope = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request, Signature=x"
        consumer.sendall(
            f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {scope}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        consumer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            consumer.recv(1)  # the poll is being served
    time.sleep(0.3)
    sqs.send_message(QueueUrl=url, MessageBody="for the living")
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]] == ["for the living"]


def test_a_long_poll_sees_a_delayed_message_when_it_is_due(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    began = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert 0.9 < time.monotonic() - began < 4, "not when the poll ended"


def test_deleting_twice_succeeds(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    for _ in range(2):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_concurrent_senders_and_deleters_lose_nothing(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    seen: list[str] = []
    sent = threading.Event()

    def consume() -> None:
        while not (sent.is_set() and len(seen) >= 200):
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            seen.extend(message["Body"] for message in messages)

    with ThreadPoolExecutor(6) as pool:
        consumers = [pool.submit(consume) for _ in range(3)]
        for done in [pool.submit(sqs.send_message, QueueUrl=url, MessageBody=str(i)) for i in range(200)]:
            done.result()
        sent.set()
        for consumer in consumers:
            consumer.result(timeout=20)
    assert sorted(seen) == sorted(map(str, range(200)))


def test_a_dead_subscriber_does_not_fail_the_publisher(sqs: Any, sns: Any, name: str) -> None:
    topic = sns.create_topic(Name=name)["TopicArn"]
    urls = [sqs.create_queue(QueueName=f"{name}-{i}")["QueueUrl"] for i in range(2)]
    for i in range(2):
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}-{i}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sqs.delete_queue(QueueUrl=urls[0])
    sns.publish(TopicArn=topic, Message="hello")
    assert sqs.receive_message(QueueUrl=urls[1])["Messages"][0]["Body"] == "hello"


def test_blobs_move_by_signed_urls_in_parts(endpoint: str, name: str) -> None:
    import httpx

    s3 = cloud.client("s3", endpoint)
    cloud.make_bucket(s3, name, cloud.topology()["buckets"]["blobs"])
    upload = s3.create_multipart_upload(Bucket=name, Key="a/b")["UploadId"]
    part = {"Bucket": name, "Key": "a/b", "UploadId": upload, "PartNumber": 1}
    answer = httpx.put(s3.generate_presigned_url("upload_part", Params=part), content=b"hello")
    parts = {"Parts": [{"PartNumber": 1, "ETag": answer.headers["etag"]}]}
    s3.complete_multipart_upload(Bucket=name, Key="a/b", UploadId=upload, MultipartUpload=parts)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "a/b"})
    assert httpx.get(url).content == b"hello"
    assert httpx.get(url, headers={"Range": "bytes=1-2"}).content == b"el"
    assert s3.head_object(Bucket=name, Key="a/b")["ContentLength"] == 5
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
