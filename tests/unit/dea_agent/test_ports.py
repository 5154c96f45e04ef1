"""Ports and users of instances."""

from dea_agent.ports import Ports, free_uid


def taken(ports: Ports, in_use: set[int], now: float, bound: set[int] = frozenset()) -> int | None:  # type: ignore[assignment]
    return ports.take(in_use, now, lambda port: port not in bound)


def test_ports_go_round_so_that_none_is_used_again_soon() -> None:
    ports = Ports(range(100, 103), rest_s=0, position=2)
    assert [taken(ports, set(), 0) for _ in range(4)] == [100, 101, 102, 100]


def test_a_port_in_use_or_bound_by_others_is_passed_over() -> None:
    ports = Ports(range(100, 104), rest_s=0, position=3)
    assert taken(ports, {100}, 0, bound={101}) == 102


def test_invariant_6_a_port_rests_until_its_time_is_over() -> None:
    ports = Ports(range(100, 102), rest_s=240, position=1)
    ports.give_back(100, now=1000)
    assert taken(ports, {101}, now=1239) is None
    assert taken(ports, {101}, now=1240) == 100
    assert ports.resting == {}


def test_users_are_given_from_the_lowest_on() -> None:
    assert free_uid(500, 3, {500, 502}, 500) == 501
    assert free_uid(500, 3, {500, 501, 502}, 501) is None


def test_a_user_has_his_next_turn_only_after_all_others() -> None:
    uids = [500]
    for _ in range(3):
        uids.append(free_uid(500, 3, set(), uids[-1]) or 0)
    assert uids == [500, 501, 502, 500]
