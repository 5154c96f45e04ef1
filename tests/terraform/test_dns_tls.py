"""Names and the place of certificates, as Terraform would make them."""

import json
from typing import Any

import pytest

from chalicelib.adapters.certificates import check_place
from infra.terraform_check.terraform import CONFIGURATION, Refused, plan

pytestmark = pytest.mark.usefixtures("terraform")

MODULE = CONFIGURATION / "modules" / "dns_tls"
ASKED = {"name": "zf-prod", "domain": "apps.example.com"}
RECORDS = {"zone_id": "Z0123456789ABCDEFGHIJ", "lb_dns_name": "lb.elb.amazonaws.com", "lb_zone_id": "Z26RNL4JYFTOTI"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0000"


def planned(**variables: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What it makes, and its outputs."""
    values = plan(MODULE, ASKED | variables)["planned_values"]
    made = [one for one in values["root_module"].get("resources", []) if one["mode"] == "managed"]
    return made, {name: one.get("value") for name, one in values["outputs"].items()}


def test_the_apps_and_the_api_lead_to_the_load_balancer_and_no_key_is_kept() -> None:
    made, outputs = planned(**RECORDS)
    records = {one["values"]["name"]: one["values"] for one in made}
    assert {one["type"] for one in made} == {"aws_route53_record"}
    assert set(records) == {"*.apps.example.com", "api.apps.example.com"}
    for record in records.values():
        (alias,) = record["alias"]
        assert (record["zone_id"], record["type"]) == (RECORDS["zone_id"], "A")
        assert (alias["name"], alias["zone_id"]) == (RECORDS["lb_dns_name"], RECORDS["lb_zone_id"])
    check_place(outputs["certificates"])
    assert outputs["certificates"] == "ssm:/zf-prod/tls"
    assert "--name /zf-prod/tls/wildcard --type SecureString" in outputs["upload_command"]
    (statement,) = json.loads(outputs["certificates_policy"])["Statement"]
    path = statement["Resource"][0]
    assert path.endswith(":parameter/zf-prod/tls")
    assert (statement["Action"], statement["Resource"]) == ("ssm:GetParametersByPath", [path, f"{path}/*"])


def test_a_secret_and_a_key_of_ones_own() -> None:
    made, outputs = planned(certificate_store="secretsmanager", kms_key_arn=KEY)
    (secret,) = (one["values"] for one in made)
    assert (secret["name"], secret["kms_key_id"]) == ("zf-prod-tls", KEY)
    assert outputs["certificates"] == "secretsmanager:zf-prod-tls"
    assert "secretsmanager put-secret-value" in outputs["upload_command"]
    if outputs["certificates_policy"]:  # the ARN may be known only after apply
        statements = json.loads(outputs["certificates_policy"])["Statement"]
        assert [one["Action"] for one in statements] == ["secretsmanager:GetSecretValue", "kms:Decrypt"]
        assert [one["Resource"] for one in statements] == [secret["arn"], KEY]


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "*.example.com"},
        {"domain": "localhost"},
        {"domain": "Apps.Example.com"},
        {"zone_id": "example.com"},
        {"zone_id": RECORDS["zone_id"]},
        {"certificate_store": "vault"},
        {"kms_key_arn": "alias/mine"},
    ],
    ids=lambda wrong: "-".join(map(str, wrong.values())),
)
def test_wrong_values_are_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(Refused, match=next(iter(wrong))):
        planned(**wrong)
