"""What IAM is asked for each call that the platform makes: actions and resources as the service authorization reference
has them."""

from typing import Any

import pytest

from infra.iam.calls import needs

PLACE = "us-east-1:123456789012"
TABLE = f"arn:aws:dynamodb:{PLACE}:table/"
QUEUE = f"arn:aws:sqs:{PLACE}:"
BLOBS = "arn:aws:s3:::zf-blobs"


@pytest.mark.parametrize(
    ("service", "operation", "params", "asked"),
    [
        ("dynamodb", "GetItem", {"TableName": "zf-apps"}, [("dynamodb:GetItem", f"{TABLE}zf-apps")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "zf-audit-events", "IndexName": "by-day"},
            [("dynamodb:Query", f"{TABLE}zf-audit-events/index/by-day")],
        ),
        ("dynamodb", "GetItem", {"TableName": f"{TABLE}zf-apps"}, [("dynamodb:GetItem", f"{TABLE}zf-apps")]),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"zf-apps": {}, "zf-users": {}}},
            [("dynamodb:BatchGetItem", f"{TABLE}zf-apps"), ("dynamodb:BatchGetItem", f"{TABLE}zf-users")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"ConditionCheck": {"TableName": "zf-apps"}},
                    {"Delete": {"TableName": "zf-due"}},
                    {"Put": {"TableName": "zf-apps"}},
                    {"Put": {"TableName": "zf-apps"}},
                    {"Update": {"TableName": "zf-apps"}},
                ]
            },
            [
                ("dynamodb:ConditionCheckItem", f"{TABLE}zf-apps"),
                ("dynamodb:DeleteItem", f"{TABLE}zf-due"),
                ("dynamodb:PutItem", f"{TABLE}zf-apps"),
                ("dynamodb:UpdateItem", f"{TABLE}zf-apps"),
            ],
        ),
        ("sqs", "GetQueueUrl", {"QueueName": "zf-cc"}, [("sqs:GetQueueUrl", f"{QUEUE}zf-cc")]),
        (
            "sqs",
            "SendMessage",
            {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/zf-cc"},
            [("sqs:SendMessage", f"{QUEUE}zf-cc")],
        ),
        (
            "sqs",
            "DeleteMessageBatch",
            {"QueueUrl": "http://127.0.0.1:4566/123456789012/zf-cc"},
            [("sqs:DeleteMessage", f"{QUEUE}zf-cc")],
        ),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:x"}, [("sns:Publish", "arn:aws:sns:x")]),
        ("sns", "PublishBatch", {"TopicArn": "arn:aws:sns:x"}, [("sns:Publish", "arn:aws:sns:x")]),
        ("sns", "Unsubscribe", {"SubscriptionArn": "arn:aws:sns:x:1"}, [("sns:Unsubscribe", "*")]),
        ("s3", "PutObject", {"Bucket": "zf-blobs", "Key": "k"}, [("s3:PutObject", f"{BLOBS}/k")]),
        (
            "s3",
            "HeadObject",
            {"Bucket": "zf-blobs", "Key": "k"},
            [("s3:GetObject", f"{BLOBS}/k"), ("s3:ListBucket", BLOBS)],
        ),
        (
            "s3",
            "CopyObject",
            {"Bucket": "zf-blobs", "Key": "to", "CopySource": {"Bucket": "zf-blobs", "Key": "from"}},
            [("s3:GetObject", f"{BLOBS}/from"), ("s3:ListBucket", BLOBS), ("s3:PutObject", f"{BLOBS}/to")],
        ),
        (
            "s3",
            "CopyObject",
            {"Bucket": "zf-blobs", "Key": "to", "CopySource": "zf-blobs/from%20here"},
            [("s3:GetObject", f"{BLOBS}/from here"), ("s3:ListBucket", BLOBS), ("s3:PutObject", f"{BLOBS}/to")],
        ),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "zf-blobs", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}},
            [("s3:DeleteObject", f"{BLOBS}/a"), ("s3:DeleteObject", f"{BLOBS}/b")],
        ),
        ("s3", "UploadPart", {"Bucket": "zf-blobs", "Key": "k"}, [("s3:PutObject", f"{BLOBS}/k")]),
        (
            "s3",
            "AbortMultipartUpload",
            {"Bucket": "zf-blobs", "Key": "k"},
            [("s3:AbortMultipartUpload", f"{BLOBS}/k")],
        ),
        ("s3", "ListObjectsV2", {"Bucket": "zf-blobs", "Prefix": "p"}, [("s3:ListBucket", BLOBS)]),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "zf-signing-key"},
            [("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{PLACE}:secret:zf-signing-key-AbCdEf")],
        ),
        ("ec2", "DescribeInstances", {"Filters": []}, [("ec2:DescribeInstances", "*")]),
    ],
)
def test_a_call_asks_for(service: str, operation: str, params: dict[str, Any], asked: list[tuple[str, str]]) -> None:
    assert needs(service, operation, params, PLACE) == asked


def test_a_service_that_nobody_uses_is_an_error_and_not_overlooked() -> None:
    with pytest.raises(ValueError, match="kms"):
        needs("kms", "Decrypt", {}, PLACE)
