"""Log lines on their way to routers."""

import json

from chalicelib.contracts.auction import HealthCheck, Limits
from tests.functional.dea_agent.world import Dea, World, eventually, get


def test_lines_wait_for_a_router_and_then_all_come(world: World, dea: Dea) -> None:
    _, port = world.running(dea)
    world.log_status = 503
    world.router_starts()
    get(port, "/log?5000")
    world.log_status = 204
    eventually(lambda: "line 4999" in world.lines())
    assert [line for line in world.lines() if line.startswith("line")] == [f"line {n}" for n in range(5000)]


def test_the_lines_of_an_app_that_crashed_at_once_arrive(world: World, dea: Dea) -> None:
    world.router_starts()
    world.start(dea, command="echo to stdout; echo to stderr >&2; printf unfinished; exit 9")
    eventually(lambda: "Exit status 9" in world.lines())
    types = {entry["text"]: (entry["type"], entry["source_type"]) for entry in world.logs}
    assert types["to stdout"] == ("OUT", "APP/PROC/WEB")
    assert types["to stderr"] == ("ERR", "APP/PROC/WEB")
    assert "unfinished" in types


def test_long_lines_are_split_and_odd_bytes_survive_as_text(world: World, dea: Dea) -> None:
    world.router_starts()
    command = '/usr/bin/python3 -c \'import sys; sys.stdout.buffer.write(b"x" * 150_000 + b"\\n\\xff\\n")\'; sleep 1000'
    world.start(dea, command=command, health=HealthCheck("process"))
    eventually(lambda: "\ufffd" in world.lines())
    assert [len(line) for line in world.lines() if line.startswith("x")] == [61_440, 61_440, 27_120]


def test_an_app_may_log_so_much_per_second_and_is_told(world: World, dea: Dea) -> None:
    world.router_starts()
    _, port = world.running(dea, limits=Limits(128, 64, log_rate_bytes=1024))
    get(port, "/log?5000")
    eventually(lambda: "app instance exceeded log rate limit (1024 bytes/sec)" in world.lines())
    assert sum(len(line) for line in world.lines() if line.startswith("line")) < 8 * 1024


def test_a_router_that_restarted_gets_the_last_lines_again(world: World, dea: Dea) -> None:
    world.router_starts()
    _, port = world.running(dea)
    get(port, "/log?10")
    eventually(lambda: "line 9" in world.lines())
    world.logs.clear()
    world.router_starts(boot="b2")
    eventually(lambda: "line 9" in world.lines())
    assert "line 0" in world.lines()


def test_logs_of_a_stopped_instance_are_sent_before_they_are_removed(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    get(port, "/log?10")
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (dea.dir / "dea" / "logs" / start.instance_guid).exists()
    world.router_starts()
    eventually(lambda: "Exit status 143" in world.lines())
    eventually(lambda: not (dea.dir / "dea" / "logs" / start.instance_guid).exists())


def test_what_an_instance_uses_goes_to_the_routers_again_and_again(world: World, dea: Dea) -> None:
    world.router_starts()
    start, _ = world.running(dea)
    first, second = eventually(lambda: len(world.gauges) > 1 and world.gauges[:2])
    (entry,) = second["entries"]
    assert (second["source_id"], entry["instance_guid"]) == (start.app_guid, start.instance_guid)
    assert entry["timestamp"] > first["entries"][0]["timestamp"]
    assert json.loads(entry["text"])["memory"] > 0
