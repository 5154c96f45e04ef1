"""What a plan shows of a resource before it exists: pure. Names and ARNs as AWS forms them, so that policies that speak
of them can be read in a plan and judged; the rest is unknown until an apply, as with the real provider.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

REGION, ACCOUNT = "us-east-1", "123456789012"
PLACE = {"region": REGION, "account": ACCOUNT}

#: Values that follow from arguments: resource type -> attribute -> format over the resource's own arguments.
FOLLOWS: dict[str, dict[str, str]] = {
    "aws_sqs_queue": {
        "id": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "url": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "arn": "arn:aws:sqs:{region}:{account}:{name}",
    },
    "aws_sns_topic": {
        "id": "arn:aws:sns:{region}:{account}:{name}",
        "arn": "arn:aws:sns:{region}:{account}:{name}",
    },
    "aws_dynamodb_table": {"id": "{name}", "arn": "arn:aws:dynamodb:{region}:{account}:table/{name}"},
    "aws_s3_bucket": {
        "id": "{bucket}",
        "arn": "arn:aws:s3:::{bucket}",
        "bucket_regional_domain_name": "{bucket}.s3.{region}.amazonaws.com",
    },
    "aws_iam_role": {"id": "{name}", "arn": "arn:aws:iam::{account}:role/{name}"},
    "aws_iam_policy": {"arn": "arn:aws:iam::{account}:policy/{name}"},
    "aws_iam_instance_profile": {"arn": "arn:aws:iam::{account}:instance-profile/{name}"},
    "aws_lambda_function": {
        "arn": "arn:aws:lambda:{region}:{account}:function:{function_name}",
        "invoke_arn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{region}:{account}:function:{function_name}/invocations",
    },
    # AWS chooses the id; every plan here has this one.
    "aws_api_gateway_rest_api": {
        "id": "a1b2c3d4e5",
        "execution_arn": "arn:aws:execute-api:{region}:{account}:a1b2c3d4e5",
    },
    "aws_api_gateway_stage": {"invoke_url": "https://{rest_api_id}.execute-api.{region}.amazonaws.com/{stage_name}"},
    "aws_cloudwatch_event_rule": {"id": "{name}", "arn": "arn:aws:events:{region}:{account}:rule/{name}"},
    "aws_cloudwatch_log_group": {"id": "{name}", "arn": "arn:aws:logs:{region}:{account}:log-group:{name}"},
    "aws_cloudwatch_metric_alarm": {"arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{alarm_name}"},
    "aws_autoscaling_group": {"id": "{name}"},
    # Six characters of AWS's own follow the name.
    "aws_secretsmanager_secret": {"arn": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf"},
    "aws_ssm_parameter": {"arn": "arn:aws:ssm:{region}:{account}:parameter/{name}"},
}

#: What data sources answer, beside what they were asked. Others answer with their own names.
ANSWERS: dict[str, dict[str, Any]] = {
    "aws_caller_identity": {"account_id": ACCOUNT, "id": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/check"},
    "aws_region": {"region": REGION, "name": REGION, "id": REGION},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com", "id": "aws"},
    "aws_availability_zones": {"names": [f"{REGION}{letter}" for letter in "abcd"], "id": REGION},
    "aws_ami": {"id": "ami-0123456789abcdef0", "architecture": "arm64", "root_device_name": "/dev/xvda"},
    "aws_ssm_parameter": {"value": "ami-0123456789abcdef0"},
    "aws_vpc": {"cidr_block": "10.0.0.0/16"},
}

Block = Mapping[str, Any]


def planned(kind: str, block: Block, proposed: dict[str, Any], unknown: Any) -> dict[str, Any]:
    """The proposed values with everything filled in that the provider alone sets.

    ``unknown``: what stands for a value that is not known yet.
    """

    def fill(name: str, _type: Any) -> Any:
        form = FOLLOWS.get(kind, {}).get(name)
        arguments = {key: value for key, value in proposed.items() if isinstance(value, str)} | PLACE
        try:
            return form.format(**arguments) if form else unknown
        except KeyError:
            return unknown

    values = _filled(block, proposed, fill, unknown)
    if values.get("tags") is not None and "tags_all" in block["attributes"]:
        values["tags_all"] = values["tags"]
    return values


def answered(kind: str, block: Block, asked: dict[str, Any], unknown: Any) -> dict[str, Any]:
    """What a data source answers."""
    if kind == "aws_iam_policy_document":
        return _filled(block, asked, lambda name, _: policy_document(asked) if "json" in name else name, unknown)
    known = ANSWERS.get(kind, {})
    return _filled(block, asked, lambda name, type_: known.get(name, _sample(type_, f"{kind}.{name}")), unknown)


def _filled(block: Block, values: dict[str, Any], fill: Callable[[str, Any], Any], unknown: Any) -> dict[str, Any]:
    """``values`` with ``fill(name, type)`` wherever the provider sets what nobody gave."""
    done = dict(values)
    for name, (type_, flags) in block["attributes"].items():
        if done.get(name) is None and "c" in flags:
            done[name] = fill(name, type_)
    for name, nested in block["blocks"].items():
        inner = done.get(name)
        if isinstance(inner, list):
            done[name] = [_filled(nested["block"], one, lambda *_: unknown, unknown) for one in inner]
    return done


def _sample(type_: Any, text: str) -> Any:
    if isinstance(type_, list):
        return {} if type_[0] == "map" else []
    return {"string": text, "number": 1, "bool": True}.get(type_)


def policy_document(asked: Mapping[str, Any]) -> str:
    """What aws_iam_policy_document makes of its statements."""

    def one_or_all(values: list[str] | None) -> Any:
        return values[0] if values and len(values) == 1 else values

    statements = []
    for given in asked.get("statement") or []:
        made: dict[str, Any] = {"Sid": given.get("sid"), "Effect": given.get("effect") or "Allow"}
        for key, name in (
            ("Action", "actions"),
            ("NotAction", "not_actions"),
            ("Resource", "resources"),
            ("NotResource", "not_resources"),
        ):
            made[key] = one_or_all(given.get(name))
        for key, name in (("Principal", "principals"), ("NotPrincipal", "not_principals")):
            who = {one["type"]: one_or_all(one["identifiers"]) for one in given.get(name) or []}
            made[key] = "*" if who == {"*": "*"} else who or None
        conditions: dict[str, dict[str, Any]] = {}
        for one in given.get("condition") or []:
            conditions.setdefault(one["test"], {})[one["variable"]] = one_or_all(one["values"])
        made["Condition"] = conditions or None
        statements.append({key: value for key, value in made.items() if value is not None})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
