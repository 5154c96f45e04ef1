"""Safety of counting: what is given back is what was charged, and nothing lacks that is not asked for."""

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.quotas import KINDS, UNLIMITED, Use, lacking, limits, refusal, running

AMOUNTS = st.integers(min_value=-(2**40), max_value=2**40)
USES = st.builds(Use, **dict.fromkeys(KINDS, AMOUNTS), largest_mb=st.integers(min_value=0, max_value=2**31))
LEFT = st.fixed_dictionaries(dict.fromkeys((*KINDS, "largest_mb"), st.integers(min_value=-(2**40), max_value=2**41)))


@given(USES, USES)
def test_what_is_given_back_is_what_was_charged(one: Use, other: Use) -> None:
    assert (one + -one).amounts() == {}
    assert (one + other).amounts() == (other + one).amounts()
    assert (other + (one - other)).amounts() == one.amounts()


@given(USES, LEFT)
def test_only_what_is_asked_for_beyond_what_is_left_lacks(use: Use, left: dict[str, int]) -> None:
    short = lacking(use, left)
    for kind, amount in asdict(use).items():
        assert (kind in short) == (amount > 0 and amount > left[kind])
        if kind in short and (kind != "tasks" or use.tasks):
            assert refusal(use, kind, kind != "domains", "x")


@given(
    st.integers(min_value=0, max_value=2**31),
    st.integers(min_value=0, max_value=2**31),
    st.integers(min_value=-1, max_value=2**62),
)
def test_instances_cost_their_sum_and_fit_where_nothing_is_limited(instances: int, memory: int, log_rate: int) -> None:
    use = running(instances, memory, log_rate)
    assert use.memory_mb == instances * memory
    assert use.log_rate + use.unlimited_logs == instances * (log_rate if log_rate >= 0 else 1)
    if log_rate < 2**31:
        assert lacking(use, limits({})) == []
    assert use + -use == Use(largest_mb=use.largest_mb)


def test_limits_of_logs_and_of_paid_plans_forbid_what_cannot_be_counted() -> None:
    assert limits({}) == dict.fromkeys((*KINDS, "largest_mb"), UNLIMITED)
    assert limits({"log_rate_limit_in_bytes_per_second": 0})["unlimited_logs"] == 0
    assert limits({"paid_services_allowed": False})["paid_service_instances"] == 0
    assert limits({"per_process_memory_in_mb": 5, "total_routes": None})["largest_mb"] == 5
