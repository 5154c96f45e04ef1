"""The shortest way through everything with Docker: two apps pushed, staged, contained, routed, and nothing left."""

import os

import docker

from dea_agent.runtimes.docker import CLOUD
from tests.support.platform import ROOT, a_platform, eventually


def test_a_python_and_a_static_app_are_pushed_and_answer_from_containers() -> None:
    client = docker.from_env()
    with a_platform(deas=1, flags=("--runtime", "auto")) as platform:
        label = f"{CLOUD}={platform.status()['run_folder']}"
        platform.push("snake", "-k", "16M", "-m", "64M")
        platform.push("pages", folder=ROOT / "examples" / "static")
        assert {platform.varz(name)["runtime"] for name in platform.names("dea")} == {"docker"}
        assert len(client.containers.list(filters={"label": label})) == 2
        assert platform.who("snake")["index"] == 0
        assert "<html" in platform.get("pages").text.lower()
        if os.geteuid() == 0:
            (stats,) = eventually(lambda: [one for one in platform.instances("snake") if one["usage"]["mem"]])
            assert stats["disk_quota"] == 16 * 2**20
            assert stats["usage"]["disk"] < 2**20  # the droplet is not what the app wrote
        mounted = platform.status()["run_folder"]
    assert client.containers.list(all=True, filters={"label": label}) == []
    assert client.networks.list(filters={"label": label}) == []
    with open("/proc/mounts") as mounts:
        assert mounted not in mounts.read()
