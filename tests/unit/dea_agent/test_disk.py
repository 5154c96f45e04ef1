"""What goes when a disk gets scarce, and when a host takes no more work."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.auction import Limits
from dea_agent.disk import MARGIN, Disk, is_full
from dea_agent.registry import Registry

FULL_AT = 0.9
SHARES = st.floats(0, 1)


class Host:
    """A disk that is used so far, and what can be given up of it, in order."""

    def __init__(self, used: float, *gains: float) -> None:
        self.used, self.given_up, self.told = used, list[int](), 0
        self.registry = Registry(1024, 1024, ("cflinuxfs4",))
        steps = [(f"step {number}", self._step(number, gain)) for number, gain in enumerate(gains)]
        self.disk = Disk(self.registry, FULL_AT, lambda: self.used, steps, self._tell)

    def _step(self, number: int, gain: float) -> Callable[[], Awaitable[None]]:
        async def give_up() -> None:
            self.given_up.append(number)
            self.used -= gain

        return give_up

    def _tell(self) -> None:
        self.told += 1

    def look(self, used: float | None = None) -> str:
        self.used = self.used if used is None else used
        asyncio.run(self.disk.look())
        return self.registry.problem


def test_with_room_nothing_is_given_up() -> None:
    host = Host(0.89, 0.5)
    assert host.look() == ""
    assert (host.given_up, host.told) == ([], 0)


def test_the_cheapest_goes_first_and_no_more_than_makes_room() -> None:
    host = Host(0.92, 0.01, 0.1, 0.1)
    assert host.look() == ""
    assert host.given_up == [0, 1]
    assert not host.registry.is_closed


def test_a_host_that_stays_full_takes_no_work_says_why_and_takes_it_again_well_below() -> None:
    host = Host(0.97, 0.02)
    assert host.look() == "its disk is 95 % full"
    assert host.registry.is_closed
    assert "full: its disk is 95 % full" in str(host.registry.why_no_room("a", Limits(64, 64), "cflinuxfs4"))
    assert host.look(0.89) == "its disk is 87 % full"  # after the step
    assert host.look(0.86) == ""
    assert host.told == 2


@given(st.lists(SHARES, max_size=30), st.booleans())
def test_it_never_takes_work_above_the_mark_nor_refuses_it_below_the_margin(shares: list[float], full: bool) -> None:
    for share in shares:
        full = is_full(share, full, FULL_AT)
        assert full or share < FULL_AT
        assert not full or share >= FULL_AT - MARGIN
