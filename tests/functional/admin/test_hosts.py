"""Hosts and components as an operator sees and orders them."""

import time
from typing import Any

import pytest

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.contracts.components import Announce
from chalicelib.handlers import hm
from chalicelib.tables.actual import Dea
from tests.functional.client import Client
from tests.functional.cloud import Cloud
from tests.functional.health.support import record


def host(cloud: Cloud, name: str, **more: Any) -> str:
    """A host that HM knows; returns the address of its queue."""
    queue = cloud.make_queue(f"dea-{name.removeprefix('dea-')}-boot")
    capacity = {"memory_mb": 1024, "disk_mb": 4096, "reserved_memory_mb": 256, "reserved_disk_mb": 1024}
    known = {"seen_at": now(), "host": "10.0.0.1", "http": "http://10.0.0.1:1", "stack": "debian", "arch": "x86_64"}
    url = queue.removeprefix("url:")
    Dea("all", name, boot="boot", seq=1, queue_url=url, capacity=capacity, **known | more).save()
    return queue


def test_hosts_are_listed_with_what_they_hold_and_the_worst_that_is_true_of_them(api: Client, cloud: Cloud) -> None:
    host(cloud, "dea-0", instances=[["p", 1, 0, "i", "a", "RUNNING", 0, 1, 1]], builds=["b"])
    host(cloud, "dea-1", cordoned=True)
    host(cloud, "dea-2", cordoned=True, draining=True)
    host(cloud, "dea-3", seen_at=now() - 100)
    host(cloud, "dea-4", seen_at=now() - 100, lost=True)
    listed = api.admin.get("/admin/hosts").json["resources"]
    states = {one["id"]: one["state"] for one in listed}
    expected = {"dea-0": "UP", "dea-1": "CORDONED", "dea-2": "DRAINING", "dea-3": "SILENT", "dea-4": "LOST"}
    assert states == expected
    first = listed[0]
    assert (first["instances"], first["builds"], first["tasks"]) == (1, 1, 0)
    assert (first["memory_mb"], first["reserved_memory_mb"], first["disk_mb"]) == (1024, 256, 4096)


@pytest.mark.parametrize("order", ["drain", "cordon", "uncordon"])
def test_an_order_goes_to_the_hosts_own_queue_and_names_its_boot(api: Client, cloud: Cloud, order: str) -> None:
    queue = host(cloud, "dea-0")
    answered = api.admin.post(f"/admin/hosts/dea-0/actions/{order}")
    assert (answered.status, answered.json["id"]) == (202, "dea-0")
    (told,) = cloud.taken(queue)
    assert (told.subject, told.body) == ("dea.order", {"boot": "boot", "order": order})


def test_who_cannot_hear_is_not_ordered(api: Client, cloud: Cloud) -> None:
    queue = host(cloud, "dea-0", lost=True)
    answered = api.admin.post("/admin/hosts/dea-0/actions/drain")
    assert answered.error == (10008, "CF-UnprocessableEntity", "Host dea-0 is lost: nobody there can hear an order")
    assert cloud.taken(queue) == []
    assert api.admin.post("/admin/hosts/dea-9/actions/drain").error[2] == "Host not found"


def test_components_are_asked_for_and_remembered_by_their_latest_boot(api: Client, cloud: Cloud, world: World) -> None:
    assert api.admin.post("/admin/components/actions/discover").status == 204
    (asked,) = cloud.taken("topic:components")
    assert asked.subject == "component.discover"
    at = time.time()
    later = Announce("router", "router-0", "b2", "http://10.0.0.2:2", at, "0.2.0")
    for said in (later, Announce("router", "router-0", "b1", "http://10.0.0.2:1", at - 60, "0.1.0")):
        world.bus.say("topic:components", "component.announce", said)
    heard = [envelope for envelope in cloud.taken("queue:hm") if envelope.subject == "component.announce"]
    assert len(heard) == 2, "the queue hears announcements, and nothing else of the topic"
    hm.hm_inbox({"Records": [record(f"m{number}", one.encode()) for number, one in enumerate(heard)]}, None)
    answer = api.admin.get("/admin/components").json
    (router,) = answer["resources"]
    assert (router["type"], router["id"], router["boot"], router["version"]) == ("router", "router-0", "b2", "0.2.0")
    assert answer["version"] == api.get("/v3/info").json["build"]
