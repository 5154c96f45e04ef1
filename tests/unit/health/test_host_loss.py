"""Which silent hosts are believed to be lost. Cloud timers: silent after 30 s, a beat every 10 s."""

from collections.abc import Collection

from chalicelib.core.freshness import Hearing, Host
from chalicelib.core.host_loss import Verdict, judge

NOW = 10_000.0
HEARING = Hearing(NOW, since=0)


def host(name: str, silent_s: float = 1, draining: bool = False, lost: bool = False) -> Host:
    return Host(name, f"boot-of-{name}", NOW - silent_s, draining, lost)


def verdict(hosts: Collection[Host], hearing: Hearing = HEARING) -> Verdict:
    return judge(hosts, hearing, NOW, lost_after_s=30, heartbeat_s=10)


def living(count: int) -> list[Host]:
    return [host(f"living-{number}") for number in range(count)]


def test_one_silent_host_is_lost() -> None:
    assert verdict([*living(1), host("a", 30.1)]) == Verdict(lost=("a",))


def test_a_host_is_not_silent_a_moment_before() -> None:
    assert verdict([*living(1), host("a", 30)]) == Verdict()


def test_the_only_host_is_lost_when_our_own_ping_came_back() -> None:
    assert verdict([host("a", 31)]) == Verdict(lost=("a",))


def test_nothing_is_lost_unless_something_was_heard_since_the_silence_began() -> None:
    assert verdict([host("a", 31)], Hearing(NOW - 31, since=0)) == Verdict()


def test_silence_counts_only_while_we_listened() -> None:
    assert verdict([*living(1), host("a", 90)], Hearing(NOW, since=NOW - 30)) == Verdict()
    assert verdict([*living(1), host("a", 90)], Hearing(NOW, since=NOW - 30.1)) == Verdict(lost=("a",))


def test_two_of_three_at_once_are_doubted() -> None:
    assert verdict([*living(1), host("a", 31), host("b", 32)]) == Verdict(doubted=("a", "b"))


def test_a_fifth_of_many_is_believed_and_more_is_not() -> None:
    two, three = [host("a", 31), host("b", 32)], [host("a", 31), host("b", 32), host("c", 33)]
    assert verdict([*living(8), *two]) == Verdict(lost=("a", "b"))
    assert verdict([*living(8), *three]) == Verdict(doubted=("a", "b", "c"))


def test_those_about_to_fall_silent_count_as_many() -> None:
    """Cut off at one moment, hosts cross the limit one by one; the first must not be judged alone."""
    assert verdict([*living(2), host("a", 30.5), host("b", 21), host("c", 25)]) == Verdict(doubted=("a",))


def test_those_given_up_a_moment_ago_count_as_many() -> None:
    assert verdict([*living(2), host("a", 45, lost=True), host("b", 31)]) == Verdict(doubted=("b",))
    assert verdict([*living(2), host("a", 61, lost=True), host("b", 31)]) == Verdict(lost=("b",))


def test_what_was_lost_long_ago_is_not_counted_when_we_have_just_begun_to_listen() -> None:
    hearing = Hearing(NOW, since=NOW - 31)
    assert verdict([*living(2), host("a", 5000, lost=True), host("b", 31)], hearing) == Verdict(lost=("b",))


def test_a_draining_host_that_ended_is_believed_and_makes_nobody_suspect() -> None:
    hosts = [*living(1), host("a", 31, draining=True), host("b", 31, draining=True), host("c", 31)]
    assert verdict(hosts) == Verdict(lost=("a", "b", "c"))


def test_a_lost_host_is_not_lost_again() -> None:
    assert verdict([*living(1), host("a", 500, lost=True)]) == Verdict()
