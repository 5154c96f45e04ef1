"""The table's policies as Terraform's templatefile() takes them. Pure.

A template wants partition, region, account, name, log_group_arn (of functions), secret_arn, and the maps that modules
data and bus put out: table_arns, bucket_arns, queue_arns, dead_letter_arns, topic_arns.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from infra.iam.grants import TOPOLOGY, Grant

#: How the first half of a resource's name becomes an ARN; ``{}`` is its other half.
ARNS = {
    "table": "${{table_arns.{}}}",
    "queue": "${{queue_arns.{}}}",
    "dead": "${{dead_letter_arns.{}}}",
    "topic": "${{topic_arns.{}}}",
    "bucket": "${{bucket_arns.{}}}",
    "queues": "arn:${{partition}}:sqs:${{region}}:${{account}}:${{name}}-{}-*",
}
#: Resources of one kind only.
ONLY = {
    "blobs": "${bucket_arns.blobs}/*",
    "secret:signing-key": "${secret_arn}",
    "role:dea-joined": "arn:${partition}:iam::${account}:role/${name}-dea-joined",
    "log-group": "${log_group_arn}:*",
    "*": "*",
}


def arns(resource: str) -> list[str]:
    """A table's indexes come with it. Raises KeyError for a resource that the topology does not have."""
    if resource in ONLY:
        return [ONLY[resource]]
    kind, _, name = resource.partition(":")
    found = ARNS[kind].format(name)
    if kind == "table":
        return [found, *([f"{found}/index/*"] if TOPOLOGY["tables"][name].get("indexes") else [])]
    return [found]


def policy(grants: Iterable[Grant]) -> dict[str, Any]:
    """Each ARN once, with all that is granted on it, so that a policy is short enough for a role."""
    by_arn: dict[str, set[str]] = {}
    for grant in grants:
        for resource in grant.resources:
            for arn in arns(resource):
                by_arn.setdefault(arn, set()).update(grant.actions)
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for arn, actions in sorted(by_arn.items()):
        by_actions.setdefault(tuple(sorted(actions)), []).append(arn)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": found}
            for actions, found in sorted(by_actions.items())
        ],
    }


def rendered(parts: Mapping[str, tuple[Grant, ...]]) -> dict[str, str]:
    """File name -> text."""
    return {f"{part}.json": json.dumps(policy(grants), indent=2) + "\n" for part, grants in parts.items()}


def filled(template: str, prefix: str, region: str = "us-east-1", account: str = "123456789012") -> dict[str, Any]:
    """The policy of an installation, as templatefile() with the modules' outputs makes it. Raises ValueError for a
    placeholder that has no value."""
    for key, value in _values(prefix, region, account).items():
        template = template.replace(f"${{{key}}}", value)
    if "${" in template:
        raise ValueError(f"a placeholder has no value: {template[template.index('${') :][:60]}")
    return dict(json.loads(template))


def resolved(resource: str, prefix: str) -> list[str]:
    """The ARNs, or their patterns, that a resource of the table has in an installation."""
    return [str(arn) for arn in filled(json.dumps({"Resource": arns(resource)}), prefix)["Resource"]]


@cache
def _values(prefix: str, region: str, account: str) -> dict[str, str]:
    place = f"{region}:{account}"
    values = {
        "partition": "aws",
        "region": region,
        "account": account,
        "name": prefix,
        "log_group_arn": f"arn:aws:logs:{place}:log-group:/aws/lambda/{prefix}-function",
        "secret_arn": f"arn:aws:secretsmanager:{place}:secret:{prefix}-signing-key-AbCdEf",
    }
    for table in TOPOLOGY["tables"]:
        values[f"table_arns.{table}"] = f"arn:aws:dynamodb:{place}:table/{prefix}-{table}"
    for queue in TOPOLOGY["queues"]:
        values[f"queue_arns.{queue}"] = f"arn:aws:sqs:{place}:{prefix}-{queue}"
        values[f"dead_letter_arns.{queue}"] = f"arn:aws:sqs:{place}:{prefix}-{queue}-dead"
    for topic in TOPOLOGY["topics"]:
        values[f"topic_arns.{topic}"] = f"arn:aws:sns:{place}:{prefix}-{topic}"
    for bucket in TOPOLOGY["buckets"]:
        values[f"bucket_arns.{bucket}"] = f"arn:aws:s3:::{prefix}-{bucket}"
    return values
