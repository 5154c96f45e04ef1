"""Safety of the auction: whatever is bid, nobody gets more than he offered."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.auction import INSTANCE, Bid, Offer, Wanted
from chalicelib.core.auction import choose

INDICES = st.integers(0, 15)


@st.composite
def bids(draw: st.DrawFn) -> list[Bid]:
    deas = draw(st.lists(st.sampled_from("abcdefgh"), unique=True))
    return [
        Bid(
            "auction",
            INSTANCE,
            "process",
            1,
            dea,
            "boot",
            f"queue/{dea}",
            draw(st.integers(0, 6)),
            tuple(Offer(index, draw(st.floats(0, 250))) for index in draw(st.lists(INDICES, unique=True))),
        )
        for dea in deas
    ]


WANTS = st.lists(INDICES, unique=True).map(lambda indices: [Wanted(index, f"guid-{index}") for index in indices])


@given(WANTS, bids())
def test_winners_offered_the_index_and_have_the_room(wants: list[Wanted], offered: list[Bid]) -> None:
    winners = choose(wants, offered)
    assert set(winners) <= {want.index for want in wants}
    for index, bid in winners.items():
        assert index in {offer.index for offer in bid.offers}
    for bid in offered:
        assert sum(1 for winner in winners.values() if winner.dea == bid.dea) <= bid.room


@given(WANTS, bids())
def test_an_index_is_left_open_only_when_nobody_with_room_left_offered_it(
    wants: list[Wanted], offered: list[Bid]
) -> None:
    winners = choose(wants, offered)
    left = {bid.dea: bid.room - sum(w.dea == bid.dea for w in winners.values()) for bid in offered}
    for want in wants:
        if want.index not in winners:
            assert not [
                bid for bid in offered if want.index in {offer.index for offer in bid.offers} and left[bid.dea] > 0
            ]


@given(WANTS, bids(), st.randoms())
def test_the_order_in_which_bids_arrive_decides_nothing(
    wants: list[Wanted], offered: list[Bid], random: object
) -> None:
    shuffled = sorted(offered, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert choose(wants, offered) == choose(wants, shuffled)
