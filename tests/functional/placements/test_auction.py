"""From desired state to a start at one DEA, whatever the bus does on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from chalicelib.contracts.auction import Discover, Refused, Start, Started, Stop
from chalicelib.contracts.health import AuctionCheck, HmStart, HmStop, PlacementCheck, PlacementOpen
from chalicelib.contracts.heartbeat import DropletExited
from chalicelib.handlers import cc
from chalicelib.services.placements import OPENED_AT_ONCE
from chalicelib.tables.ledger import AuditEvent
from chalicelib.tables.running import CLAIMED, CRASHED, OPEN, STARTED
from infra.local.context import LambdaContext
from tests.functional.placements.conftest import Scene

Started_ = Callable[[int], list[Start]]


def reported(start: Start, port: int = 20000) -> Started:
    return Started(
        start.process_guid, start.version, start.index, start.instance_guid, "dea-0", "boot", "127.0.0.1", port
    )


def refused(start: Start) -> Refused:
    return Refused(
        "instance", start.process_guid, start.version, start.index, start.instance_guid, "dea-0", "boot", "full"
    )


def complaint(start: Start, reason: str = "crashed") -> HmStart:
    return HmStart(start.process_guid, start.version, start.index, start.instance_guid, reason)


def surplus(start: Start, guid: str, queue: str, index: int | None = None) -> HmStop:
    return HmStop(
        start.process_guid,
        start.app_guid,
        start.version,
        start.index if index is None else index,
        guid,
        "dea-0",
        queue.removeprefix("url:"),
        "duplicate",
    )


def test_a_start_opens_placements_and_discovers_in_one_go(scene: Scene) -> None:
    scene.start(3)
    discover = scene.discover()
    assert discover.version == scene.read().version == 1
    assert {want.index: want.instance_guid for want in discover.wants} == {
        index: row.instance_guid for index, row in scene.rows().items()
    }


def test_invariant_10_a_bid_wins_a_start_with_links_and_grants_but_no_secret(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    assert start.routes == ("app.localhost",)
    assert start.spec_url.startswith("http")
    assert "X-Amz-Signature" in start.droplet_url
    assert start.route_grant.count(".") == start.log_grant.count(".") == 2
    assert scene.rows()[0].state == CLAIMED


def test_the_cheaper_of_two_bids_wins(scene: Scene) -> None:
    scene.start()
    discover = scene.discover()
    scene.hear(
        ("dea.bid", scene.bid(discover, "dea-0", 30.0)),
        ("dea.bid", scene.bid(discover, "dea-1", 5.0)),
    )
    assert scene.rows()[0].dea == "dea-1"
    assert len(scene.starts()) == 1


def test_a_bid_heard_twice_starts_once(scene: Scene) -> None:
    scene.start()
    bid = scene.bid(scene.discover())
    scene.hear(("dea.bid", bid), ("dea.bid", bid))
    scene.hear(("dea.bid", bid))
    assert len(scene.starts()) == 1


def test_invariant_4_of_two_workers_with_a_bid_each_one_starts_the_index(scene: Scene) -> None:
    for version in range(1, 6):
        scene.start()
        discover = scene.discover()
        bids = [scene.bid(discover, "dea-0"), scene.bid(discover, "dea-1")]
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(lambda bid: scene.hear(("dea.bid", bid)), bids))
        (start,) = scene.starts()
        row = scene.rows()[0]
        assert (row.state, row.instance_guid, row.version) == (CLAIMED, start.instance_guid, version)


def test_a_late_bid_takes_what_the_first_had_no_room_for(scene: Scene) -> None:
    scene.start(2)
    discover = scene.discover()
    scene.hear(("dea.bid", scene.bid(discover, "dea-0", room=1)))
    assert {row.state for row in scene.rows().values()} == {OPEN, CLAIMED}
    scene.hear(("dea.bid", scene.bid(discover, "dea-1")))
    assert {row.dea for row in scene.rows().values()} == {"dea-0", "dea-1"}


def test_a_bid_for_an_earlier_version_starts_nothing(scene: Scene) -> None:
    scene.start()
    bid = scene.bid(scene.discover())
    scene.start()
    scene.cloud.taken("topic:dea")
    scene.hear(("dea.bid", bid))
    assert scene.starts() == []
    assert scene.rows()[0].state == OPEN


def test_a_bid_for_a_stopped_process_starts_nothing(scene: Scene) -> None:
    scene.start()
    bid = scene.bid(scene.discover())
    scene.stop()
    scene.hear(("dea.bid", bid))
    assert scene.starts() == []


def test_started_is_remembered_once_and_in_any_order(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", reported(start)), ("dea.started", reported(start)))
    row = scene.rows()[0]
    assert (row.state, row.host, row.port) == (STARTED, "127.0.0.1", 20000)
    assert scene.said("dea.stop") == []


def test_an_instance_that_nobody_wants_any_more_is_stopped_when_it_reports(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", replace(reported(start), instance_guid="somebody-else")))
    (message,) = scene.said("dea.stop")
    assert message.read(Stop).instance_guids == ("somebody-else",)
    assert message.read(Stop).up_to_version is None


def test_a_refusal_reopens_by_a_new_guid(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.refused", refused(start)))
    discover = scene.discover()
    assert discover.wants[0].instance_guid != start.instance_guid
    scene.hear(("dea.refused", refused(start)))
    assert scene.said("dea.discover") == []


def test_many_refusals_wait_for_the_check_instead_of_spinning(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    held = 0
    while True:
        scene.hear(("dea.refused", refused(start)))
        said = scene.said("dea.discover")
        if not said:
            break
        held += 1
        scene.hear(("dea.bid", scene.bid(said[0].read(Discover))))
        (start,) = scene.starts()
    assert held == 2
    row = scene.rows()[0]
    assert (row.state, row.problem) == (OPEN, "full")
    (check,) = [m for m in scene.cloud.taken("queue:cc") if m.subject == "auction.check"][-1:]
    scene.hear(("auction.check", check.read(AuctionCheck)))
    assert len(scene.said("dea.discover")) == 1


def test_without_bids_the_auction_is_held_again_and_the_reason_is_shown(scene: Scene) -> None:
    scene.start(2)
    first = scene.discover()
    scene.hear(("auction.check", AuctionCheck(first.auction_guid)))
    again = scene.discover()
    assert again.auction_guid != first.auction_guid
    assert again.wants == first.wants
    assert {row.problem for row in scene.rows().values()} == {"insufficient resources"}


def test_a_check_of_an_auction_that_was_won_says_nothing(scene: Scene) -> None:
    scene.start()
    discover = scene.discover()
    scene.hear(("dea.bid", scene.bid(discover)))
    scene.hear(("auction.check", AuctionCheck(discover.auction_guid)))
    assert scene.said("dea.discover") == []


def test_a_claim_that_is_never_heard_of_is_stopped_and_reopened(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    row = scene.rows()[0]
    row.deadline = 0
    row.save()
    scene.hear(("placement.check", PlacementCheck("instance", start.process_guid, 0, start.instance_guid)))
    said = scene.cloud.taken("topic:dea")
    assert [message.subject for message in said] == ["dea.stop", "dea.discover"]
    assert said[0].read(Stop).instance_guids == (start.instance_guid,)


def test_a_crash_complaint_reopens_once_however_often_it_is_heard(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", reported(start)))
    scene.hear(("hm.start", complaint(start)), ("hm.start", complaint(start)))
    scene.hear(("hm.start", complaint(start)))
    assert len(scene.said("dea.discover")) == 1


def test_a_complaint_about_an_old_version_or_a_stopped_process_does_nothing(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.start()
    scene.cloud.taken("topic:dea")
    scene.hear(("hm.start", complaint(start)))
    scene.stop()
    scene.cloud.taken("topic:dea")
    scene.hear(("hm.start", replace(complaint(start), version=2)))
    assert scene.cloud.taken("topic:dea") == []


def test_a_missing_index_without_a_row_is_opened(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.rows()[0].delete()
    missing = replace(complaint(start, "missing"), instance_guid=None)
    scene.hear(("hm.start", missing))
    assert scene.discover().wants[0].index == 0


def test_an_evacuating_instance_is_stopped_only_once_its_replacement_runs(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", reported(start)))
    scene.hear(("hm.start", complaint(start, "evacuation")))
    said = scene.cloud.taken("topic:dea")
    assert [message.subject for message in said] == ["dea.discover"]
    scene.hear(("dea.bid", scene.bid(said[0].read(Discover))))
    (replacement,) = scene.starts()
    assert scene.said("dea.stop") == []
    scene.hear(("dea.started", reported(replacement, 20001)))
    (stop,) = scene.said("dea.stop")
    assert stop.read(Stop).instance_guids == (start.instance_guid,)


def test_scaling_up_discovers_the_new_indices_and_down_stops_the_highest(scene: Scene, started: Started_) -> None:
    starts = {start.index: start for start in started(2)}
    scene.scale(4)
    assert [want.index for want in scene.discover().wants] == [2, 3]
    scene.scale(1)
    (stop,) = scene.said("dea.stop")
    assert starts[1].instance_guid in stop.read(Stop).instance_guids
    assert starts[0].instance_guid not in stop.read(Stop).instance_guids


def test_scaling_down_and_up_again_never_uses_a_guid_twice(scene: Scene, started: Started_) -> None:
    starts = {start.index: start for start in started(2)}
    scene.scale(1)
    scene.scale(2)
    (discover,) = scene.said("dea.discover")
    assert discover.body["wants"][0]["instance_guid"] != starts[1].instance_guid


def test_a_stop_complaint_about_the_wanted_instance_is_refused(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", reported(start)))
    scene.hear(("hm.stop", surplus(start, start.instance_guid, scene.queue)))
    assert scene.said("dea.stop", scene.queue) == []


def test_a_duplicate_is_stopped_at_its_own_host(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("dea.started", reported(start)))
    scene.hear(("hm.stop", surplus(start, "duplicate", scene.queue)))
    (stop,) = scene.said("dea.stop", scene.queue)
    assert stop.read(Stop).instance_guids == ("duplicate",)


def test_no_duplicate_is_stopped_while_its_index_has_a_start_due(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    scene.hear(("hm.stop", surplus(start, "duplicate", scene.queue)))
    assert scene.said("dea.stop", scene.queue) == []


def test_a_large_process_is_opened_in_pieces(scene: Scene) -> None:
    scene.start(100)
    assert len(scene.rows()) == OPENED_AT_ONCE
    for _ in range(2):
        pieces = [m for m in scene.cloud.taken("queue:cc") if m.subject == "placement.open"]
        assert len(pieces) == 1
        scene.hear(("placement.open", pieces[0].read(PlacementOpen)))
    assert sorted(scene.rows()) == list(range(100))


def rests(scene: Scene) -> list[PlacementOpen]:
    return [message.read(PlacementOpen) for message in scene.said("placement.open", "queue:cc")]


def test_the_rest_of_a_large_process_opens_neither_what_a_scale_has_opened_nor_leaves_what_an_earlier_one_left(
    scene: Scene,
) -> None:
    scene.start(OPENED_AT_ONCE + 4)
    (rest,) = rests(scene)
    scene.scale(OPENED_AT_ONCE + 8)
    before = scene.rows()
    scene.hear(("placement.open", rest))
    after = scene.rows()
    assert sorted(after) == list(range(OPENED_AT_ONCE + 8))
    assert {index: after[index].instance_guid for index in before} == {
        index: row.instance_guid for index, row in before.items()
    }, "nothing is started twice"

    scene.scale(2)
    scene.said("placement.open", "queue:cc")
    scene.scale(OPENED_AT_ONCE + 8)
    (again,) = rests(scene)
    assert again.from_index == OPENED_AT_ONCE + 2
    for _ in range(2):
        scene.hear(("placement.open", rest), ("placement.open", again))
        now = scene.rows()
        for index in range(OPENED_AT_ONCE + 2, OPENED_AT_ONCE + 8):
            assert now[index].instance_guid != after[index].instance_guid, "it was stopped with the scale"
    assert {row.instance_guid for row in now.values()} == {row.instance_guid for row in scene.rows().values()}


def test_a_poison_message_fails_alone(scene: Scene) -> None:
    scene.start()
    bid = scene.bid(scene.discover())
    good = scene.world.bus.envelope("dea.bid", bid)
    records = [
        {"messageId": "bad", "body": "{"},
        {"messageId": "wrong", "body": replace(good, id="w", body={"auction_guid": 7}).encode()},
        {"messageId": "good", "body": good.encode()},
    ]
    answer = cc.cc_inbox({"Records": records}, LambdaContext("cc_inbox", 30))
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == ["bad", "wrong"]
    assert len(scene.starts()) == 1


def test_a_crash_told_twice_is_one_event_of_each_type_with_its_reason(scene: Scene, started: Started_) -> None:
    (start,) = started(1)
    gone = DropletExited(
        start.process_guid,
        start.app_guid,
        start.version,
        start.index,
        start.instance_guid,
        "dea-0",
        "boot",
        "CRASHED",
        137,
        "APP/PROC/WEB: Exited with status 137",
        1.0,
    )
    scene.hear(("droplet.exited", gone), ("droplet.exited", gone))
    events = sorted((event.type, event.data["exit_status"]) for event in AuditEvent.by_target.query(start.app_guid))
    assert events == [("app.crash", 137), ("audit.app.process.crash", 137)]


def test_a_crash_while_starting_waits_for_the_complaint_and_not_for_the_claims_check(
    scene: Scene, started: Started_
) -> None:
    (start,) = started(1)
    gone = DropletExited(
        start.process_guid, start.app_guid, 1, 0, start.instance_guid, "dea-0", "boot", "CRASHED", 1, "exited", 1.0
    )
    scene.hear(("droplet.exited", gone))
    row = scene.rows()[0]
    assert row.state == CRASHED
    row.deadline = 0
    row.save()
    scene.hear(("placement.check", PlacementCheck("instance", start.process_guid, 0, start.instance_guid)))
    assert scene.said("dea.discover") == []
    scene.hear(("hm.start", complaint(start)))
    assert len(scene.said("dea.discover")) == 1
