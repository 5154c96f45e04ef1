"""Apps outlive the agent; the next agent knows all that happened."""

import json
import os
import signal
from pathlib import Path

from chalicelib.contracts.auction import HealthCheck
from tests.functional.dea_agent.test_end import processes_of
from tests.functional.dea_agent.world import Dea, World, eventually, get, poke


def test_an_agent_killed_while_an_app_logs_loses_and_doubles_no_line(world: World, dea: Dea) -> None:
    world.router_starts()
    start, port = world.running(dea)
    get(port, "/keep-logging?1500")
    eventually(lambda: "kept 100" in world.lines())
    dea.kill()
    assert get(port) == b"hello from 0"
    dea.boot()
    eventually(lambda: "kept 1499" in world.lines())
    kept = [line for line in world.lines() if line.startswith("kept")]
    assert kept == [f"kept {number}" for number in range(1500)]
    beat = eventually(lambda: [b for b in world.said("dea.heartbeat", boot=dea.boot_id) if b["instances"]])[0]
    assert [(one["instance_guid"], one["state"]) for one in beat["instances"]] == [(start.instance_guid, "RUNNING")]
    full = eventually(lambda: [r for r in world.said("router.register", boot=dea.boot_id, full=True) if r["endpoints"]])
    assert full[0]["endpoints"][0]["instance_guid"] == start.instance_guid
    assert not world.said("droplet.exited")
    assert not world.said("router.unregister")


def test_an_exit_while_the_agent_was_away_is_reported_with_its_status(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    dea.kill()
    poke(port, "/exit?42")
    eventually(lambda: not processes_of(start))
    dea.boot()
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", 42)
    assert world.order_of("router.unregister", "droplet.exited") == ["router.unregister", "droplet.exited"]


def test_a_shim_that_was_killed_takes_its_app_along(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    record = json.loads((dea.dir / "dea" / "control" / start.instance_guid / "shim.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", None)
    eventually(lambda: not processes_of(start))


def test_sigterm_leaves_the_apps_running_and_the_next_agent_can_stop_them(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    assert dea.signal(signal.SIGTERM) == 0
    assert get(port) == b"hello from 0"
    assert not world.said("droplet.exited")
    dea.boot()
    world.stop(up_to_version=1)
    assert world.wait_for("droplet.exited", instance_guid=start.instance_guid)["exit_status"] == 143


def test_a_start_that_was_sent_to_a_dead_boot_is_taken_by_the_next(world: World, dea: Dea) -> None:
    dea.kill()
    start = world.start(dea)
    dea.boot()
    world.wait_for("dea.started", instance_guid=start.instance_guid)
    queues = lambda: world.bus.sqs.list_queues(QueueNamePrefix=f"{world.prefix}-dea-")["QueueUrls"]  # noqa: E731
    eventually(lambda: len(queues()) == 1, 30)


def test_a_start_that_was_interrupted_before_anything_ran_is_refused(world: World, dea: Dea) -> None:
    world.gate.clear()
    start = world.start(dea)
    eventually(lambda: dea.varz()["num_apps"] == 1)
    dea.kill()
    world.gate.set()
    dea.boot()
    assert "restart" in world.wait_for("dea.refused", instance_guid=start.instance_guid)["reason"]
    assert dea.varz()["num_apps"] == 0


def test_a_start_that_was_interrupted_while_it_came_up_goes_on(world: World, dea: Dea) -> None:
    command = "sleep 2; exec /usr/bin/python3 -u server.py"
    start = world.start(dea, command=command, health=HealthCheck(timeout_s=30))
    eventually(lambda: processes_of(start))
    dea.kill()
    dea.boot()
    world.wait_for("dea.started", instance_guid=start.instance_guid)


def test_what_no_table_knows_is_removed_at_boot(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    dea.kill()
    snapshot = dea.dir / "dea" / "snapshot.json"
    data = json.loads(snapshot.read_text())
    snapshot.write_text(json.dumps(data | {"instances": []}))
    dea.boot()
    eventually(lambda: not processes_of(start))
    assert not (dea.dir / "dea" / "instances" / start.instance_guid).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/zf-dea-0-*/{start.instance_guid}"))


def test_a_guid_is_started_once_even_over_a_restart(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    dea.kill()
    dea.boot()
    world.bus.say(f"url:{dea.queue_url}", "dea.start", start)
    world.running(dea)
    assert dea.varz()["num_apps"] == 1
