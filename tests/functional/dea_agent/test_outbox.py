"""Messages that must arrive."""

import asyncio
import itertools
import random
import time
from dataclasses import replace
from pathlib import Path

from chalicelib.contracts.envelope import MAX_ENVELOPE_BYTES, Envelope
from dea_agent.outbox import Outbox
from dea_agent.sender import SendError


class FakeBus:
    """Takes messages, unless told to fail: ``down`` gives no answer, ``refuses`` are ids that it will not take."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.down = False
        self.refuses: set[str] = set()
        self.news = asyncio.Semaphore(0)

    async def send(self, address: str, envelope: Envelope) -> None:
        if self.down:
            raise SendError("no answer", is_refusal=False)
        if envelope.id in self.refuses:
            raise SendError("no", is_refusal=True)
        self.taken.append(envelope.id)
        self.news.release()


def a_message(name: str, subject: str = "droplet.exited", age_s: float = 0) -> Envelope:
    return Envelope(name, subject, time.time() - age_s, "dea-0", "t", {})


async def taken_by(outbox: Outbox, bus: FakeBus, count: int) -> list[str]:
    task = asyncio.create_task(outbox.run())
    async with asyncio.timeout(10):
        for _ in range(count):
            await bus.news.acquire()
    task.cancel()
    return bus.taken


def test_what_was_promised_survives_the_agent_and_keeps_its_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        first = Outbox(tmp_path, bus.send)
        for name in "abc":
            first.put("queue:hm", a_message(name))
        second = Outbox(tmp_path, bus.send)
        second.put("queue:hm", a_message("d"))
        task = asyncio.create_task(second.run())
        assert await second.flush(5)
        task.cancel()
        assert bus.taken == ["a", "b", "c", "d"]

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_lost_or_overtaken_while_the_bus_is_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        bus.down = True
        outbox = Outbox(tmp_path, bus.send)
        for name in "ab":
            outbox.put("queue:hm", a_message(name))
        task = asyncio.create_task(outbox.run())
        assert not await outbox.flush(0.3)
        bus.down = False
        assert await outbox.flush(5)
        task.cancel()
        assert bus.taken == ["a", "b"]

    asyncio.run(scenario())


def test_a_message_that_the_bus_refuses_lets_the_others_pass_and_is_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        bus.refuses = {"poison"}
        outbox = Outbox(tmp_path, bus.send)
        for name in ("poison", "a", "b"):
            outbox.put("queue:hm", a_message(name))
        assert await taken_by(outbox, bus, 2) == ["a", "b"]
        assert len(outbox) == 1

    asyncio.run(scenario())


def test_what_is_said_again_anyway_is_not_sent_late(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        outbox = Outbox(tmp_path, bus.send)
        outbox.put("topic:routes", a_message("old", "router.register", age_s=3600))
        outbox.put("queue:hm", a_message("exit", age_s=3600))
        assert await taken_by(outbox, bus, 1) == ["exit"]

    asyncio.run(scenario())


def test_a_file_that_cannot_be_read_is_dropped(tmp_path: Path) -> None:
    for name, text in zip(itertools.count(), ("", "[]", '{"address": 1, "envelope": {}}'), strict=False):
        (tmp_path / f"{name:020d}.json").write_text(text)
    assert len(asyncio.run(_load(tmp_path))) == 0
    assert list(tmp_path.iterdir()) == []


async def _load(folder: Path) -> Outbox:
    return Outbox(folder, FakeBus().send)


def test_what_no_bus_can_carry_is_dropped_and_delays_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        outbox = Outbox(tmp_path, bus.send)
        noise = random.Random(1).randbytes(MAX_ENVELOPE_BYTES).hex()  # packed, it is as long as before
        outbox.put("queue:cc", replace(a_message("monster"), body={"error_detail": noise}))
        outbox.put("queue:hm", a_message("a"))
        assert await taken_by(outbox, bus, 1) == ["a"]

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_a_message_is_sent_also_when_the_disk_takes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        outbox = Outbox(tmp_path / "outbox", bus.send)
        (tmp_path / "outbox").rmdir()
        outbox.put("queue:hm", a_message("a"))
        assert await taken_by(outbox, bus, 1) == ["a"]

    asyncio.run(scenario())
