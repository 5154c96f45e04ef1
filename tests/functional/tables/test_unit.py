"""The unit of work: everything or nothing, and what it owes is never forgotten."""

import threading
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.envelope import Envelope
from chalicelib.contracts.health import DropletUpdated
from chalicelib.core.errors import Conflict, NameTaken
from chalicelib.services import listing
from chalicelib.tables.base import OUTBOX_SHARDS, Member, Outgoing
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.unit import Unit, deliver
from tests.functional.cloud import Cloud


class DeafBus(Bus):
    """A bus that has gone away between a write and its send."""

    def send(self, address: str, envelope: Envelope, delay_s: float = 0) -> None:
        raise EndpointConnectionError(endpoint_url="http://gone")


def owed() -> list[Outgoing]:
    return [item for shard in range(OUTBOX_SHARDS) for item in Outgoing.query(shard, consistent_read=True)]


def a_space(name: str = "s") -> Space:
    return Space(new_guid(), name=name, org_guid="org")


def test_a_state_change_and_its_message_are_sent_and_nothing_is_owed(world: World, cloud: Cloud) -> None:
    unit = world.unit("trace-1")
    unit.create(a_space())
    unit.send("queue:hm", "droplet.updated", DropletUpdated("p"))
    unit.commit()
    (message,) = cloud.taken("queue:hm")
    assert (message.subject, message.trace, message.body) == ("droplet.updated", "trace-1", {"process_guid": "p"})
    assert owed() == []


def test_what_could_not_be_sent_is_owed_and_sent_by_the_sweep_with_the_same_id(world: World, cloud: Cloud) -> None:
    unit = Unit(DeafBus("cc", world.config.prefix))
    space = a_space()
    unit.create(space)
    unit.send("queue:hm", "droplet.updated", DropletUpdated("p"))
    unit.commit()
    assert listing.find(Space, str(space.guid)) is not None
    (item,) = owed()
    assert deliver(world.bus, owed()) == 1
    (message,) = cloud.taken("queue:hm")
    assert str(item.id).endswith(message.id)
    assert owed() == []


def test_what_cannot_be_read_or_has_no_receiver_any_more_stands_in_nobodys_way(world: World, cloud: Cloud) -> None:
    cloud.make_queue("dea-gone")
    url = world.bus.queue_url("dea-gone")
    unit = Unit(DeafBus("cc", world.config.prefix))
    unit.create(a_space())
    unit.send(f"url:{url}", "dea.stop", DropletUpdated("p"))
    unit.send("queue:hm", "droplet.updated", DropletUpdated("p"))
    unit.commit()
    world.bus.sqs.delete_queue(QueueUrl=url)
    unreadable = Outgoing(0, "0#x", address="queue:hm", envelope='{"v": 99}')
    unreadable.save()
    assert deliver(world.bus, [unreadable, *owed()]) == 1
    assert len(cloud.taken("queue:hm")) == 1
    assert [item.id for item in owed()] == ["0#x"]


def test_the_sweep_leaves_alone_what_a_writer_is_just_sending(world: World) -> None:
    unit = Unit(DeafBus("cc", world.config.prefix))
    unit.create(a_space())
    unit.send("queue:hm", "droplet.updated", DropletUpdated("p"))
    unit.commit()
    old = stamp(now() - world.config.timers.outbox_resend_s)
    assert [item for shard in range(OUTBOX_SHARDS) for item in Outgoing.query(shard, Outgoing.id < old)] == []


def test_a_taken_name_writes_nothing_and_sends_nothing(world: World, cloud: Cloud) -> None:
    first = world.unit()
    first.claim("scope", "Name", "guid-1")
    first.commit()
    space = a_space()
    second = world.unit()
    second.create(space)
    second.claim("scope", "nAmE", "guid-2", NameTaken("It is taken"))
    second.send("queue:hm", "droplet.updated", DropletUpdated("p"))
    with pytest.raises(NameTaken, match="It is taken"):
        second.commit()
    assert listing.find(Space, str(space.guid)) is None
    assert all(member.guid != space.guid for member in listing.members(["spaces"]))
    assert cloud.taken("queue:hm") == []
    assert owed() == []


def test_of_many_who_claim_a_name_at_once_one_gets_it(world: World) -> None:
    won: list[str] = []

    def claim(guid: str) -> None:
        unit = world.unit()
        unit.claim("scope", "contested", guid, NameTaken("taken"))
        try:
            unit.commit()
            won.append(guid)
        except (NameTaken, Conflict):
            pass

    threads = [threading.Thread(target=claim, args=(f"guid-{n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert listing.by_name("scope", "contested") == won[0]


def test_a_copy_that_somebody_else_has_overwritten_is_a_conflict(world: World) -> None:
    unit = world.unit()
    space = a_space()
    unit.create(space)
    unit.commit()
    mine, theirs = listing.get(Space, str(space.guid)), listing.get(Space, str(space.guid))
    theirs.name = "theirs"
    winner = world.unit()
    winner.put(theirs)
    winner.commit()
    mine.name = "mine"
    loser = world.unit()
    loser.put(mine)
    with pytest.raises(Conflict):
        loser.commit()
    assert listing.get(Space, str(space.guid)).name == "theirs"


def test_a_resource_is_in_its_lists_at_once_and_gone_from_them_at_once(world: World) -> None:
    org = Organization(new_guid(), name="o")
    space = Space(new_guid(), name="s", org_guid=org.guid)
    unit = world.unit()
    unit.create(org)
    unit.create(space)
    unit.commit()
    assert [member.guid for member in listing.members([f"org/{org.guid}/spaces"])] == [space.guid]
    gone = world.unit()
    gone.remove(listing.get(Space, str(space.guid)))
    gone.commit()
    assert list(Member.query(f"org/{org.guid}/spaces", consistent_read=True)) == []


def test_a_transaction_too_large_for_dynamodb_is_refused_before_it_is_sent(world: World) -> None:
    unit = world.unit()
    for number in range(101):
        unit.claim("scope", f"name-{number}", "guid")
    with pytest.raises(ValueError, match="do not fit"):
        unit.commit()


def test_reading_many_by_guid_keeps_their_order(world: World) -> None:
    guids = []
    for number in range(5):
        unit = world.unit()
        space = a_space(f"s-{number}")
        unit.create(space)
        unit.commit()
        guids.append(str(space.guid))
    assert [space.guid for space in listing.load(Space, guids[::-1])] == guids[::-1]


def test_an_unknown_address_kind_never_reaches_a_topic(world: World) -> None:
    envelope = world.bus.envelope("x", DropletUpdated("p"))
    with pytest.raises(world.bus.sqs.exceptions.QueueDoesNotExist):
        world.bus.send("queue:nobody", replace(envelope, id="1"))
