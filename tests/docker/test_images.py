"""Docker images as apps: from a real registry through a whole platform into containers of a real engine."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from dea_agent.runtimes.docker import CLOUD, INSTANCE
from tests.docker.registry import HTPASSWD, Registry, forget, missing, registry
from tests.support.platform import Platform, a_platform, eventually

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only a root agent can contain apps"),
    pytest.mark.skipif(bool(missing()), reason=f"of Debian's packages there are not: {' '.join(missing())}"),
]

USER, PASSWORD = HTPASSWD

#: Says a number ten times a second.
CHATTER = """#!/bin/sh
n=0; while true; do n=$((n + 1)); echo chatter $n; sleep 0.1; done
"""

SERVES = ("EXPOSE 9000", "USER web", 'CMD ["/bin/sh", "/serve", "first"]')


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registries") / "open") as one:
        yield one


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registries") / "private", is_private=True) as one:
        yield one


@pytest.fixture(scope="module")
def platform(place: Registry, private: Registry) -> Iterator[Platform]:
    with a_platform(deas=2, flags=("--runtime", "docker"), ZF_ALLOWED_ADDRESSES="127.0.0.1") as running:
        refused = running.zf("push", "early", "-o", place.name("a:1"), check=False)
        assert "diego_docker" in refused.stderr
        running.zf("enable-feature-flag", "diego_docker")
        yield running
    forget([place.name(":"), private.name(":")])


def container_of(platform: Platform, app: str) -> Any:
    label = f"{CLOUD}={platform.status()['run_folder']}"
    found = docker.from_env().containers.list(all=True, filters={"label": label}, ignore_removed=True)
    here = {one["instance_guid"] for name in platform.names("dea") for one in platform.varz(name)["running_apps"]}
    guids = {container.labels[INSTANCE]: container for container in found if container.labels.get(INSTANCE) in here}
    names = {
        guid: container
        for guid, container in guids.items()
        if any(f'"application_name": "{app}"' in one for one in container.attrs["Config"]["Env"])
    }
    assert len(names) == 1, list(guids)
    return next(iter(names.values()))


def text(platform: Platform, app: str, path: str = "/") -> str:
    return platform.get(app, path).text.strip()


def push(platform: Platform, app: str, image: str, *flags: object) -> None:
    platform.zf("push", app, "-o", image, *flags)


def test_an_image_runs_as_it_says_pinned_to_its_digest_and_needs_no_registry_to_start_again(
    platform: Platform, place: Registry
) -> None:
    image = place.push("shop:1", *SERVES)
    push(platform, "shop", image)
    eventually(lambda: text(platform, "shop") == "first")
    variables = dict(line.split("=", 1) for line in text(platform, "shop", "/env").splitlines() if "=" in line)
    assert variables["PORT"] == "9000"
    assert json.loads(variables["VCAP_APPLICATION"])["application_name"] == "shop"
    assert "/home/vcap" not in variables.get("HOME", "")
    assert "uid=1234" in text(platform, "shop", "/id")
    said = platform.zf("logs", "shop", "--recent").stdout
    assert "serving on 9000 as 1234" in said
    assert "ERR trouble" in said
    # The tag means something else now: who starts again gets what was staged, who stages again gets the new one.
    place.push("shop:1", *SERVES[:-1], 'CMD ["/bin/sh", "/serve", "second"]')
    platform.zf("restart", "shop")
    eventually(lambda: text(platform, "shop") == "first")
    push(platform, "shop", image)
    eventually(lambda: text(platform, "shop") == "second")
    place.stop()
    try:
        platform.zf("restart", "shop")
        eventually(lambda: text(platform, "shop") == "second")
        guid = container_of(platform, "shop").labels[INSTANCE]
        container_of(platform, "shop").kill("SIGKILL")
        eventually(lambda: container_of(platform, "shop").labels[INSTANCE] != guid)
        eventually(lambda: text(platform, "shop") == "second")
        events = platform.zf("events", "shop").stdout
        assert "137" in events
        failed = platform.zf("push", "shop", "-o", image, check=False)
        assert failed.returncode == 1
        assert "cannot be reached" in failed.stderr
        assert text(platform, "shop") == "second"
    finally:
        place.start()
    platform.zf("delete", "shop", "-f", "-r")


def test_a_private_registry_gets_its_credentials_and_nobody_else_sees_them(
    platform: Platform, private: Registry, tmp_path: Path
) -> None:
    image = private.push("vault:1", *SERVES)
    anonymous = platform.zf("push", "vault", "-o", image, check=False)
    assert "user name and password" in anonymous.stderr
    without = platform.zf("push", "vault", "-o", image, "--docker-username", USER, check=False)
    assert "CF_DOCKER_PASSWORD" in without.stderr
    platform.environment["CF_DOCKER_PASSWORD"] = "wrong"
    wrong = platform.zf("push", "vault", "-o", image, "--docker-username", USER, check=False)
    assert "user name and password" in wrong.stderr
    platform.environment["CF_DOCKER_PASSWORD"] = PASSWORD
    done = platform.zf("push", "vault", "-o", image, "--docker-username", USER)
    eventually(lambda: text(platform, "vault") == "first")
    app = platform.api("GET", "/v3/apps", params={"names": "vault"}).json()["resources"][0]["guid"]
    told = [platform.api("GET", f"/v3/apps/{app}/{what}").text for what in ("packages", "droplets", "builds")]
    told += [done.stdout, done.stderr, platform.zf("logs", "vault", "--recent").stdout, text(platform, "vault", "/env")]
    told += [json.dumps(container_of(platform, "vault").attrs), json.dumps(platform.varz("dea-0"))]
    assert not [one for one in told if PASSWORD in one]
    assert USER in told[0]
    platform.zf("delete", "vault", "-f", "-r")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("{place}/nothing:1", "no such image"),
        ("169.254.169.254/latest:1", "is not a public address"),
        ("10.0.0.1:5000/a:1", "is not a public address"),
        ("{place}/UPPER/Case", "not the name of an image"),
    ],
)
def test_an_image_that_cannot_be_had_fails_its_staging_with_the_reason(
    platform: Platform, place: Registry, image: str, reason: str
) -> None:
    failed = platform.zf("push", "none", "-o", image.format(place=f"127.0.0.1:{place.port}"), check=False)
    assert failed.returncode == 1
    assert reason in failed.stderr + failed.stdout
    assert "Traceback" not in failed.stderr
    platform.zf("delete", "none", "-f", "-r")


def test_another_command_and_a_task_run_in_the_image_and_a_command_that_is_not_in_it_is_the_apps_fault(
    platform: Platform, place: Registry
) -> None:
    image = place.push("tool:1", *SERVES)
    push(platform, "tool", image, "-c", "exec sh /serve commanded")
    eventually(lambda: text(platform, "tool") == "commanded")
    platform.zf("run-task", "tool", "-c", "echo in the task; id", "--wait")
    assert "in the task" in platform.zf("logs", "tool", "--recent").stdout
    broken = place.push("broken:1", 'CMD ["/no/such/program"]')
    failed = platform.zf("push", "broken", "-o", broken, "-t", "10", check=False)
    assert failed.returncode == 1
    assert "/no/such/program" in failed.stderr + platform.zf("events", "broken").stdout
    for app in ("tool", "broken"):
        platform.zf("delete", app, "-f", "-r")


def test_an_image_that_begins_as_root_has_few_rights_and_ends_at_its_limits(
    platform: Platform, place: Registry
) -> None:
    image = place.push("root:1", 'CMD ["/bin/sh", "/serve", "root"]', "VOLUME /kept")
    push(platform, "root", image, "-k", "32M", "-m", "64M")
    eventually(lambda: text(platform, "root") == "root")
    container = container_of(platform, "root")
    status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
    effective = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
    assert effective.bit_count() == 7
    assert "NoNewPrivs:\t1" in status
    ends = container.exec_run(["sh", "-c", "wget -T 3 -O - http://169.254.169.254/"])
    assert ends.exit_code != 0
    container.exec_run(["dd", "if=/dev/zero", "of=/kept/big", "bs=1M", "count=40"])
    eventually(lambda: "Disk quota of 32M exceeded" in platform.zf("events", "root").stdout)
    eventually(lambda: text(platform, "root") == "root")
    assert not [
        one for one in docker.from_env().volumes.list(filters={"dangling": True}) if one.attrs["Mountpoint"] == ""
    ]
    platform.zf("delete", "root", "-f", "-r")


def test_containers_of_images_outlive_their_agent_and_no_line_is_lost_or_doubled(
    platform: Platform, place: Registry
) -> None:
    image = place.push("talk:1", 'CMD ["/bin/sh", "/serve"]', script=CHATTER)
    push(platform, "talk", image, "--no-route", "-u", "process")

    def numbers() -> list[int]:
        lines = platform.zf("logs", "talk", "--recent").stdout.splitlines()
        return [int(line.rsplit(" ", 1)[1]) for line in lines if " chatter " in line]

    eventually(lambda: len(numbers()) > 5)
    container = container_of(platform, "talk")
    name = next(
        name
        for name in platform.names("dea")
        if container.labels[INSTANCE] in {one["instance_guid"] for one in platform.varz(name)["running_apps"]}
    )
    platform.signal(name, signal.SIGKILL)
    reached = numbers()[-1] + 40
    eventually(lambda: numbers()[-1] > reached, within_s=60)
    heard = numbers()
    assert heard == list(range(heard[0], heard[-1] + 1))
    assert container_of(platform, "talk").id == container.id
    platform.zf("delete", "talk", "-f", "-r")
    eventually(lambda: not docker.from_env().containers.list(all=True, filters={"id": container.id}))
