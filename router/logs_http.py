"""The log cache over HTTP: intake from DEAs and reads by other routers on one address, reads by clients on another.

Clients come through Envoy over a Unix socket (``/api/v1/...`` and, for clients of older releases, ``/v1/...``).
DEAs and routers come over TCP on an address that apps cannot reach. Both reads ask CC with the caller's own token.
"""

import asyncio
import logging
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.grants import ROUTE
from chalicelib.contracts.logs import GAUGE, DrainMarks, LogBatch, LogEntry
from router import log_envelopes
from router.api_error import error
from router.drains.log_drains import LogDrains
from router.grants import Grants
from router.log_access import LogAccess
from router.log_cache import LogCache, Window, merge
from router.log_intake import LogIntake, sound
from router.peers import Peers

log = logging.getLogger(__name__)

#: Largest batch of lines, bytes; twice what a DEA sends at a time.
MAX_BATCH_BYTES = 2 * 1024 * 1024

#: An owner that does not answer in this time is left out of a read, seconds.
PEER_TIMEOUT_S = 2.0

#: Sources that one answer of /api/v1/meta describes at most, and questions to CC at a time for it.
META_SOURCES, META_QUESTIONS = 200, 8


class LogsHttp:
    def __init__(
        self,
        cache: LogCache,
        gauges: LogCache,
        intake: LogIntake,
        drains: LogDrains,
        grants: Grants,
        access: LogAccess,
        peers: Peers,
        session: aiohttp.ClientSession,
    ) -> None:
        self._cache, self._gauges, self._intake = cache, gauges, intake
        self._drains, self._grants, self._access = drains, grants, access
        self._peers, self._session = peers, session
        self.refused = 0

    def public_app(self) -> web.Application:
        """For clients."""
        app = web.Application()
        for prefix in ("/api/v1", "/v1"):
            app.router.add_get(f"{prefix}/info", self._info)
            app.router.add_get(f"{prefix}/read/{{source}}", self._read)
            app.router.add_get(f"{prefix}/meta", self._meta)
        app.router.add_route("*", "/{rest:.*}", _unknown)
        return app

    def inner_app(self) -> web.Application:
        """For DEAs and routers."""
        app = web.Application(client_max_size=MAX_BATCH_BYTES)
        app.router.add_post("/logs", self._take)
        app.router.add_get("/peer/read/{source}", self._peer_read)
        app.router.add_post("/peer/drains", self._peer_drains)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        """``POST /logs`` as contracts.logs has it. Lines of other writers than a DEA must be access lines."""
        grant = request.headers.get("Authorization", "").removeprefix("Bearer ")
        allowed = await self._source(grant) if grant else None
        if grant and allowed is None:
            self.refused += 1
            return web.Response(status=401)
        try:
            batch = from_json(LogBatch, await request.json())
        except (ValueError, DecodeError, RecursionError) as problem:
            return web.Response(status=400, text=str(problem))
        allowed = allowed or await self._source(batch.grant)
        if allowed is None:
            self.refused += 1
            return web.Response(status=401)
        if not sound(batch.entries):
            return web.Response(status=400, text="a timestamp, type or metric is out of range")
        kind, source_id = allowed
        foreign = kind == ROUTE and any(entry.source_type != "RTR" for entry in batch.entries)
        if source_id != batch.source_id or foreign:
            self.refused += 1
            return web.Response(status=403)
        self._intake.take(batch, grant or batch.grant)
        return web.Response(status=204)

    async def _peer_drains(self, request: web.Request) -> web.Response:
        """The other owner of a source tells how far its lines have gone (contracts.logs.DrainMarks)."""
        try:
            told = from_json(DrainMarks, await request.json())
        except (ValueError, DecodeError, RecursionError) as problem:
            return web.Response(status=400, text=str(problem))
        allowed = await self._source(told.grant)
        if allowed is None or allowed[1] != told.source_id:
            self.refused += 1
            return web.Response(status=401)
        return web.json_response(to_json(self._drains.hear(told)))

    async def _source(self, grant: str) -> tuple[str, str] | None:
        return await asyncio.to_thread(self._grants.log_source, grant)

    async def _info(self, request: web.Request) -> web.Response:
        # Three parts: clients warn about any other version.
        return web.json_response({"version": "3.0.0", "vm_uptime": "0"})

    async def _read(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        try:
            window, kinds = _asked(request)
        except log_envelopes.BadQueryError as problem:
            return _error(400, 10005, "CF-BadQueryParameter", f"The query parameter is invalid: {problem}")
        refusal = await self._refusal(request, source)
        if refusal is not None:
            return refusal
        entries = await self._from_owners(request, source, window, kinds) if kinds else []
        return web.json_response(log_envelopes.batch(source, entries))

    async def _refusal(self, request: web.Request, source: str) -> web.Response | None:
        try:
            refusal = await self._access.refusal(request.headers.get("Authorization", ""), source)
        except (aiohttp.ClientError, TimeoutError):
            return _error(503, 10015, "CF-ServiceUnavailable", "The control plane does not answer; try again")
        if refusal is None:
            return None
        return web.Response(status=refusal.status, body=refusal.body, content_type=refusal.content_type)

    async def _from_owners(
        self, request: web.Request, source: str, window: Window, kinds: frozenset[str]
    ) -> list[LogEntry]:
        """Own lines and those of the owners: each has them all unless it is new, and then the others fill in."""
        _, others = self._peers.owners(source)
        headers = {"Authorization": request.headers.get("Authorization", "")}
        query = log_envelopes.query(window, kinds)
        reads = [self._from_peer(address, source, query, headers) for address in others]
        return merge([*self._own(source, window, kinds), *await asyncio.gather(*reads)], window)

    def _own(self, source: str, window: Window, kinds: frozenset[str]) -> list[list[LogEntry]]:
        kept = ((log_envelopes.LOG, self._cache), (GAUGE, self._gauges))
        return [cache.read(source, window) for kind, cache in kept if kind in kinds]

    async def _from_peer(
        self, address: str, source: str, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[LogEntry, ...]:
        url = URL(f"{address}/peer/read/{quote(source, safe='')}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=PEER_TIMEOUT_S)
        try:
            async with self._session.get(url.with_query(query), headers=headers, timeout=timeout) as answer:
                answer.raise_for_status()
                return from_json(LogBatch, await answer.json()).entries
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            log.warning("router at %s gives no lines: %s", address, problem)
            return ()

    async def _peer_read(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        try:
            window, kinds = _asked(request)
        except log_envelopes.BadQueryError as problem:
            return web.Response(status=400, text=str(problem))
        refusal = await self._refusal(request, source)
        if refusal is not None:
            return refusal
        entries = merge(self._own(source, window, kinds), window)
        return web.json_response(to_json(LogBatch(source, tuple(entries))))

    async def _meta(self, request: web.Request) -> web.Response:
        """What is kept here of the sources that the caller may read."""
        gate = asyncio.Semaphore(META_QUESTIONS)

        async def readable(source: str) -> bool:
            async with gate:
                return await self._refusal(request, source) is None

        candidates = self._cache.sources()[:META_SOURCES]
        if candidates:
            # Who is nobody is told so by one question, not by hundreds.
            refusal = await self._refusal(request, candidates[0])
            if refusal is not None and refusal.status not in (403, 404):
                return refusal
        verdicts = await asyncio.gather(*(readable(source) for source in candidates))
        found = {name: self._cache.meta(name) for name, good in zip(candidates, verdicts, strict=True) if good}
        return web.json_response(log_envelopes.meta({name: one for name, one in found.items() if one is not None}))


def _asked(request: web.Request) -> tuple[Window, frozenset[str]]:
    """Raises BadQueryError."""
    types = request.query.getall("envelope_types", [])
    return log_envelopes.window(request.query), log_envelopes.kinds(types)


async def _unknown(request: web.Request) -> web.Response:
    return _error(404, 10000, "CF-NotFound", "Unknown request")


def _error(status: int, code: int, title: str, detail: str) -> web.Response:
    return web.Response(status=status, text=error(code, title, detail), content_type="application/json")
