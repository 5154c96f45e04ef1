"""From a discover to a healthy, registered instance, or to a clear no."""

import json
import os
import socket
import uuid

import pytest

from chalicelib.contracts.auction import Discover, HealthCheck, Limits, Wanted
from tests.functional.dea_agent.world import SERVE, Dea, World, eventually, get


def a_discover(**changes: object) -> Discover:
    fields: dict[str, object] = {
        "auction_guid": str(uuid.uuid4()),
        "work": "instance",
        "work_guid": "process-1",
        "app_guid": "app-1",
        "version": 1,
        "stack": "cflinuxfs4",
        "limits": Limits(1024, 64),
        "wants": tuple(Wanted(index, f"guid-{index}") for index in range(6)),
    }
    return Discover(**(fields | changes))  # type: ignore[arg-type]


def test_a_bid_offers_every_index_and_says_how_many_fit_together(world: World, dea: Dea) -> None:
    discover = a_discover()
    world.bus.say("topic:dea", "dea.discover", discover)
    bid = world.wait_for("dea.bid", auction_guid=discover.auction_guid)
    assert (bid["room"], [offer["index"] for offer in bid["offers"]]) == (4, list(range(6)))
    assert bid["queue_url"].endswith(f"-dea-dea-0-{dea.boot_id}")


def test_an_open_bid_raises_the_taint_of_the_next_but_never_makes_it_a_no(world: World, dea: Dea) -> None:
    one, two = a_discover(), a_discover()
    for discover in (one, two):
        world.bus.say("topic:dea", "dea.discover", discover)
    first, second = (world.wait_for("dea.bid", auction_guid=d.auction_guid) for d in (one, two))
    earlier, later = sorted((first, second), key=lambda bid: bid["offers"][0]["taint_ms"])
    assert later["offers"][0]["taint_ms"] - earlier["offers"][0]["taint_ms"] > 100
    assert earlier["room"] == later["room"] == 4


def test_who_cannot_take_the_work_is_silent(world: World, dea: Dea) -> None:
    for discover in (
        a_discover(stack="windows"),
        a_discover(arch="sparc"),
        a_discover(limits=Limits(99999, 64)),
        a_discover(isolation_segment="private"),
    ):
        world.bus.say("topic:dea", "dea.discover", discover)
    last = a_discover()
    world.bus.say("topic:dea", "dea.discover", last)
    world.wait_for("dea.bid", auction_guid=last.auction_guid)
    assert len(world.said("dea.bid")) == 1


