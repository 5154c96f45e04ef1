"""Whether this machine can hold apps in containers at all. Nothing of the platform's is asked here, so that what fails
after it is a defect and not the machine's lack of something.
"""

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException

from dea_agent.runtimes.docker import IMAGE
from infra.stack.engine import NoEngine, admin_path

NAME = "zf-probe"


def probe() -> None:
    """Raises NoEngine, with what is missing."""
    try:
        _run_a_container(docker.from_env(timeout=60))
    except (DockerException, requests.RequestException) as error:
        raise NoEngine(f"no container can be run here: {str(error).splitlines()[0]}") from None
    if os.geteuid() != 0:  # then the platform does without
        return
    with tempfile.TemporaryDirectory(prefix="zf-", dir="/var/tmp") as folder:
        _mount_a_disk(Path(folder))
    _must(["iptables", "-w", "5", "-S", "DOCKER-USER"], "packet filter rules cannot be read")


def _run_a_container(client: Any) -> None:
    """With a memory limit, on a bridge of its own: control groups and the packet filter are in it."""
    for left in client.networks.list(names=[f"^{NAME}$"]):
        left.remove()
    network = client.networks.create(NAME, driver="bridge")
    try:
        client.containers.run(
            IMAGE, ["true"], remove=True, network=NAME, mem_limit="64m", pids_limit=100, read_only=True
        )
    finally:
        with suppress(DockerException):
            network.remove()


def _mount_a_disk(folder: Path) -> None:
    image, root = folder / "disk.ext4", folder / "disk"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    _must(["mkfs.ext4", "-q", "-F", str(image)], "no disk can be made")
    _must(["mount", "-o", "loop", str(image), str(root)], "no disk can be mounted")
    _must(["umount", str(root)], "no disk can be unmounted")


def _must(command: list[str], otherwise: str) -> None:
    try:
        environment = {**os.environ, "PATH": admin_path()}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
        )
    except FileNotFoundError:
        raise NoEngine(f"{otherwise}: {command[0]} is missing") from None
    if done.returncode:
        raise NoEngine(f"{otherwise}: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")
