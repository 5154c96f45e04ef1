"""From a call of the SDK to what IAM is asked: (action, ARN) pairs. Pure.

One call may need several: a transaction asks for each of its operations, a copy for its source and its target, and S3
tells somebody that a blob is missing only when he may list the bucket.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

Params = Mapping[str, Any]
Needs = Iterator[tuple[str, str]]

#: Operation of a transaction -> the action that allows it.
TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
#: S3's operations whose action has another name.
S3_ACTIONS = {
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
}


def needs(service: str, operation: str, params: Params, place: str) -> list[tuple[str, str]]:
    """place: ``us-east-1:123456789012``. Raises ValueError for a service that nobody here uses."""
    if service not in SERVICES:
        raise ValueError(f"nobody here uses {service}")
    return sorted(set(SERVICES[service](operation, params, place)))


def _dynamodb(operation: str, params: Params, place: str) -> Needs:
    def table(name: str) -> str:
        return name if name.startswith("arn:") else f"arn:aws:dynamodb:{place}:table/{name}"

    if "TransactItems" in params:
        for item in params["TransactItems"]:
            for verb, of in item.items():
                yield f"dynamodb:{TRANSACTION[verb]}", table(of["TableName"])
    elif "RequestItems" in params:
        for name in params["RequestItems"]:
            yield f"dynamodb:{operation}", table(name)
    else:
        index = f"/index/{params['IndexName']}" if params.get("IndexName") else ""
        yield f"dynamodb:{operation}", table(params["TableName"]) + index


def _sqs(operation: str, params: Params, place: str) -> Needs:
    name = params.get("QueueName") or str(params.get("QueueUrl", "*")).rpartition("/")[2]
    yield f"sqs:{operation.removesuffix('Batch')}", f"arn:aws:sqs:{place}:{name}"


def _sns(operation: str, params: Params, place: str) -> Needs:
    # Unsubscribe knows no resource.
    yield f"sns:{operation.removesuffix('Batch')}", params.get("TopicArn", "*")


def _s3(operation: str, params: Params, _place: str) -> Needs:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    action = S3_ACTIONS.get(operation, operation)
    if action == "DeleteObject" and "Delete" in params:
        for one in params["Delete"]["Objects"]:
            yield "s3:DeleteObject", f"{bucket}/{one['Key']}"
    else:
        yield f"s3:{action}", f"{bucket}/{params['Key']}" if "Key" in params else bucket
    if "CopySource" in params:
        source = params["CopySource"]  # botocore makes a text of it before we see it
        from_key = unquote(source) if isinstance(source, str) else f"{source['Bucket']}/{source['Key']}"
        yield "s3:GetObject", f"arn:aws:s3:::{from_key}"
    if operation in ("HeadObject", "GetObject", "CopyObject"):
        yield "s3:ListBucket", bucket


def _secretsmanager(operation: str, params: Params, place: str) -> Needs:
    secret = params["SecretId"]
    # Secrets Manager puts six characters of its own behind every name.
    yield (
        f"secretsmanager:{operation}",
        secret if secret.startswith("arn:") else f"arn:aws:secretsmanager:{place}:secret:{secret}-AbCdEf",
    )


def _sts(operation: str, params: Params, place: str) -> Needs:
    yield f"sts:{operation}", params["RoleArn"]


def _ec2(operation: str, params: Params, place: str) -> Needs:
    # Describing knows no resource.
    yield f"ec2:{operation}", "*"


SERVICES: dict[str, Callable[[str, Params, str], Needs]] = {
    "dynamodb": _dynamodb,
    "ec2": _ec2,
    "s3": _s3,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _sts,
}
