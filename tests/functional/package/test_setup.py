"""`zf cloud setup`, on what Terraform leaves: everything but the key and the first user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from infra.local.cloud import build, topology
from tests.functional.cloud import Cloud
from tests.functional.package.calling import asked, call, login

NAME = "acme-paas"


@pytest.fixture
def installation(cloud: Cloud) -> str:
    build(topology(), NAME, cloud.endpoint)
    secrets = boto3.client("secretsmanager")
    secrets.delete_secret(SecretId=f"{NAME}-signing-key", ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=f"{NAME}-signing-key")
    return NAME


def setup(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if key != "ZF_PREFIX"}
    command = [sys.executable, "-m", "zf", "cloud", "setup", *arguments, "--domain", "apps.example.com"]
    return subprocess.run(command, env=own | env, capture_output=True, text=True, timeout=60, check=False)


def test_it_makes_the_key_and_the_first_user_once(installation: str, unpacked: Path, tmp_path: Path) -> None:
    done = setup(installation, "--region", "us-east-1", "--json", ZF_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["api"], told["user"]) == ("https://api.apps.example.com", "admin")
    where = {"ZF_PREFIX": installation, "ZF_DOMAIN": "apps.example.com"}
    (granted,) = call(unpacked, "api_handler", login(told["password"]), **where)
    bearer = {"Authorization": f"bearer {json.loads(granted['answer']['body'])['access_token']}"}
    orgs, domains = call(
        unpacked,
        "api_handler",
        asked("GET", "/v3/organizations", headers=bearer),
        asked("GET", "/v3/domains", headers=bearer),
        **where,
    )
    assert [one["name"] for one in json.loads(orgs["answer"]["body"])["resources"]] == ["main"]
    assert [one["name"] for one in json.loads(domains["answer"]["body"])["resources"]] == ["apps.example.com"]

    again = setup(installation, "--region", "us-east-1", ZF_HOME=str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "has an administrator already" in again.stderr + again.stdout
    # The key is the same: tokens of before are still good.
    (still,) = call(unpacked, "api_handler", asked("GET", "/v3/organizations", headers=bearer), **where)
    assert still["answer"]["statusCode"] == 200


def test_what_terraform_has_not_made_is_said_to_be_missing(cloud: Cloud, tmp_path: Path) -> None:
    done = setup("nobodys", "--region", "us-east-1", ZF_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "There is no installation nobodys in us-east-1" in done.stderr
    assert "terraform apply" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_credentials_it_says_so(cloud: Cloud, tmp_path: Path) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    done = setup("acme", "--region", "us-east-1", ZF_HOME=str(tmp_path), HOME=str(tmp_path), **none)
    assert done.returncode == 1
    assert "redentials" in done.stderr
    assert "Traceback" not in done.stderr
