"""Who wins an auction: CC's half of the decision, whose other half is the DEAs' taint (core.taint).

The 2011 controller took the first answer; the delay of an answer was its price. Here bids name their price, and
the cheapest of those that came within the window wins, index by index.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from chalicelib.contracts.auction import Bid, Wanted

#: What an instance of the same app costs, in milliseconds of taint. 2011: dea.rb, 10 ms each.
SIBLING_MS = 10.0


def choose(wants: Sequence[Wanted], bids: Iterable[Bid], won_before: Iterable[str] = ()) -> dict[int, Bid]:
    """index -> the winning bid, for every index that somebody has room for.

    Each index goes to the lowest taint; a DEA's taint grows by SIBLING_MS with everything that it has won here,
    so that one auction spreads an app as well as several would. won_before: the DEAs that have won in this auction
    already, once for each win. Ties are broken by the DEA's id.
    """
    candidates = sorted(bids, key=lambda bid: bid.dea)
    offers = {bid.dea: {offer.index: offer.taint_ms for offer in bid.offers} for bid in candidates}
    won = Counter(won_before)
    winners: dict[int, Bid] = {}
    for want in wants:
        able = [bid for bid in candidates if want.index in offers[bid.dea] and won[bid.dea] < bid.room]
        if able:
            winner = min(able, key=lambda bid: (offers[bid.dea][want.index] + SIBLING_MS * won[bid.dea], bid.dea))
            won[winner.dea] += 1
            winners[want.index] = winner
    return winners


def retry_delay_s(attempt: int, first_s: float, cap_s: float) -> float:
    """How long to wait for bids before the auction is held again: doubled each time, up to the cap."""
    return min(cap_s, first_s * 2.0 ** min(attempt, 10))
