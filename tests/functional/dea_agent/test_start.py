"""From a discover to a healthy, registered instance."""

import json

from tests.functional.dea_agent.world import Dea, World, eventually, get


def test_a_healthy_instance_is_registered_and_then_reported_started(world: World, dea: Dea) -> None:
    start, port = world.running(dea)
    assert get(port) == b"hello from 0"
    assert world.order_of("router.register", "dea.started")[-2:] == ["router.register", "dea.started"]
    [endpoint] = [e for r in world.said("router.register", full=False) for e in r["endpoints"]]
    assert endpoint["grant"] == "route-grant"
    assert (endpoint["instance_guid"], endpoint["port"]) == (start.instance_guid, port)
    eventually(lambda: "RUNNING" in world.states(start.instance_guid))
    assert json.loads(dea.get("/varz"))["running_apps"][0]["state"] == "RUNNING"
