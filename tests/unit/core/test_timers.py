"""Timers from the environment."""

import pytest

from chalicelib.core.timers import LOCAL, Timers, from_env


def test_a_profile_is_chosen_and_single_timers_are_set() -> None:
    assert from_env({}) == Timers()
    assert from_env({"ZF_PROFILE": "local"}) == LOCAL
    assert from_env({"ZF_HEARTBEAT_S": "7.5"}).heartbeat_s == 7.5


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ZF_PROFILE", "mine", "it can be cloud or local"),
        ("ZF_HEARTBEAT_S", "soon", "it must be a number of seconds"),
        ("ZF_HEARTBEAT_S", "0", "it must be above zero"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*{words}"):
        from_env({name: value})


def test_in_the_cloud_a_variable_that_nothing_reads_is_named_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"ZF_HEARBEAT_S is no variable .* did you mean ZF_HEARTBEAT_S"):
        from_env({"ZF_PROFILE": "cloud", "ZF_HEARBEAT_S": "5"})
    assert from_env({"ZF_PROFILE": "cloud", "ZF_PREFIX": "zf", "PATH": "/bin"}) == Timers()
    # On one machine, a developer's own may stand beside ours.
    assert from_env({"ZF_PROFILE": "local", "ZF_MINE": "1"}) == LOCAL


@pytest.mark.parametrize("env", [{"ZF_PRUNE_S": "600"}, {"ZF_PORT_QUARANTINE_S": "239"}])
@pytest.mark.parametrize("profile", ["cloud", "local"])
def test_invariant_6_no_setting_lets_a_port_be_used_again_within_twice_the_stale_time(
    profile: str, env: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"ZF_PORT_QUARANTINE_S is .* at least twice ZF_PRUNE_S"):
        from_env({"ZF_PROFILE": profile} | env)
    assert from_env({"ZF_PRUNE_S": "600", "ZF_PORT_QUARANTINE_S": "1200"}).port_quarantine_s == 1200


def test_hosts_say_their_lists_often_enough_for_two_to_be_late() -> None:
    assert from_env({"ZF_REGISTER_S": "40"}).register_s == 40
    with pytest.raises(ValueError, match="ZF_REGISTER_S is 41; it must be a third of ZF_PRUNE_S"):
        from_env({"ZF_REGISTER_S": "41"})
