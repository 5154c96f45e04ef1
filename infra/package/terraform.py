"""Chalice's Terraform, brought to what Terraform 1.9 and version 6 of the AWS provider take. Pure.

Chalice knows the functions, by which module each is called, its queue or its clock; these stay. What it does not know,
or writes as provider 4 wanted it, is put in here: names and settings of the installation (variables of the module),
failures message by message, logs as JSON. Stage, roles, log groups and the key stand in the module's own files.
"""

from collections.abc import Mapping
from typing import Any

#: Beyond Lambda's 512 MB: a package is put together on disk, and has up to 1 GiB.
DISK_MB = {"cc_jobs": 3072}

#: A clock that may call its function several times over, each time for a part of the work (var.sweep_parts).
IN_PARTS = "hm_full_sweep"

#: EventBridge's rates are whole minutes.
MINUTE_S = 60


class Changed(Exception):
    """Chalice writes something else than it did; the text says what."""


def _function(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "function_name": f"${{var.name}}-{name}",
        "description": f"zerofoundry: {name}",
        "handler": given["handler"],
        "timeout": given["timeout"],
        "memory_size": "${var.memory_mb}",
        "runtime": "${local.package.runtime}",
        "architectures": ["${local.package.architecture}"],
        "filename": "${local.archive}",
        "source_code_hash": "${filebase64sha256(local.archive)}",
        "role": f'${{aws_iam_role.this["{name}"].arn}}',
        "kms_key_arn": "${var.kms_key_arn}",
        "environment": [{"variables": "${local.environment}"}],
        "logging_config": [
            {
                "log_format": "JSON",
                "log_group": f'${{aws_cloudwatch_log_group.this["{name}"].name}}',
                "application_log_level": "${var.log_level}",
                # Lambda's own three lines for each call would be most of the log.
                "system_log_level": "WARN",
            }
        ],
        "tags": "${var.tags}",
        # A function that is called before it may write its log would have none.
        "depends_on": ["aws_iam_role_policy.this"],
    }
    if name in DISK_MB:
        made["ephemeral_storage"] = [{"size": DISK_MB[name]}]
    return made


def _source(name: str, given: Mapping[str, Any], topology: Mapping[str, Any]) -> dict[str, Any]:
    (queue,) = (queue for queue, spec in topology["queues"].items() if spec.get("handler") == name)
    spec = topology["queues"][queue]
    # Chalice forms the ARN of a queue of that name; ours are the bus's.
    if not given["event_source_arn"].endswith(f":{queue}"):
        raise Changed(f"{name} does not listen to {queue}: {given['event_source_arn']}")
    if given["batch_size"] != spec["batch_size"]:
        raise Changed(f"{name} takes {given['batch_size']} messages at once, infra/topology.json says otherwise")
    return {
        "event_source_arn": f'${{var.queue_arns["{queue}"]}}',
        "function_name": f"${{aws_lambda_function.{name}.arn}}",
        "batch_size": spec["batch_size"],
        "maximum_batching_window_in_seconds": spec["window_s"],
        "function_response_types": ["ReportBatchItemFailures"],
        "tags": "${var.tags}",
    }


def _rule(name: str, topology: Mapping[str, Any]) -> dict[str, Any]:
    minutes = topology["schedules"][name]["rate_s"] // MINUTE_S
    return {
        "name": f"${{var.name}}-{name}",
        "description": f"Calls {name}.",
        "schedule_expression": f"rate({minutes} minute{'s' if minutes > 1 else ''})",
        "tags": "${var.tags}",
    }


def _target(name: str) -> dict[str, Any]:
    whole = {
        "rule": f"${{aws_cloudwatch_event_rule.{name}.name}}",
        "target_id": name,
        "arn": f"${{aws_lambda_function.{name}.arn}}",
    }
    if name != IN_PARTS:
        return whole
    return (
        {"for_each": "${local.sweep_parts}"} | whole | {"target_id": f"{name}-${{each.key}}", "input": "${each.value}"}
    )


def swagger_of(document: Mapping[str, Any]) -> str:
    """The API's description in a document of Chalice's."""
    return str(document["locals"]["chalice_api_swagger"])


def current(document: Mapping[str, Any], topology: Mapping[str, Any]) -> dict[str, Any]:
    """chalice.tf.json of modules/control_plane. Raises Changed, and KeyError, for what Chalice used not to write."""
    given = document["resource"]
    functions = {name: _function(name, one) for name, one in sorted(given["aws_lambda_function"].items())}
    sources = {
        name: _source(name, given["aws_lambda_event_source_mapping"][f"{name}-sqs-event-source"], topology)
        for name in sorted(spec["handler"] for spec in topology["queues"].values() if "handler" in spec)
    }
    clocks = sorted(topology["schedules"])
    if {name.removesuffix("-event") for name in given["aws_cloudwatch_event_rule"]} != set(clocks):
        raise Changed("Chalice's schedules are not those of infra/topology.json")
    return {
        "locals": {"functions": list(functions)},
        "resource": {
            "aws_lambda_function": functions,
            "aws_lambda_event_source_mapping": sources,
            "aws_lambda_function_recursion_config": {
                # Lambda follows what a function causes through queues, and after sixteen rounds drops what comes next.
                # Ours go round on purpose, for as long as a task runs or a deployment waits; deadlines end each.
                name: {"function_name": f"${{aws_lambda_function.{name}.function_name}}", "recursive_loop": "Allow"}
                for name in sources
            },
            "aws_cloudwatch_event_rule": {name: _rule(name, topology) for name in clocks},
            "aws_cloudwatch_event_target": {name: _target(name) for name in clocks},
            "aws_lambda_function_event_invoke_config": {
                # The next call of a clock comes by itself: one that failed or is late is not repeated.
                name: {
                    "function_name": f"${{aws_lambda_function.{name}.function_name}}",
                    "maximum_retry_attempts": 0,
                    "maximum_event_age_in_seconds": MINUTE_S,
                }
                for name in clocks
            },
            "aws_lambda_permission": {
                name: {
                    "action": "lambda:InvokeFunction",
                    "function_name": f"${{aws_lambda_function.{name}.function_name}}",
                    "principal": "events.amazonaws.com",
                    "source_arn": f"${{aws_cloudwatch_event_rule.{name}.arn}}",
                }
                for name in clocks
            },
        },
    }
