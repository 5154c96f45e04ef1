"""The ends of an instance: crashes, quotas, stops, drains."""

import json
import os
import signal
import threading
import time
from pathlib import Path

from chalicelib.contracts.auction import HealthCheck, Limits, Start
from tests.functional.dea_agent.world import SERVE, Dea, World, eventually, get, poke


def processes_of(start: Start) -> list[int]:
    """Living processes whose environment names the instance."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and start.instance_guid.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_invariant_1_a_killed_app_is_unregistered_before_anybody_hears_of_its_exit(world: World, dea: Dea) -> None:
    world.router_starts()
    start, _ = world.running(dea)
    for pid in processes_of(start):
        os.kill(pid, signal.SIGKILL)
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", 137)
    assert exited["description"] == "APP/PROC/WEB: Exited with status 137"
    world.wait_for("router.unregister", instance_guids=[start.instance_guid])
    assert world.order_of("router.unregister", "droplet.exited") == ["router.unregister", "droplet.exited"]
    eventually(lambda: world.states(start.instance_guid)[-1] == "CRASHED")
    eventually(lambda: "APP/PROC/WEB: Exited with status 137" in world.lines("CELL"))
    assert world.lines()[-1] == "Exit status 137"
    assert dea.varz()["apps_reserved_memory"] == 0


def test_an_app_that_exits_0_has_crashed_too(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    poke(port, "/exit?0")
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", 0)


def test_what_a_crashed_app_leaves_behind_ends_with_it(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    get(port, "/daemon")
    eventually(lambda: len(processes_of(start)) > 1)
    poke(port, "/exit?3")
    assert world.wait_for("droplet.exited", instance_guid=start.instance_guid)["exit_status"] == 3
    assert processes_of(start) == []


def test_a_crashed_instance_keeps_its_folder_until_it_is_stopped(world: World, dea: Dea) -> None:
    start = world.start(dea, command="echo goodbye; exit 5")
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    folder = dea.dir / "dea" / "instances" / start.instance_guid
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (os.geteuid(), 0o700)
    world.stop(start.instance_guid)
    eventually(lambda: not folder.exists())
    eventually(lambda: not world.said("dea.heartbeat")[-1]["instances"])


def test_too_much_memory_ends_the_instance_and_says_so(world: World, dea: Dea) -> None:
    world.router_starts()
    start, port = world.running(dea, limits=Limits(64, 64))
    poke(port, "/eat?200")
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert "out of memory" in exited["description"]
    eventually(lambda: any("out of memory" in line for line in world.lines("CELL")))


def test_too_much_disk_ends_the_instance_and_says_so(world: World, dea: Dea) -> None:
    world.router_starts()
    start, port = world.running(dea, limits=Limits(128, 16))
    poke(port, "/fill?32")
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert "Disk quota of 16M exceeded" in exited["description"]
    eventually(lambda: any("Disk quota" in line for line in world.lines("CELL")))


def test_usage_is_in_heartbeats(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    get(port, "/fill?2")
    get(port, "/log?100")

    def sample() -> dict[str, float] | None:
        samples = [beat["usage"].get(start.instance_guid) for beat in world.said("dea.heartbeat")]
        busy = [s for s in samples if s and s["disk_bytes"] > 2 * 1024 * 1024 and s["cpu"] > 0.02]
        return busy[-1] if busy else None

    spinning = threading.Thread(target=lambda: get(port, "/spin?3"))
    spinning.start()
    usage = eventually(sample)
    spinning.join()
    assert usage["io_write_bytes"] > 0
    assert usage["memory_bytes"] > 2 * 1024 * 1024
    assert usage["fds"] > 2
    assert usage["threads"] >= 1


def test_invariant_1_a_stop_lets_open_requests_end_and_new_ones_go_elsewhere_first(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    answers: list[bytes] = []
    slow = threading.Thread(target=lambda: answers.append(get(port, "/slow?1.5")))
    slow.start()
    eventually(lambda: dea.varz()["num_apps"])
    world.stop(up_to_version=1)
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    slow.join()
    assert answers == [b"hello from 0"]
    assert (exited["reason"], exited["exit_status"]) == ("STOPPED", 143)
    assert world.order_of("router.unregister", "droplet.exited") == ["router.unregister", "droplet.exited"]
    assert not (dea.dir / "dea" / "instances" / start.instance_guid).exists()
    assert not (dea.dir / "dea" / "control" / start.instance_guid).exists()
    assert dea.varz()["apps_reserved_memory"] == 0
    assert "STOPPING" in world.states(start.instance_guid)


def test_who_ignores_sigterm_is_killed_after_the_grace(world: World, dea: Dea) -> None:
    world.router_starts()
    command = "trap '' TERM; (trap '' TERM; setsid sleep 1000 & ) ; while true; do sleep 0.1; done"
    start = world.start(dea, command=command, health=HealthCheck("process"))
    world.wait_for("dea.started", instance_guid=start.instance_guid)
    began = time.time()
    world.stop(start.instance_guid)
    world.stop(start.instance_guid)
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert exited["exit_status"] == 137
    assert 2 <= exited["at"] - began < 8
    assert processes_of(start) == []
    assert len(world.said("droplet.exited", instance_guid=start.instance_guid)) == 1


def test_a_stop_in_the_middle_of_a_start_ends_it(world: World, dea: Dea) -> None:
    start = world.start(dea, command="sleep 1000", health=HealthCheck(timeout_s=60))
    eventually(lambda: "STARTING" in world.states(start.instance_guid))
    world.stop(start.instance_guid)
    assert world.wait_for("droplet.exited", instance_guid=start.instance_guid)["reason"] == "STOPPED"
    assert processes_of(start) == []
    assert not world.said("router.unregister")


def test_a_port_rests_after_its_instance_has_ended(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    for _ in range(3):
        start, other = world.running(dea)
        assert other != port
        world.stop(start.instance_guid)
    dea.kill()
    assert str(port) in json.loads((dea.dir / "dea" / "snapshot.json").read_text())["resting_ports"]


def test_new_routes_are_registered_with_their_grant(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    update = {
        "process_guid": "process-1",
        "version": 1,
        "routes": ["hello.localhost", "hi.localhost"],
        "routes_version": 7,
        "grants": {start.instance_guid: "new-grant"},
    }
    world.bus.say("topic:dea", "dea.update", update)
    eventually(
        lambda: any(b["instances"][0]["routes_version"] == 7 for b in world.said("dea.heartbeat") if b["instances"])
    )
    world.bus.say("topic:dea", "dea.update", update | {"routes": [], "routes_version": 6})

    def newest() -> bool:
        last = world.said("router.register", full=False)[-1]["endpoints"][0]
        return (last["routes"], last["routes_version"], last["grant"]) == (update["routes"], 7, "new-grant")

    eventually(newest)


def test_a_drained_host_serves_until_its_instances_are_stopped_and_then_goes(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    dea.process.send_signal(signal.SIGUSR2)
    shutdown = world.wait_for("dea.shutdown")
    assert [one["instance_guid"] for one in shutdown["instances"]] == [start.instance_guid]
    eventually(lambda: world.states(start.instance_guid)[-1] == "EVACUATING")
    refused = world.start(dea)
    assert "draining" in world.wait_for("dea.refused", instance_guid=refused.instance_guid)["reason"]
    assert get(port) == b"hello from 0"
    world.stop(start.instance_guid)
    assert dea.process.wait(20) == 0
    world.wait_for("droplet.exited", instance_guid=start.instance_guid, reason="STOPPED")
    queues = world.bus.sqs.list_queues(QueueNamePrefix=f"{world.prefix}-dea-").get("QueueUrls", [])
    assert queues == []


def test_a_drain_that_reaches_its_deadline_stops_what_is_left(world: World) -> None:
    dea = world.dea(ZF_DRAIN_DEADLINE_S="1")
    start, _ = world.running(dea)
    assert dea.post("/drain") == 202
    assert dea.process.wait(20) == 0
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert exited["reason"] == "DEA_EVACUATION"
    assert processes_of(start) == []


def test_stop_all_leaves_nothing(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    crashed = world.start(dea, command=f"exit 1 # {SERVE}")
    world.wait_for("droplet.exited", instance_guid=crashed.instance_guid)
    assert dea.post("/stop-all") == 204
    assert dea.process.wait(10) == 0
    assert processes_of(start) == []
    assert not (dea.dir / "dea").exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/zf-dea-0-*/{start.instance_guid}"))
    assert not world.said("droplet.exited", instance_guid=start.instance_guid)
