"""Tasks on a host: run once, without port or route, their end told for certain."""

import json
import os
import signal

from chalicelib.contracts.auction import Limits, Start
from tests.functional.dea_agent.test_end import processes_of
from tests.functional.dea_agent.world import Dea, World, eventually


def ended(world: World, task: Start) -> dict[str, object]:
    return world.wait_for("task.finished", task_guid=task.process_guid)


def listed(world: World, dea: Dea) -> list[str] | None:
    """The tasks in the last beat of the present boot, once there is one."""
    beats = world.said("dea.heartbeat", boot=dea.boot_id)
    return beats[-1]["tasks"] if beats else None


def test_a_task_runs_once_without_a_port_logs_and_is_told_of(world: World, dea: Dea) -> None:
    world.router_starts()
    command = 'echo "$MESSAGE to ${PORT-nobody}"; echo "$VCAP_APPLICATION" > "$HOME/seen"; cat "$HOME/seen"'
    task = world.task(dea, command, env={"MESSAGE": "hello"})
    end = ended(world, task)
    assert (end["reason"], end["exit_status"], end["instance_guid"]) == ("CRASHED", 0, task.instance_guid)
    eventually(lambda: "hello to nobody" in world.lines("APP/TASK/job"))
    application = json.loads(next(line for line in world.lines("APP/TASK/job") if line.startswith("{")))
    assert "instance_index" not in application
    assert {entry["instance_id"] for entry in world.logs} == {"0"}
    eventually(lambda: dea.varz()["num_apps"] == 0)
    world.bus.say(f"url:{dea.queue_url}", "dea.start", task)
    eventually(lambda: listed(world, dea) == [])
    assert not (dea.dir / "dea" / "instances" / task.instance_guid).exists()
    assert not world.said("droplet.exited")
    assert not world.said("router.unregister")
    assert all(not beat["instances"] for beat in world.said("dea.heartbeat"))
    assert len(world.said("task.finished")) == 1


def test_failures_say_what_went_wrong_and_a_stop_is_one(world: World, dea: Dea) -> None:
    failing = world.task(dea, "exit 3")
    greedy = world.task(dea, "/usr/bin/python3 -c 'import os, time; x = os.urandom(200 << 20); time.sleep(60)'")
    stopped = world.task(dea, "sleep 1000", limits=Limits(64, 64))
    world.wait_for("dea.started", process_guid=stopped.process_guid)
    world.stop(process_guid=stopped.process_guid, up_to_version=0)
    end = ended(world, failing)
    assert (end["exit_status"], end["description"]) == (3, "APP/TASK/job: Exited with status 3")
    end = ended(world, greedy)
    assert "out of memory" in str(end["description"])
    assert end["exit_status"] != 0
    end = ended(world, stopped)
    assert (end["reason"], processes_of(stopped)) == ("STOPPED", [])
    late = world.task(dea, "echo never", process_guid=stopped.process_guid)
    refused = world.wait_for("dea.refused", instance_guid=late.instance_guid)
    assert (refused["work"], refused["work_guid"]) == ("task", stopped.process_guid)


def test_a_task_outlives_its_agent_and_ends_of_the_gap_are_told(world: World, dea: Dea) -> None:
    running = world.task(dea, "sleep 1000", limits=Limits(64, 64))
    ending = world.task(dea, "sleep 1000; exit 7", limits=Limits(64, 64))
    for task in (running, ending):
        world.wait_for("dea.started", process_guid=task.process_guid)
    eventually(lambda: listed(world, dea) == sorted([running.process_guid, ending.process_guid]))
    dea.kill()
    for pid in processes_of(ending):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes_of(ending))
    dea.boot()
    assert ended(world, ending)["exit_status"] == 137
    eventually(lambda: listed(world, dea) == [running.process_guid])
    assert processes_of(running)
    dea.post("/drain")
    eventually(lambda: world.said("dea.heartbeat", draining=True))
    assert not world.said("task.finished", task_guid=running.process_guid)
    for pid in processes_of(running):
        os.kill(pid, signal.SIGTERM)
    assert ended(world, running)["exit_status"] == 143
    assert dea.process.wait(20) == 0