def test_a_healthy_instance_is_registered_and_then_reported_started(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    assert get(port) == b"hello from 0"
    # The two come by different queues.
    world.wait_for("router.register", full=False)
    assert world.order_of("router.register", "dea.started")[-2:] == ["router.register", "dea.started"]
    [endpoint] = world.wait_for("router.register", full=False)["endpoints"]
    assert endpoint["grant"] == "route-grant"
    assert (endpoint["instance_guid"], endpoint["port"]) == (start.instance_guid, port)
    eventually(lambda: "RUNNING" in world.states(start.instance_guid))
    assert dea.varz()["running_apps"][0]["state"] == "RUNNING"
    metrics = dea.get("/metrics")
    assert b'dea_instances{state="RUNNING"} 1.0' in metrics
    assert all(
        b'dea_start_seconds_count{phase="%s"} 1.0' % phase in metrics for phase in (b"fetch", b"launch", b"ready")
    )


def test_the_environment_is_cloud_foundrys_and_nothing_of_the_host(world: World, dea: Dea) -> None:
    files = {
        "profile.d/pack.sh": "export PACK=1",
        "app/.profile.d/own.sh": "export OWN=2",
        "app/.profile": "export ME=$OWN",
    }
    start, port = world.running(dea, files=files, env={"GREETING": "a 'quoted' $HOME", "PORT": "1"}, index=3)
    env = json.loads(get(port, "/env"))
    assert (env["PORT"], env["GREETING"], env["CF_INSTANCE_INDEX"]) == (str(port), "a 'quoted' $HOME", "3")
    assert (env["PACK"], env["OWN"], env["ME"]) == ("1", "2", "2")
    assert env["HOME"].endswith(f"/instances/{start.instance_guid}/app")
    application = json.loads(env["VCAP_APPLICATION"])
    assert (application["name"], application["instance_id"], application["port"]) == (
        "hello",
        start.instance_guid,
        port,
    )
    assert not [name for name in env if name.startswith(("AWS_", "ZF_", "SECRET"))]


def test_invariant_1_an_app_that_never_binds_its_port_crashes_and_is_never_registered(world: World, dea: Dea) -> None:
    start = world.start(dea, command="sleep 1000", health=HealthCheck(timeout_s=1))
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert (exited["reason"], exited["exit_status"]) == ("CRASHED", 137)
    assert "port health check" in exited["description"]
    assert not world.said("dea.started")
    assert not world.said("router.register", full=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="apps that share a user cannot be told apart by their sockets")
def test_a_port_that_somebody_else_took_first_is_never_registered(world: World) -> None:
    dea = world.dea(ZF_PORT_RANGE="30998-30999")
    # The ports are given out before the droplet is there.
    world.gate.clear()
    starts = [
        world.start(dea, command="sleep 1000", index=index, health=HealthCheck(kind, timeout_s=60))
        for index, kind in enumerate(("port", "process"))
    ]
    eventually(lambda: dea.varz()["num_apps"] == 2)
    with socket.create_server(("127.0.0.1", 30998)), socket.create_server(("127.0.0.1", 30999)):
        world.gate.set()
        said = [world.wait_for("droplet.exited", instance_guid=start.instance_guid) for start in starts]
    assert {exited["reason"] for exited in said} == {"CRASHED"}
    assert {exited["description"] for exited in said} == {
        f"port {port} is held by somebody else" for port in (30998, 30999)
    }
    assert not world.said("dea.started")
    assert not world.said("router.register", full=False)


def test_an_http_health_check_wants_200(world: World, dea: Dea) -> None:
    ill = world.start(dea, health=HealthCheck("http", "/slow?9", timeout_s=2))
    well, _ = world.running(dea, health=HealthCheck("http", "/", timeout_s=20))
    assert world.wait_for("droplet.exited", instance_guid=ill.instance_guid)["reason"] == "CRASHED"
    assert world.states(well.instance_guid)[-1] == "RUNNING"


def test_a_process_without_a_port_is_healthy_when_it_runs(world: World, dea: Dea) -> None:
    start = world.start(dea, command="sleep 1000", health=HealthCheck("process"), process_type="worker")
    world.wait_for("dea.started", instance_guid=start.instance_guid)


def test_one_download_serves_all_starts_that_wait_for_it(world: World, dea: Dea) -> None:
    world.gate.clear()
    starts = [world.start(dea, index=index) for index in range(3)]
    eventually(lambda: dea.varz()["num_apps"] == 3)
    world.gate.set()
    for start in starts:
        world.wait_for("dea.started", instance_guid=start.instance_guid)
    [downloads] = [count for path, count in world.asked.items() if path.startswith("/droplets/")]
    assert downloads == 1


def test_a_droplet_that_cannot_be_had_is_refused(world: World, dea: Dea) -> None:
    start = world.start(dea, droplet_digest=f"sha256:{'0' * 64}")
    refused = world.wait_for("dea.refused", instance_guid=start.instance_guid)
    assert "digest" in refused["reason"]
    eventually(lambda: dea.varz()["apps_reserved_memory"] == 0)


def test_a_hostile_droplet_is_a_crash_with_its_reason(world: World, dea: Dea) -> None:
    start = world.start(dea, files={"../../../evil": "x"})
    exited = world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    assert "leads out of the app's folder" in exited["description"]
    assert not list(dea.dir.rglob("evil"))


def test_a_start_that_no_longer_fits_is_refused(world: World, dea: Dea) -> None:
    world.running(dea, limits=Limits(4000, 64))
    start = world.start(dea)
    assert "memory" in world.wait_for("dea.refused", instance_guid=start.instance_guid)["reason"]


def test_invariant_2_a_start_said_twice_starts_once(world: World, dea: Dea) -> None:
    start, _ = world.running(dea)
    for _ in range(2):
        world.bus.say(f"url:{dea.queue_url}", "dea.start", start)
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    world.bus.say(f"url:{dea.queue_url}", "dea.start", start)
    world.running(dea)
    assert dea.varz()["num_apps"] == 1
    assert len(world.said("dea.started", instance_guid=start.instance_guid)) == 1


def test_a_stop_that_overtakes_its_start_is_remembered(world: World, dea: Dea) -> None:
    by_version, by_guid = world.a_start(version=4), world.a_start(process_guid="process-2")
    world.stop(up_to_version=4)
    world.stop(by_guid.instance_guid, process_guid="process-2")
    newer, _ = world.running(dea, version=5)
    for start in (by_version, by_guid):
        world.bus.say(f"url:{dea.queue_url}", "dea.start", start)
        assert "stopped" in world.wait_for("dea.refused", instance_guid=start.instance_guid)["reason"]
    assert dea.varz()["num_apps"] == 1
    assert world.states(newer.instance_guid)


def test_messages_that_make_no_sense_are_dropped_and_harm_nobody(world: World, dea: Dea) -> None:
    for body in ("no json", "{}", json.dumps({"subject": "dea.start", "body": {}})):
        world.bus.sqs.send_message(QueueUrl=dea.queue_url, MessageBody=body)
    world.bus.say(f"url:{dea.queue_url}", "dea.start", {"instance_guid": 7})
    world.bus.say(f"url:{dea.queue_url}", "made.up", {})
    escape = world.start(dea, instance_guid="../../evil")
    assert "guid" in world.wait_for("dea.refused", instance_guid=escape.instance_guid)["reason"]
    world.running(dea)


def test_orders_from_an_app_are_not_obeyed(world: World, dea: Dea) -> None:
    command = f'/usr/bin/python3 -c \'import urllib.request as r; r.urlopen("{dea.http}/drain", b"")\'; {SERVE}'
    world.router_starts()
    world.running(dea, command=command)
    if dea.has_users:
        eventually(lambda: any("403" in line for line in world.lines()))
        assert dea.varz()["state"] == "RUNNING"


def test_every_port_that_destinations_name_is_lent_told_registered_and_given_back(world: World, dea: Dea) -> None:
    world.router_starts()
    start, port = world.running(dea, ports=(8080, 9000), command=f'(PORT="$PORT_9000" {SERVE}) & {SERVE}')
    [endpoint] = [e for r in world.said("router.register", full=False) for e in r["endpoints"]]
    second = endpoint["ports"][1]["external"]
    assert endpoint["ports"] == [{"internal": 8080, "external": port}, {"internal": 9000, "external": second}]
    assert second != port
    assert eventually(lambda: get(second)) == get(port) == b"hello from 0"
    env = json.loads(get(port, "/env"))
    assert [one["external"] for one in json.loads(env["CF_INSTANCE_PORTS"])] == [port, second]
    warning = f"Destination port 9000: this host's apps share its ports; listen on {second}, $PORT_9000"
    eventually(lambda: warning in world.lines("CELL"))
    world.stop(start.instance_guid)
    world.wait_for("droplet.exited", instance_guid=start.instance_guid)
    _, port_of_next = world.running(dea)
    assert port_of_next not in (port, second), "routers may still know them"
