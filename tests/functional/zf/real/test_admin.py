"""`zf admin` against the API itself."""

from chalicelib.adapters.clock import now
from chalicelib.contracts.components import Announce
from chalicelib.contracts.routing import RouterStart
from chalicelib.services.health import announced
from chalicelib.tables.actual import Dea
from tests.functional.cloud import Cloud
from tests.functional.services.conftest import Services

from ..conftest import Zf


def a_host(cloud: Cloud, **more: object) -> None:
    capacity = {"memory_mb": 1024, "disk_mb": 4096, "reserved_memory_mb": 256, "reserved_disk_mb": 1024}
    queue = cloud.make_queue("dea-0").removeprefix("url:")
    known = {"seen_at": now(), "host": "10.0.0.1", "http": "", "queue_url": queue, "stack": "s", "arch": "a"}
    Dea("all", "dea-0", boot="boot", seq=1, capacity=capacity, **known | more).save()


def test_hosts_are_shown_and_take_orders(real: Zf, services: Services) -> None:
    assert "No host has been heard" in real("admin", "hosts").out
    a_host(services.cloud, instances=[["p", 1, 0, "i", "a", "RUNNING", 0, 1, 1]])
    shown = real("admin", "hosts").out
    assert "dea-0" in shown
    assert "256M of 1G" in shown
    cordoned = real("admin", "cordon", "dea-0")
    assert cordoned.status == 0
    assert "It keeps 1 instance; to move them: zf admin drain dea-0" in cordoned.out
    assert real("admin", "uncordon", "dea-0").out.startswith("dea-0 takes work again")
    missing = real("admin", "drain", "dea-7")
    assert missing.status == 1
    assert "Host not found" in missing.err


def test_draining_waits_until_the_host_is_empty(real: Zf, services: Services) -> None:
    a_host(services.cloud)
    drained = real("admin", "drain", "dea-0")
    assert drained.status == 0, drained.err
    assert "dea-0 is empty, and its agent ends." in drained.out
    assert real("admin", "drain", "dea-0", "--json").json == {"host": "dea-0", "drained": True}


def test_components_are_listed_with_their_versions(real: Zf, services: Services) -> None:
    announced.note(Announce("router", "router-0", "b", "http://10.0.0.2:1", now() - 60, "0.0.9"), now() + 5)
    shown = real("admin", "components").out
    assert "The control plane is of version 0.1.0" in shown
    assert "router-0" in shown
    assert "0.0.9" in shown


def test_dead_letters_are_shown_replayed_and_dropped(real: Zf, services: Services) -> None:
    assert real("admin", "dead-letters").out.startswith("There are no dead letters.")
    for _ in range(3):
        services.world.bus.say("queue:beats-dead", "router.start", RouterStart("r", "b", ""))
    letters = real("admin", "dead-letters", "--json").json
    assert [letter["queue"] for letter in letters] == ["beats"] * 3
    dropped = real("admin", "drop", "beats", letters[0]["id"], "-f")
    assert dropped.out.startswith("1 letter was deleted; 2 left in queue beats.")
    unknown = real("admin", "replay", "beats", letters[0]["id"])
    assert unknown.status == 1
    assert "Of 1 letters 0 were found in queue beats" in unknown.err
    assert real("admin", "replay", "beats").out.startswith("2 letters were sent to its queue again; 0 left")
    assert real("admin", "drop", "beats").status == 2, "without a terminal it asks nobody"
