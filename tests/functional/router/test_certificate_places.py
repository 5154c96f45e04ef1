"""Where certificates are read from: folders, and AWS as moto plays it."""

from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.certificates import Entry, StoreError, store_at
from tests.support.certificates import bundle, certificate_pem, key_pem, new_key

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def aws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As moto plays it here, not at the endpoint of a whole cloud that other tests have left in the environment."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_a_folder_has_bundles_and_pairs_and_tells_of_halves(tmp_path: Path) -> None:
    key, both = new_key(), bundle("a.x")
    pair = certificate_pem(key, "b.x"), key_pem(key)
    (tmp_path / "both.pem").write_bytes(both)
    (tmp_path / "pair.crt").write_bytes(pair[0])
    (tmp_path / "pair.key").write_bytes(pair[1])
    (tmp_path / "half.crt").write_bytes(pair[0])
    (tmp_path / "README").write_text("nothing")
    (tmp_path / ".scratch.pem").write_text("nothing")
    found = store_at(str(tmp_path), REGION).read()
    assert found == {
        "both": Entry(both),
        "pair": Entry(b"\n".join(pair)),
        "half": Entry(problem="half.key: No such file or directory"),
    }
    assert "PRIVATE" not in repr(found)
    with pytest.raises(StoreError, match="No such file"):
        store_at(str(tmp_path / "away"), REGION).read()


@mock_aws
def test_parameters_below_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    ssm = boto3.client("ssm", region_name=REGION)
    for n in range(12):
        ssm.put_parameter(Name=f"/zf/tls/n{n}", Value=f"pem {n}", Type="SecureString")
    ssm.put_parameter(Name="/zf/other", Value="not ours", Type="SecureString")
    found = store_at("ssm:/zf/tls", REGION).read()
    assert found == {f"n{n}": Entry(f"pem {n}".encode()) for n in range(12)}


@mock_aws
def test_secrets_by_name_of_which_one_may_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    secrets = boto3.client("secretsmanager", region_name=REGION)
    secrets.create_secret(Name="text", SecretString="pem")
    arn = secrets.create_secret(Name="bytes", SecretBinary=b"pem too")["ARN"]
    found = store_at(f"secretsmanager:text, {arn},away", REGION).read()
    assert sorted(found.values(), key=repr) == sorted(
        [Entry(b"pem"), Entry(b"pem too"), Entry(problem="ResourceNotFoundException")], key=repr
    )


@pytest.mark.parametrize("place", ["", "relative", "ssm:no-slash", "ssm:/", "secretsmanager:", "secretsmanager:a,,b"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="is no place of certificates"):
        store_at(place, REGION)
