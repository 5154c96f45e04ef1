"""The DEA's side of the auction."""

from dataclasses import replace

import pytest

from chalicelib.contracts.auction import Discover, Limits, Wanted
from chalicelib.core.taint import CAP_MS, HASH_MS, Host, eligible, taint

HOST = Host(stacks=("cflinuxfs4",), arch="x86_64", memory_mb=1000, disk_mb=1000)
ASKED = Discover("a", "instance", "p", "app", 1, "cflinuxfs4", Limits(100, 50), (Wanted(0, "g0"), Wanted(1, "g1")))


def test_room_is_what_fits_together_and_never_more_than_is_wanted() -> None:
    assert eligible(HOST, ASKED) == 2
    assert eligible(replace(HOST, reserved_memory_mb=850), ASKED) == 1
    assert eligible(replace(HOST, reserved_disk_mb=951), ASKED) == 0


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, stacks=("windows", "docker")),
        replace(HOST, arch="aarch64"),
        replace(HOST, closed=True),
        replace(HOST, isolation_segment="private"),
        replace(HOST, reserved_memory_mb=1001),
    ],
)
def test_who_may_not_take_it_says_no(host: Host) -> None:
    assert eligible(host, replace(ASKED, arch="x86_64")) == 0


@pytest.mark.parametrize("limits", [Limits(0, 1), Limits(-1, 1), Limits(1, 0)])
def test_limits_that_make_no_sense_are_a_no(limits: Limits) -> None:
    assert eligible(HOST, replace(ASKED, limits=limits)) == 0


def test_ten_ms_for_each_sibling_and_a_hundred_for_all_memory() -> None:
    empty = taint("dea-0", "g", 0, 0, 0)
    assert taint("dea-0", "g", 3, 0, 0) - empty == pytest.approx(30)
    assert taint("dea-0", "g", 0, 0.5, 0) - empty == pytest.approx(50)
    assert taint("dea-0", "g", 100, 1, 1) == CAP_MS


def test_hosts_that_are_alike_differ_by_a_stable_hash() -> None:
    taints = {taint(f"dea-{n}", "g", 0, 0, 0) for n in range(50)}
    assert len(taints) > 40
    assert 0 <= min(taints) <= max(taints) <= HASH_MS
    assert taint("dea-0", "g", 0, 0, 0) == taint("dea-0", "g", 0, 0, 0)
