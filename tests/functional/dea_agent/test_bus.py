"""Without the bus a DEA keeps serving with what it knows, and catches up."""

from urllib.parse import urlsplit

from tests.functional.dea_agent.wire import Wire
from tests.functional.dea_agent.world import World, eventually, get, poke


def test_what_happened_while_the_bus_was_away_is_told_when_it_is_back(world: World) -> None:
    wire = Wire(urlsplit(world.endpoint).port or 0)
    dea = world.dea(AWS_ENDPOINT_URL=f"http://127.0.0.1:{wire.port}")
    crashing, port = world.running(dea)
    serving, other = world.running(dea, index=1)
    wire.cut()
    poke(port, "/exit?1")
    eventually(lambda: dea.varz()["outbox"] >= 2)
    assert get(other) == b"hello from 1"
    dea.kill()
    wire.mend()
    dea.boot()
    exited = world.wait_for("droplet.exited", instance_guid=crashing.instance_guid)
    assert exited["exit_status"] == 1
    assert world.order_of("router.unregister", "droplet.exited") == ["router.unregister", "droplet.exited"]
    assert len(world.said("droplet.exited")) == 1
    assert world.states(serving.instance_guid)[-1] == "RUNNING"


def test_a_dea_hears_and_speaks_again_after_a_break(world: World) -> None:
    wire = Wire(urlsplit(world.endpoint).port or 0)
    dea = world.dea(AWS_ENDPOINT_URL=f"http://127.0.0.1:{wire.port}")
    start, port = world.running(dea)
    wire.cut()
    world.stop(start.instance_guid)
    assert get(port) == b"hello from 0"
    wire.mend()
    assert world.wait_for("droplet.exited", instance_guid=start.instance_guid)["reason"] == "STOPPED"
