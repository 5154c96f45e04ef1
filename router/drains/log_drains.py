"""Which of the lines that this router gets it delivers to drains, so that each goes there once.

Of a source's two owners the first delivers; the other keeps the lines in its ring and is told every second how far
the first has come (:class:`Marks`). A router that begins to deliver - it has started, or the first owner is gone -
claims the source at the other owner, hears how far that one has come, and goes on from there with what its own ring
has. What is known of a source's drains is good for a while; lines wait meanwhile for the answer to the next question.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.logs import AppDrains, DrainMarks, LogEntry
from chalicelib.core.addresses import Allowed
from router.drains.backlog import Budget
from router.drains.directory import Directory
from router.drains.drain import Drain, Totals
from router.drains.marks import Marks
from router.drains.senders import Network
from router.log_cache import RING, LogCache, Window
from router.peers import Peers

log = logging.getLogger(__name__)

#: How often CC may be asked, and how often it is told how far lines have gone, seconds.
ASK_S, TELL_S = 0.25, 1.0

#: Routers answer a new one at once, so this is long.
SETTLE_S = 3.0

#: The other owner's answer, and what waits when a router ends or hands over, seconds.
PEER_TIMEOUT_S, FLUSH_S = 2.0, 2.0

#: Sources that are remembered; those that were silent longest are forgotten first.
MAX_SOURCES = 20_000


@dataclass(frozen=True, slots=True)
class Settings:
    """known_s: seconds for which an answer of CC is good. name: of this boot, as the writer of its own lines.

    settle_s: in this time a router that has started hears of all others; before, it would think it owned everything.
    """

    allowed: Allowed
    plain_allowed: bool
    known_s: float
    name: str
    settle_s: float = SETTLE_S


@dataclass(slots=True)
class _Source:
    """held: lines that wait for an answer; marks: how far lines have gone, if that is known; app None: no drains.

    claimed: this router delivers. answered_at: clock's seconds.
    """

    grant: str = ""
    answered_at: float = float("-inf")
    app: AppDrains | None = None
    held: list[LogEntry] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)
    claimed: bool = False
    drains: dict[str, Drain] = field(default_factory=dict)


class LogDrains:
    """Made inside a running loop. ``memory``: a file for the marks. clock and wall: monotonic s, ns since the epoch."""

    def __init__(
        self,
        settings: Settings,
        cache: LogCache,
        peers: Peers,
        directory: Directory,
        session: aiohttp.ClientSession,
        memory: Path,
        clock: Callable[[], float],
        wall: Callable[[], int],
    ) -> None:
        self._settings, self._cache, self._peers, self._directory = settings, cache, peers, directory
        self._session, self._memory, self._clock, self._wall = session, memory, clock, wall
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._network, self._budget, self.totals = Network(settings.allowed), Budget(), Totals()
        self._closing: set[asyncio.Task[None]] = set()
        self._lines, self._began_at, self._leaving = 0, clock(), False
        self._restore()

    def numbers(self) -> dict[str, float]:
        return {
            "log_drains": sum(len(source.drains) for source in self._sources.values()),
            "log_drain_bytes": self._budget.used,
            "log_drain_lines_total": self.totals.sent,
            "log_drain_lines_lost_total": self.totals.lost,
            "log_drain_failures_total": self.totals.failures,
        }

    def take(self, source_id: str, grant: str, entries: Sequence[LogEntry]) -> None:
        """Lines that are new in the cache; ``grant``: of whoever wrote them. Never waits."""
        if not self._peers.is_first(source_id):
            if (known := self._sources.get(source_id)) and known.claimed:
                self._release(known)
            return
        source = self._source(source_id)
        if self._leaving and not source.claimed:
            return
        if self._is_known(source) and (source.app is None or source.claimed) and not source.held:
            self._deliver(source, entries)
            return
        source.grant = grant or source.grant
        source.held += entries
        if len(source.held) > RING:
            self.totals.lost += len(source.held) - RING if source.app else 0
            del source.held[:-RING]
        self._directory.want(source_id, source.grant)

    def hear(self, told: DrainMarks) -> DrainMarks:
        """The other owner tells how far it has come; the answer is how far this one has."""
        source = self._source(told.source_id)
        source.marks.merge(told.marks)
        source.grant = told.grant or source.grant
        if told.claims and source.claimed:
            self._release(source)
        return DrainMarks(told.source_id, source.marks.all(), claims=False)

    def leave(self) -> None:
        """This router is ending: it claims nothing any more."""
        self._leaving = True

    async def ask(self) -> None:
        """Learn of the drains of sources that wrote, and deliver what waited for that."""
        if self._leaving or self._clock() - self._began_at < self._settings.settle_s:
            return
        answers = await self._directory.answers()
        if answers is None:
            # CC is away: what was known goes on being so.
            answers = {name: source.app for name, source in self._sources.items() if source.held and source.claimed}
        await asyncio.gather(*(self._answered(source_id, app) for source_id, app in answers.items()))

    async def tend(self) -> None:
        """Take over what others left, ask again about what has drains, tell and note how far all is."""
        for source_id, source in self._sources.items():
            if not source.claimed and not source.marks:
                continue
            first = self._peers.is_first(source_id)
            if source.claimed and not first:
                self._release(source)
            elif source.grant and first and not (source.claimed and self._is_known(source)):
                self._directory.want(source_id, source.grant)
            for drain in source.drains.values():
                drain.tend()
        changed = [name for name, source in self._sources.items() if source.claimed and source.marks.changed]
        if changed:
            self._note()
            await asyncio.gather(*(self._tell(name, self._sources[name], claims=False) for name in changed))

    async def close(self) -> None:
        """Deliver what is here if that is quickly done; note and tell how far all is."""
        drains = [drain for source in self._sources.values() for drain in source.drains.values()]
        await asyncio.gather(*(drain.flush(FLUSH_S) for drain in drains))
        await self.tend()
        await asyncio.gather(*(drain.close() for drain in drains), *self._closing)
        await self._network.close()

    def _source(self, source_id: str) -> _Source:
        source = self._sources.setdefault(source_id, _Source())
        self._sources.move_to_end(source_id)
        if len(self._sources) > MAX_SOURCES:
            _, oldest = self._sources.popitem(last=False)
            self._release(oldest)
        return source

    def _is_known(self, source: _Source) -> bool:
        return self._clock() - source.answered_at < self._settings.known_s

    async def _answered(self, source_id: str, app: AppDrains | None) -> None:
        source = self._sources.get(source_id)
        if source is None:
            return
        if not self._peers.is_first(source_id):
            source.held.clear()
            return
        if app is not None and not source.claimed:
            await self._claim(source_id, source)
        source.app, source.answered_at = app, self._clock()
        if app is None:
            self._release(source)
            source.marks, source.grant = Marks(), ""
        else:
            self._set_drains(source, app)
        held, source.held = source.held, []
        self._deliver(source, held)

    async def _claim(self, source_id: str, source: _Source) -> None:
        """From now on this router delivers, beginning where the other one ends."""
        is_new = source.app is None and source.answered_at > float("-inf")
        await self._tell(source_id, source, claims=True)
        ring = self._cache.read(source_id, Window(limit=RING))
        if source.marks and not is_new:
            source.held = ring
        else:
            # Nobody has delivered yet: what was there before the drain was is not for it.
            waiting = {(entry.instance_guid, entry.source_type, entry.offset) for entry in source.held}
            source.marks.pass_on(e for e in ring if (e.instance_guid, e.source_type, e.offset) not in waiting)
        source.claimed = True

    def _set_drains(self, source: _Source, app: AppDrains) -> None:
        for url in source.drains.keys() - set(app.urls):
            self._in_background(source.drains.pop(url).close())
        for drain in source.drains.values():
            drain.app = app
        for url in app.urls:
            if url not in source.drains:
                source.drains[url] = self._drain(url, app)

    def _drain(self, url: str, app: AppDrains) -> Drain:
        def tell(text: str) -> None:
            self._lines += 1
            line = LogEntry(self._settings.name, self._lines, self._wall(), "ERR", "LGR", "0", text)
            self._cache.put(app.source_id, [line])

        plain = self._settings.plain_allowed
        return Drain(url, app, self._network, self._budget, self.totals, tell, plain, self._clock)

    def _deliver(self, source: _Source, entries: Iterable[LogEntry]) -> None:
        if not source.drains:
            return
        for entry in source.marks.pass_on(entries):
            for drain in source.drains.values():
                drain.put(entry)

    def _release(self, source: _Source) -> None:
        """Deliver no more. What has been passed on still goes, if there is still somewhere to go."""
        source.claimed = False
        drains, source.drains = source.drains, {}
        for drain in drains.values():
            self._in_background(_finish(drain, FLUSH_S if source.app else 0))

    async def _tell(self, source_id: str, source: _Source, claims: bool) -> None:
        source.marks.changed = False
        told = DrainMarks(source_id, source.marks.all(), claims, source.grant)
        _, others = self._peers.owners(source_id)
        for address in others:
            try:
                timeout = aiohttp.ClientTimeout(total=PEER_TIMEOUT_S)
                async with self._session.post(f"{address}/peer/drains", json=to_json(told), timeout=timeout) as answer:
                    answer.raise_for_status()
                    source.marks.merge(from_json(DrainMarks, await answer.json()).marks)
            except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
                log.info("router at %s does not hear how far lines have gone: %s", address, problem)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _note(self) -> None:
        marks = [DrainMarks(name, s.marks.all(), False) for name, s in self._sources.items() if s.claimed]
        scratch = self._memory.with_suffix(".new")
        try:
            scratch.write_text(json.dumps(to_json(marks)))
            scratch.replace(self._memory)
        except OSError as problem:
            log.warning("how far lines have gone could not be noted: %s", problem)

    def _restore(self) -> None:
        try:
            for item in json.loads(self._memory.read_text()):
                told = from_json(DrainMarks, item)
                self._source(told.source_id).marks.merge(told.marks)
        except (OSError, ValueError, TypeError, DecodeError) as problem:
            log.info("nothing is noted of how far lines have gone: %s", problem)


async def _finish(drain: Drain, flush_s: float) -> None:
    await drain.flush(flush_s)
    await drain.close()
