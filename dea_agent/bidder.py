"""Answers to ``dea.discover``: a bid after the delay of its taint, or silence. A bid reserves nothing."""

import asyncio
import os
import time
from dataclasses import dataclass

from chalicelib.contracts.auction import INSTANCE, Bid, Discover, Offer
from chalicelib.core.taint import Host, eligible, taint
from dea_agent.config import Config
from dea_agent.messenger import CC, Messenger
from dea_agent.registry import Registry

#: Seconds for which a bid raises the taint of the next ones: as long as its start may be on its way.
OPEN_S = 2.0

#: Seconds for which an auction is remembered, so that its discover is answered once.
REMEMBER_S = 60.0


@dataclass(frozen=True, slots=True)
class OpenBid:
    """A bid whose outcome is not known yet. app_guid: the app that would have an instance here, None for a build."""

    app_guid: str | None
    memory_mb: int
    guids: tuple[str, ...]
    at: float


class Bidder:
    """``queue_url``: where starts for this host go; set once the inbox is open."""

    def __init__(self, config: Config, registry: Registry, messenger: Messenger) -> None:
        self._config, self._registry, self._messenger = config, registry, messenger
        self._open: dict[str, OpenBid] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.queue_url = ""
        self.bids = 0

    def answer(self, discover: Discover) -> None:
        now = time.monotonic()
        self._open = {guid: bid for guid, bid in self._open.items() if now - bid.at < REMEMBER_S}
        if discover.auction_guid in self._open:
            return
        room = eligible(self._host(), discover)
        if not room:
            return
        offers = self._offers(discover, now)
        guids = tuple(want.instance_guid for want in discover.wants)
        # A build is no instance of its app: a lost one must not drive the app's instances to who staged them.
        sibling_of = discover.app_guid if discover.work == INSTANCE else None
        self._open[discover.auction_guid] = OpenBid(sibling_of, room * discover.limits.memory_mb, guids, now)
        bid = Bid(
            auction_guid=discover.auction_guid,
            work=discover.work,
            work_guid=discover.work_guid,
            version=discover.version,
            dea=self._config.dea_id,
            boot=self._messenger.boot,
            queue_url=self.queue_url,
            room=room,
            offers=offers,
        )
        task = asyncio.create_task(self._bid(bid, min(offer.taint_ms for offer in offers) / 1000))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bid(self, bid: Bid, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        if await self._messenger.attempt(CC, "dea.bid", bid):
            self.bids += 1

    def _host(self) -> Host:
        config = self._config
        return Host(
            stacks=self._registry.stacks,
            arch=config.arch,
            memory_mb=config.memory_mb,
            disk_mb=config.disk_mb,
            reserved_memory_mb=self._registry.reserved_memory_mb,
            reserved_disk_mb=self._registry.reserved_disk_mb,
            isolation_segment=config.isolation_segment,
            closed=self._registry.is_closed,
        )

    def _offers(self, discover: Discover, now: float) -> tuple[Offer, ...]:
        """Open bids count as if won, until their starts have come or their time is over."""
        pending = [
            bid
            for bid in self._open.values()
            if now - bid.at < OPEN_S and not any(guid in self._registry.seen for guid in bid.guids)
        ]
        siblings = self._registry.siblings(discover.app_guid) + sum(
            bid.app_guid == discover.app_guid for bid in pending
        )
        promised_mb = self._registry.reserved_memory_mb + sum(bid.memory_mb for bid in pending)
        cpu_share = os.getloadavg()[0] / (os.cpu_count() or 1)
        return tuple(
            Offer(
                want.index,
                taint(
                    self._config.dea_id, want.instance_guid, siblings, promised_mb / self._config.memory_mb, cpu_share
                ),
            )
            for want in discover.wants
        )
