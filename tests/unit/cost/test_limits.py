"""Which limit is met first, and that the answers hang together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cost.limits import LARGE, Limit, limits
from infra.cost.model import Scenario
from infra.cost.tables import model

LIMITS = limits(model())
ANY = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)


def of(deas: int) -> Scenario:
    return replace(LARGE, deas=deas, instances=250 * deas, routers=max(1, round(deas / 100)))


@ANY
@given(st.integers(1, 5_000), st.integers(0, 5_000))
def test_a_larger_installation_never_needs_less(limit: Limit, deas: int, more: int) -> None:
    assert limit.need(of(deas + more)) >= limit.need(of(deas)) * (1 - 1e-9)


@ANY
def test_a_limit_is_met_where_it_says_and_not_before(limit: Limit) -> None:
    deas = limit.met_at(LARGE)
    if deas is None:
        assert limit.share(of(100_000)) < 1
    else:
        assert limit.share(of(deas)) >= 1
        assert deas == 1 or limit.share(of(deas - 1)) < 1


def test_the_first_limit_is_a_full_sweep_that_nobody_divided() -> None:
    first = max(LIMITS, key=lambda limit: limit.share(LARGE))
    assert first.name.startswith("a full sweep in one turn")


def test_hosts_that_say_nothing_new_write_nothing_so_that_a_thousand_may_beat() -> None:
    for name in ("writes of hosts' rows, one partition key", "the note of who was heard in one item"):
        (limit,) = [limit for limit in LIMITS if limit.name == name]
        met_at = limit.met_at(LARGE)
        assert met_at is not None
        assert met_at > 1_500


def test_hosts_that_answer_new_routers_only_leave_a_routers_inbox_room() -> None:
    (inbox,) = [limit for limit in LIMITS if limit.name == "a router's inbox: registrations"]
    assert inbox.share(LARGE) < 0.5
