"""What every part of infra/terraform keeps to, whoever wrote it."""

import json
import os
import re
from pathlib import Path

import pytest

from infra.local import cloud
from tests.unit.terraform.reading import CONFIGURATION, EXAMPLES, MODULES, Block, name_of, of_kind, text_of

#: Types that AWS knows no tags of. tests/terraform compares this with the provider's schema.
UNTAGGED = {
    "aws_api_gateway_account",
    "aws_api_gateway_base_path_mapping",
    "aws_api_gateway_deployment",
    "aws_api_gateway_gateway_response",
    "aws_api_gateway_method_settings",
    "aws_api_gateway_rest_api_policy",
    "aws_autoscaling_lifecycle_hook",
    "aws_autoscaling_policy",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_metric_filter",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_function_recursion_config",
    "aws_lambda_permission",
    "aws_route",
    "aws_route53_record",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_secretsmanager_secret_version",
    "aws_security_group_rule",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_sqs_queue_policy",
    "aws_sqs_queue_redrive_allow_policy",
}

#: What a resource is made for: one per entry of this part of the topology.
MADE_OF = {
    "tables": "aws_dynamodb_table",
    "buckets": "aws_s3_bucket",
    "topics": "aws_sns_topic",
    "queues": "aws_sqs_queue",
}


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_a_module_has_its_four_files(folder: Path) -> None:
    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= {path.name for path in folder.glob("*.tf")}


@pytest.mark.parametrize("folder", [*MODULES, *EXAMPLES], ids=name_of)
def test_versions_have_bounds(folder: Path) -> None:
    (terraform,) = of_kind("terraform", folder)
    assert terraform.body["required_version"] == ">= 1.9"
    (providers,) = terraform.body["required_providers"]
    assert (providers["aws"]["source"], providers["aws"]["version"]) == ("hashicorp/aws", "~> 6.0")


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_modules_leave_providers_and_state_to_who_calls_them(folder: Path) -> None:
    assert of_kind("provider", folder) == []
    assert all("backend" not in block.body for block in of_kind("terraform", folder))


@pytest.mark.parametrize("folder", [*MODULES, *EXAMPLES], ids=name_of)
def test_variables_and_outputs_say_what_they_are(folder: Path) -> None:
    for block in of_kind("variable", folder):
        assert block.body.get("type"), f"{block} has no type"
        assert is_sentence(block.body.get("description", "")), f"{block} is not described"
    for block in of_kind("output", folder):
        assert is_sentence(block.body.get("description", "")), f"{block} is not described"


@pytest.mark.parametrize("folder", [*MODULES, *EXAMPLES], ids=name_of)
def test_wrong_values_are_refused_with_a_sentence_that_names_the_variable(folder: Path) -> None:
    for block in of_kind("variable", folder):
        for rule in block.body.get("validation", []):
            message = rule["error_message"]
            assert block.labels[0] in message, f"{block}: {message}"
            assert is_sentence(message), f"{block}: {message}"


def test_what_an_owner_can_get_wrong_is_validated() -> None:
    """Numbers and texts of the root, unless anything goes; lists and maps where they have a form."""
    anything_goes = {"tags"}
    for block in of_kind("variable", CONFIGURATION):
        if block.body["type"] != "bool" and block.labels[0] not in anything_goes:
            assert block.body.get("validation"), f"{block} takes every value"


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_what_costs_more_names_its_price(folder: Path) -> None:
    costly = {"kms_key_arn", "nat", "flow_log_days", "alarms", "dashboard", "point_in_time_recovery"}
    for block in of_kind("variable", folder):
        if block.labels[0] in costly:
            assert "USD" in block.body["description"], f"{block} has a price that it does not tell"


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_every_resource_has_the_tags(folder: Path) -> None:
    untagged = [
        str(block)
        for block in of_kind("resource", folder)
        if block.labels[0] not in UNTAGGED
        and not block.labels[0].startswith(("terraform_", "random_", "tls_", "null_", "archive_"))
        and not {"tags", "tag", "dynamic"} & set(block.body)
    ]
    assert untagged == []


@pytest.mark.parametrize("part", MADE_OF)
def test_every_entry_of_the_topology_is_made_by_one_resource(part: str) -> None:
    resources = [block for block in of_kind("resource", *MODULES) if block.labels[0] == MADE_OF[part]]
    makers = [block for block in resources if block.body.get("for_each") == f"${{local.topology.{part}}}"]
    # Beside every queue stands the one for its dead letters.
    assert len([maker for maker in makers if maker.labels[1] == "this"]) == 1
    assert {maker.labels[1] for maker in makers} <= {"this", "dead"}
    others = [str(block) for block in resources if block not in makers]
    assert others == (["observability.resource.aws_sns_topic.alarms"] if part == "topics" else [])


def test_modules_read_the_topology_itself() -> None:
    for folder in MODULES:
        for path in re.findall(r'file\("\$\{path\.module\}/([^"]*topology\.json)"\)', text_of(folder)):
            assert (folder / path).resolve() == cloud.TOPOLOGY


def test_dead_letters_wait_as_long_as_on_one_machine() -> None:
    assert f"dead_retention_s = {cloud.DEAD_RETENTION_S}" in text_of(CONFIGURATION / "modules" / "bus")


def test_alarms_watch_what_the_health_manager_publishes() -> None:
    os.environ.setdefault("ZF_PREFIX", "zf-test")
    from chalicelib.adapters.figures import NAMESPACE
    from chalicelib.handlers.hm import ALARMED

    text = text_of(CONFIGURATION / "modules" / "observability")
    assert set(re.findall(r'namespace += local\.namespace\s+metric += "(\w+)"', text)) == set(ALARMED)
    assert f'namespace = "{NAMESPACE}"' in text


def test_every_check_that_is_skipped_has_its_reason() -> None:
    for path in CONFIGURATION.rglob("*.tf"):
        for line in path.read_text().splitlines():
            if "checkov:skip" in line:
                assert re.search(r"#checkov:skip=CKV2?_\w+:.{20,}[.]$", line), f"{path.name}: {line}"


def test_the_topology_has_a_lifecycle_for_every_bucket() -> None:
    for bucket in json.loads(cloud.TOPOLOGY.read_text())["buckets"].values():
        assert set(bucket["lifecycle"]) == {"abandoned_uploads_days", "expire_days", "earlier_versions_days"}


def is_sentence(text: str) -> bool:
    return bool(re.search(r"^\S.*[.)]$", text, re.S))


def test_nothing_is_made_for_everybody() -> None:
    """No policy that is written here allows every action, or something to everybody."""
    for folder in MODULES:
        text = text_of(folder)
        assert not re.search(r'Effect\s*=\s*"Allow"\s+Principal\s*=\s*"\*"', text), folder
        assert not re.search(r'Effect\s*=\s*"Allow"[^}]*Action\s*=\s*"\*"', text, re.S), folder


def test_blocks_are_found() -> None:
    """The tests above would pass on nothing."""
    found: list[Block] = of_kind("resource", *MODULES)
    assert len(found) > 30
    assert len(of_kind("variable", CONFIGURATION)) > 10
