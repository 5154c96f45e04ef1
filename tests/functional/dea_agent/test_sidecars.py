"""What runs beside an app: in its container, under its name, and with one end for all."""

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.runspec import SidecarSpec
from tests.functional.dea_agent.test_end import processes_of
from tests.functional.dea_agent.world import Dea, World, eventually, get

BESIDE = 'echo "beside $CF_INSTANCE_INDEX in $HOME"; while sleep 0.1; do [ -e "$TMPDIR/big" ] && exit 5; done'


def test_a_sidecar_shares_the_apps_world_and_its_exit_is_a_crash(world: World, dea: Dea) -> None:
    world.router_starts()
    sidecars = (SidecarSpec("config server", BESIDE), SidecarSpec("idle", "sleep 1000"))
    start, port = world.running(dea, sidecars=sidecars)
    assert get(port) == b"hello from 0"
    eventually(
        lambda: any(line.startswith("beside 0 in /") for line in world.lines("APP/PROC/WEB/SIDECAR/CONFIG SERVER"))
    )
    get(port, "/fill?1")
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert exited["description"] == "APP/PROC/WEB/SIDECAR/CONFIG SERVER: Exited with status 5"
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", 5)
    assert processes_of(start) == []


def test_a_stop_lets_app_and_sidecar_end_each_in_its_own_time(world: World, dea: Dea) -> None:
    world.router_starts()
    slow = "trap 'sleep 0.5; echo app done; exit 0' TERM; touch up; while :; do sleep 0.05; done"
    quick = SidecarSpec("quick", "trap 'echo sidecar done; exit 1' TERM; while :; do sleep 0.05; done")
    files = {"app/main.sh": "/usr/bin/python3 -u server.py & " + slow}
    start, _ = world.running(dea, command="exec bash main.sh", files=files, sidecars=(quick,), limits=Limits(128, 64))
    eventually(lambda: len(processes_of(start)) >= 3)
    world.stop(start.instance_guid)
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("STOPPED", 0)
    eventually(lambda: "app done" in world.lines())
    assert "sidecar done" in world.lines("APP/PROC/WEB/SIDECAR/QUICK")
    assert processes_of(start) == []
