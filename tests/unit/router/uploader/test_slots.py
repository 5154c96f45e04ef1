"""Whose upload may stream: no user takes the place of all others, and nobody waits for ever."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from router.uploader.slots import PER_USER, WAITING, BusyError, Slots


def test_one_user_leaves_room_for_others_and_his_own_take_turns() -> None:
    async def story() -> None:
        slots, ended = Slots(at_a_time=PER_USER + 1), asyncio.Event()
        order: list[str] = []

        async def upload(user: str) -> None:
            async with slots.held(user):
                order.append(user)
                await ended.wait()

        tasks = [asyncio.create_task(upload("greedy")) for _ in range(PER_USER + 3)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(upload("modest")))
        await asyncio.sleep(0)
        assert order == ["greedy"] * PER_USER + ["modest"]
        ended.set()
        await asyncio.gather(*tasks)
        assert len(order) == PER_USER + 4

    asyncio.run(story())


def test_too_many_are_refused_and_who_waits_too_long_is_told() -> None:
    async def story() -> None:
        slots = Slots(at_a_time=1, wait_s=0.05)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(slots.held("first"))
            with pytest.raises(BusyError, match="Try again in a minute") as late:
                await stack.enter_async_context(slots.held("second"))
            assert late.value.status == 503
            waiting = [asyncio.create_task(_enter(slots, "third")) for _ in range(PER_USER + WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(BusyError, match="too many uploads under way") as refused:
                await _enter(slots, "third")
            assert refused.value.status == 429
            await asyncio.gather(*waiting, return_exceptions=True)
        async with slots.held("third"):
            pass  # nothing of all that is left

    asyncio.run(story())


async def _enter(slots: Slots, user: str) -> None:
    async with slots.held(user):
        pass
