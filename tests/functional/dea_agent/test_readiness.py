"""A healthy instance that is not ready gets no requests, and gets them again when it is."""

from chalicelib.contracts.auction import HealthCheck
from tests.functional.dea_agent.world import Dea, World, eventually, get


def test_an_instance_is_in_its_routes_only_while_it_is_ready(world: World, dea: Dea) -> None:
    world.router_starts()
    start, port = world.running(dea, readiness=HealthCheck("http", "/ready", interval_s=1))
    guid = start.instance_guid

    def routes() -> list[str]:
        told = [r for r in world.said("router.register") if r["endpoints"]]
        return list(max(told, key=lambda message: message["seq"])["endpoints"][0]["routes"])

    def words() -> list[bool]:
        told = world.said("instance.ready", instance_guid=guid)
        return [message["is_ready"] for message in sorted(told, key=lambda message: message["at"])]

    assert routes() == []
    get(port, "/touch")
    eventually(lambda: words() == [False, True])
    eventually(lambda: routes() == ["hello.localhost"])
    get(port, "/untouch")
    eventually(lambda: words() == [False, True, False])
    eventually(lambda: routes() == [])
    eventually(lambda: "Instance became not ready for requests" in world.lines("CELL"))
    assert not world.said("router.unregister")
    assert world.states(guid)[-1] == "RUNNING"
    dea.kill()
    dea.boot()
    get(port, "/touch")
    eventually(lambda: words()[-1])
    world.stop(guid)
    world.wait_for("router.unregister", instance_guids=[guid])
