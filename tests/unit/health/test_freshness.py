"""Which beat is news, and whose word may be acted on."""

import pytest

from chalicelib.core.freshness import BeatMark, Freshness, Hearing, Host, freshness, gap_s

KNOWN = BeatMark("boot-1", 5, 1000.0)


@pytest.mark.parametrize(
    ("beat", "is_news"),
    [
        (BeatMark("boot-1", 6, 1002.0), True),
        (BeatMark("boot-1", 5, 1000.0), False),
        (BeatMark("boot-1", 4, 9999.0), False),
        (BeatMark("boot-2", 1, 1000.1), True),
        (BeatMark("boot-0", 99, 999.9), False),
    ],
    ids=["next", "twice", "late", "new boot", "late of an earlier boot"],
)
def test_order_of_beats(beat: BeatMark, is_news: bool) -> None:
    assert beat.supersedes(KNOWN) is is_news
    assert beat.supersedes(None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (Host("d", "b", seen_at=70), Freshness.FRESH),
        (Host("d", "b", seen_at=69.9), Freshness.SUSPECT),
        (Host("d", "b", seen_at=99, lost=True), Freshness.GONE),
        (Host("d", "another", seen_at=99), Freshness.GONE),
        (None, Freshness.GONE),
    ],
    ids=["just in time", "silent", "lost", "another boot", "unknown"],
)
def test_freshness_of_a_host(host: Host | None, expected: Freshness) -> None:
    assert freshness(host, "b", now=100, lost_after_s=30) is expected


def test_hearing_goes_on_through_pauses_and_begins_anew_after_a_gap() -> None:
    hearing = Hearing(0, 0).heard(1000, gap_s=20)
    assert hearing == Hearing(1000, 1000)
    assert hearing.heard(1020, gap_s=20) == Hearing(1020, 1000)
    assert hearing.heard(1020.1, gap_s=20) == Hearing(1020.1, 1020.1)


def test_what_was_heard_earlier_changes_nothing() -> None:
    hearing = Hearing(1000, 900)
    assert hearing.heard(999, gap_s=20) is hearing


def test_hearing_is_settled_after_a_full_round_and_not_once_it_stopped() -> None:
    assert not Hearing(1029, 1000).is_settled(1029, lost_after_s=30, gap_s=20)
    assert Hearing(1030, 1000).is_settled(1030, lost_after_s=30, gap_s=20)
    assert not Hearing(1030, 1000).is_settled(1051, lost_after_s=30, gap_s=20)


def test_a_pause_that_is_no_gap_cannot_make_a_living_host_look_silent() -> None:
    assert gap_s(lost_after_s=30, heartbeat_s=10) + 10 <= 30
    assert gap_s(lost_after_s=10, heartbeat_s=10) == 10
