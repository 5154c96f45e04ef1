"""Hosts as the examples plan them."""

import base64
import gzip
import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from chalicelib.contracts.envelope import decode
from chalicelib.contracts.health import HOST_GONE, HOST_LEAVING, CloudHost
from dea_agent.config import from_env as dea_config
from infra.hosts.build import FILES
from router.config import from_env as router_config

Made = list[dict[str, Any]]
KINDS = ("dea", "router")


def one(made: Made, kind: str, within: str) -> dict[str, Any]:
    """The one resource of a type within a module."""
    (found,) = (each["values"] for each in made if each["type"] == kind and f"module.{within}." in each["address"])
    return dict(found)


def user_data(made: Made, kind: str) -> str:
    packed = one(made, "aws_launch_template", f"{kind}_pool")["user_data"]
    assert len(packed) < 16_384  # what EC2 takes
    return gzip.decompress(base64.b64decode(packed)).decode()


def settings(made: Made, kind: str) -> dict[str, str]:
    block = re.search(r"<<'SETTINGS'\n(.*?)\nSETTINGS\n", user_data(made, kind), re.S)
    assert block
    return dict(line.split("=", 1) for line in block[1].splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_of_a_host_stay_on_it(made: Made, kind: str) -> None:
    (metadata,) = one(made, "aws_launch_template", f"{kind}_pool")["metadata_options"]
    assert metadata["http_tokens"] == "required"
    assert metadata["http_put_response_hop_limit"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_disks_are_encrypted_and_nobody_has_a_key_for_ssh(made: Made, kind: str) -> None:
    template = one(made, "aws_launch_template", f"{kind}_pool")
    ((disk,),) = (mapping["ebs"] for mapping in template["block_device_mappings"])
    assert disk["encrypted"] == "true"
    assert template["key_name"] is None
    assert [rule for rule in made if rule["values"].get("from_port") == 22] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_host_comes_before_an_old_one_ends(made: Made, kind: str) -> None:
    group = one(made, "aws_autoscaling_group", f"{kind}_pool")
    ((preferences,),) = (refresh["preferences"] for refresh in group["instance_refresh"])
    assert (preferences["min_healthy_percentage"], group["max_size"] > group["min_size"]) == (100, True)


def test_a_dea_has_time_to_drain_before_it_ends(made: Made) -> None:
    hooks = one(made, "aws_autoscaling_group", "dea_pool")["initial_lifecycle_hook"]
    (hook,) = (each for each in hooks if each["name"] == "drain")
    config = dea_config(settings(made, "dea") | {"ZF_DEA_ID": "i-1"})
    assert hook["lifecycle_transition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert hook["heartbeat_timeout"] > config.timers.drain_deadline_s + 60
    told = settings(made, "dea")
    assert (told["ZF_LIFECYCLE_HOOK"], told["ZF_GROUP"]) == (hook["name"], f"{told['ZF_PREFIX']}-dea")


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_counts_when_it_says_that_it_is_ready(made: Made, kind: str) -> None:
    hooks = one(made, "aws_autoscaling_group", f"{kind}_pool")["initial_lifecycle_hook"]
    (hook,) = (each for each in hooks if each["lifecycle_transition"] == "autoscaling:EC2_INSTANCE_LAUNCHING")
    assert hook["default_result"] == "ABANDON"
    assert f"--lifecycle-hook-name {hook['name']} " in user_data(made, kind)
    assert one(made, "aws_launch_template", f"{kind}_pool")["instance_initiated_shutdown_behavior"] == "terminate"


def test_agents_take_what_they_are_told(made: Made) -> None:
    dea = dea_config(settings(made, "dea") | {"ZF_DEA_ID": "i-1", "ZF_HOST": "10.0.0.1"})
    assert (dea.runtime, dea.is_local) == ("docker", False)
    router = router_config(settings(made, "router") | {"ZF_ROUTER_ID": "i-2"})
    assert router.proxy_protocol
    assert router.external_port == 443
    assert router.tls is not None


def test_only_routers_reach_apps_and_only_the_balancer_reaches_routers(made: Made) -> None:
    rules = {each["address"]: each["values"] for each in made if each["type"].endswith("security_group_ingress_rule")}
    open_to_all = {name for name, rule in rules.items() if rule["cidr_ipv4"] is not None}
    assert all("router_pool.aws_vpc_security_group_ingress_rule.world" in name for name in open_to_all)
    assert {rules[name]["from_port"] for name in open_to_all} == {80, 443}
    config = dea_config(settings(made, "dea") | {"ZF_DEA_ID": "i-1"})
    (apps,) = (rule for name, rule in rules.items() if ".apps" in name)
    assert range(apps["from_port"], apps["to_port"] + 1) == config.ports


def test_the_balancer_tells_routers_who_asks(made: Made) -> None:
    groups = [each["values"] for each in made if each["type"] == "aws_lb_target_group"]
    listens = {str(group["port"]) for group in groups}
    told = settings(made, "router")
    assert listens == {told["ZF_LISTEN"].rpartition(":")[2], told["ZF_TLS_LISTEN"].rpartition(":")[2]}
    assert all(group["proxy_protocol_v2"] for group in groups)
    assert {each["values"]["port"] for each in made if each["type"] == "aws_lb_listener"} == {80, 443}


def test_what_ec2_says_of_a_host_is_an_envelope_that_the_health_manager_reads(made: Made) -> None:
    rules = [each for each in made if each["address"].partition("[")[0].endswith("event_rule.hosts")]
    patterns = [json.loads(rule["values"]["event_pattern"]) for rule in rules]
    assert {source for pattern in patterns for source in pattern["source"]} == {"aws.ec2", "aws.autoscaling"}
    said = {
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail": {
            "instance-id": "i-0123456789abcdef0",
            "EC2InstanceId": "i-0123456789abcdef0",
            "state": "terminated",
        },
    }
    found = set()
    for each in made:
        if each["type"] != "aws_cloudwatch_event_target" or "dea_pool" not in each["address"]:
            continue
        (transformer,) = each["values"]["input_transformer"]
        text = transformer["input_template"].strip()
        for name, path in transformer["input_paths"].items():
            value: Any = said
            for step in path.removeprefix("$.").split("."):
                value = value[step]
            text = text.replace(f"<{name}>", value)
        envelope = decode(text)
        found.add(envelope.read(CloudHost))
        assert not envelope.is_expired(2e9)
    host = "i-0123456789abcdef0"
    assert found == {CloudHost(host, state) for state in ("terminated", "stopping", "interruption")}
    assert {one.state for one in found} <= {*HOST_GONE, *HOST_LEAVING}


@pytest.mark.parametrize("kind", KINDS)
def test_user_data_are_a_clean_script_that_checks_what_it_fetches(made: Made, kind: str) -> None:
    text = user_data(made, kind)
    assert text.startswith("#!/bin/bash\n")
    (fetched,) = re.findall(r'^fetch "hosts/(\w+)\.tar\.gz" (\w+) ', text, re.M)
    assert fetched[0] == fetched[1]
    assert f"/opt/zerofoundry/install {kind}" in text
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_units_read_the_file_that_the_script_writes() -> None:
    for unit in FILES.glob("*.service"):
        assert "EnvironmentFile=/etc/zerofoundry/environment\n" in unit.read_text()
