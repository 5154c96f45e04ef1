"""CC's half of an auction."""

from chalicelib.contracts.auction import INSTANCE, Bid, Offer, Wanted
from chalicelib.core.auction import choose, retry_delay_s


def a_bid(dea: str, taints: dict[int, float], room: int = 100) -> Bid:
    offers = tuple(Offer(index, taint) for index, taint in taints.items())
    return Bid("auction", INSTANCE, "process", 1, dea, "boot", f"queue/{dea}", room, offers)


def wanted(count: int) -> list[Wanted]:
    return [Wanted(index, f"guid-{index}") for index in range(count)]


def test_the_lowest_taint_wins() -> None:
    winners = choose(wanted(1), [a_bid("a", {0: 30.0}), a_bid("b", {0: 5.0})])
    assert winners[0].dea == "b"


def test_instances_of_one_auction_are_spread() -> None:
    bids = [a_bid("a", dict.fromkeys(range(4), 1.0)), a_bid("b", dict.fromkeys(range(4), 2.0))]
    assert [choose(wanted(4), bids)[index].dea for index in range(4)] == ["a", "b", "a", "b"]


def test_a_dea_wins_no_more_than_it_has_room_for() -> None:
    winners = choose(wanted(3), [a_bid("a", dict.fromkeys(range(3), 1.0), room=2)])
    assert sorted(winners) == [0, 1]


def test_an_index_that_nobody_offers_stays_open() -> None:
    assert choose(wanted(2), [a_bid("a", {1: 1.0})]).keys() == {1}


def test_without_bids_nothing_is_won() -> None:
    assert choose(wanted(2), []) == {}


def test_equal_taints_are_decided_the_same_way_every_time() -> None:
    bids = [a_bid("b", {0: 1.0}), a_bid("a", {0: 1.0})]
    assert choose(wanted(1), bids)[0].dea == choose(wanted(1), reversed(bids))[0].dea == "a"


def test_auctions_without_takers_are_held_less_and_less_often() -> None:
    assert [retry_delay_s(attempt, 5, 30) for attempt in (0, 1, 2, 3, 4, 500)] == [5, 10, 20, 30, 30, 30]
