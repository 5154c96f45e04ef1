"""The sweep of the outbox: bounded, in order of age, and past what nobody takes."""

import time
from collections import Counter
from dataclasses import replace

from botocore.exceptions import EndpointConnectionError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.clock import stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import DropletUpdated
from chalicelib.services import outbox
from chalicelib.tables.base import OUTBOX_SHARDS, Outgoing
from tests.functional.cloud import Cloud


class HalfDeafBus(Bus):
    """Nobody is at queue ``jobs``. tried: sends by address."""

    tried: Counter[str]

    def send(self, address: str, envelope: Envelope, delay_s: float = 0) -> None:
        self.tried[address] += 1
        if address == "queue:jobs":
            raise EndpointConnectionError(endpoint_url="http://gone")
        super().send(address, envelope, delay_s)


def owe(cloud: Cloud, bus: Bus, address: str, count: int) -> None:
    """So many messages in each shard, an hour old."""
    at = stamp(time.time() - 3600)
    for number in range(count * OUTBOX_SHARDS):
        envelope = bus.envelope("droplet.updated", DropletUpdated(f"p{number}"))
        key = f"{at}#{number:03}"
        row = Outgoing(number % OUTBOX_SHARDS, key, address=address, envelope=envelope.encode(), delay_s=0)
        cloud.store([row])


def left() -> Counter[str]:
    return Counter(
        str(item.address) for shard in range(OUTBOX_SHARDS) for item in Outgoing.query(shard, consistent_read=True)
    )


def test_a_sweep_sends_in_its_time_and_is_not_held_up_by_who_does_not_answer(cloud: Cloud, world: World) -> None:
    bus = HalfDeafBus("cc", world.config.prefix)
    bus.tried = Counter()
    half_deaf = replace(world, bus=bus)
    owe(cloud, bus, "queue:jobs", 3)
    owe(cloud, bus, "queue:hm", outbox.READ_AT_ONCE + 1)
    before = left()
    outbox.sweep(half_deaf, busy_s=0)
    assert (bus.tried, left()) == (Counter(), before)
    outbox.sweep(half_deaf, busy_s=60)
    assert bus.tried["queue:jobs"] == OUTBOX_SHARDS, "one try for each shard"
    assert left() == {"queue:jobs": before["queue:jobs"]}
    assert len({message.id for message in cloud.taken("queue:hm")}) == (outbox.READ_AT_ONCE + 1) * OUTBOX_SHARDS
    outbox.sweep(world)
    assert left() == {}
