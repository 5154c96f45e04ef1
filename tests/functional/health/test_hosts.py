"""What EC2 says of hosts."""

from typing import Any

import boto3
import pytest
from moto.ec2.responses import EC2Response

from chalicelib.adapters.hosts import Hosts
from infra.local import aws


@pytest.fixture(scope="module")
def endpoint() -> str:
    """An AWS that has EC2, too."""
    app = aws.Aws()
    app.handlers["ec2"] = EC2Response.dispatch
    return aws.serve_in_thread(app, aws.listen(), threads=2)


@pytest.fixture
def ec2(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    return boto3.client("ec2")


def launch(ec2: Any, count: int) -> list[str]:
    image = ec2.describe_images()["Images"][0]["ImageId"]
    started = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count)
    return [instance["InstanceId"] for instance in started["Instances"]]


def test_terminated_stopped_and_unknown_hosts_are_gone(ec2: Any) -> None:
    running, stopped, terminated = launch(ec2, 3)
    ec2.stop_instances(InstanceIds=[stopped])
    ec2.terminate_instances(InstanceIds=[terminated])
    forgotten = "i-0123456789abcdef0"
    gone = Hosts("us-east-1").gone([running, stopped, terminated, forgotten])
    assert gone == {stopped, terminated, forgotten}


def test_more_hosts_than_one_question_holds(ec2: Any) -> None:
    running = launch(ec2, 2)
    unknown = [f"i-{number:08x}" for number in range(250)]
    assert Hosts("us-east-1").gone([*running, *unknown]) == set(unknown)


def test_hosts_of_which_no_cloud_knows_are_not_gone_and_nobody_is_asked() -> None:
    assert Hosts("nowhere").gone(["dea-0", "dea-1", "i-xyz"]) == set()


def test_a_cloud_that_does_not_answer_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert Hosts("us-east-1").gone(["i-0123456789abcdef0"]) == set()
