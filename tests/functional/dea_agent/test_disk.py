"""A host whose disk really is full: a small one, mounted for it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.auction import Discover, Limits, Wanted
from tests.functional.dea_agent.world import Dea, World, eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")

SIZE = 64 * 2**20


@pytest.fixture
def small() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="zf-test-", dir="/var/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "zf-test", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def problem(world: World) -> Any:
    return world.said("dea.heartbeat")[-1]["problem"]


def test_a_full_host_gives_up_what_it_can_then_bids_for_nothing_says_why_and_comes_back(
    world: World, small: Path
) -> None:
    dea: Dea = world.dea(ZF_DEA_DIR=str(small / "dea"))
    start, _ = world.running(dea)
    kept = small / "dea" / "droplets" / start.droplet_digest.removeprefix("sha256:")
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited")
    assert kept.exists()
    ballast = small / "ballast"
    ballast.write_bytes(b"\0" * (SIZE * 95 // 100))
    eventually(lambda: "% full" in problem(world))
    assert not kept.exists()
    assert "% full" in dea.varz()["problem"]

    def discover(name: str) -> None:
        wants = (Wanted(0, f"{name}-instance"),)
        world.bus.say(
            "topic:dea", "dea.discover", Discover(name, "instance", "p", "a", 1, "cflinuxfs4", Limits(32, 8), wants)
        )

    discover("while-full")
    refused = world.start(dea)
    said = world.wait_for("dea.refused", instance_guid=refused.instance_guid)
    assert "% full" in said["reason"]
    ballast.unlink()
    eventually(lambda: not problem(world))
    discover("with-room")
    world.wait_for("dea.bid", auction_guid="with-room")
    assert world.said("dea.bid", auction_guid="while-full") == []
    world.running(dea)
