"""What holds of beats, silence and crashes in any order and number."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.flapping import Crashes, Policy, crashed
from chalicelib.core.freshness import BeatMark, Hearing, Host
from chalicelib.core.host_loss import judge, silence_s

NOW = 100_000.0
LOST_AFTER_S, HEARTBEAT_S = 30.0, 10.0
POLICY = Policy(free=3, delay_s=30, cap_s=480, window_s=180)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_beats_in_any_order_and_number_end_with_the_last_that_was_said(lives: list[int], random: Random) -> None:
    """``lives``: how many beats each boot of a host said before the next."""
    said: list[BeatMark] = []
    for number, beats in enumerate(lives):
        said += [BeatMark(f"boot-{number}", seq, float(len(said) + seq)) for seq in range(1, beats + 1)]
    delivered = random.choices(said, k=2 * len(said)) + said
    random.shuffle(delivered)
    known = None
    for mark in delivered:
        if mark.supersedes(known):
            known = mark
    assert known == said[-1]


hosts = st.lists(
    st.builds(
        Host,
        id=st.uuids().map(str),
        boot=st.just("boot"),
        seen_at=st.floats(0, 120).map(lambda silent: NOW - silent),
        draining=st.sampled_from([False, False, False, True]),
        lost=st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
    unique_by=lambda host: host.id,
)
hearings = st.builds(
    Hearing, at=st.floats(0, 60).map(lambda ago: NOW - ago), since=st.floats(60, 5000).map(lambda ago: NOW - ago)
)


@given(hosts, hearings)
def test_only_hosts_that_we_listened_for_in_vain_are_judged(found: list[Host], hearing: Hearing) -> None:
    verdict = judge(found, hearing, NOW, LOST_AFTER_S, HEARTBEAT_S)
    judged = {*verdict.lost, *verdict.doubted}
    for host in found:
        if host.id in judged:
            assert not host.lost
            assert NOW - host.seen_at > LOST_AFTER_S
            assert NOW - hearing.since > LOST_AFTER_S
            assert hearing.at > host.seen_at
    assert not set(verdict.lost) & set(verdict.doubted)


@given(hosts, hearings)
def test_no_more_than_the_believed_share_is_lost_at_once(found: list[Host], hearing: Hearing) -> None:
    verdict = judge(found, hearing, NOW, LOST_AFTER_S, HEARTBEAT_S)
    lost = [host for host in found if host.id in verdict.lost and not host.draining]
    assert len(lost) <= max(1, 0.2 * len(found))


@given(hosts, hearings, st.randoms(use_true_random=False))
def test_the_order_of_hosts_does_not_matter(found: list[Host], hearing: Hearing, random: Random) -> None:
    first = judge(found, hearing, NOW, LOST_AFTER_S, HEARTBEAT_S)
    second = judge(random.sample(found, len(found)), hearing, NOW, LOST_AFTER_S, HEARTBEAT_S)
    assert (set(first.lost), set(first.doubted)) == (set(second.lost), set(second.doubted))


@given(st.floats(0, 20), st.floats(0, 10))
def test_a_pause_of_hm_that_goes_unnoticed_makes_no_living_host_silent(pause_s: float, beat_s_before: float) -> None:
    """gap_s is 20 here: a longer pause resets ``since``; a shorter one leaves every beating host within its time."""
    host = Host("d", "b", seen_at=NOW - pause_s - beat_s_before)
    assert silence_s(host, Hearing(NOW, since=0), NOW) <= LOST_AFTER_S


@given(st.lists(st.integers(0, 9), max_size=30))
def test_however_often_a_crash_is_told_it_counts_once(told: list[int]) -> None:
    known: Crashes | None = None
    for number in told:
        known = crashed(known, 1, f"guid-{number}", NOW, POLICY)
    assert (known.count if known else 0) == len(set(told))


@given(st.integers(0, 10**6))
def test_delays_never_shrink_and_never_pass_the_cap(count: int) -> None:
    assert 0 <= POLICY.delay_after(count) <= POLICY.delay_after(count + 1) <= POLICY.cap_s
