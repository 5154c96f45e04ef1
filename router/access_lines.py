"""Where access lines go: into the own ring when this router owns the app's lines, and to the owner that delivers.

To another router a line comes with a route grant of the app, which shows that the app's requests are this router's
to tell of. Lines wait at most ``FLUSH_S``; what cannot be handed over is dropped and counted.
"""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import aiohttp

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.logs import LogBatch, LogEntry
from chalicelib.contracts.routing import Endpoint
from router.access_log import AccessLog
from router.drains.log_drains import LogDrains
from router.log_cache import LogCache
from router.peers import Peers

log = logging.getLogger(__name__)

FLUSH_S = 0.2

#: Lines of one app that wait at most, and apps whose grants are remembered.
MAX_WAITING, MAX_GRANTS = 1000, 20_000


class AccessLines:
    def __init__(
        self, access_log: AccessLog, cache: LogCache, drains: LogDrains, peers: Peers, session: aiohttp.ClientSession
    ) -> None:
        self._access_log, self._cache, self._drains = access_log, cache, drains
        self._peers, self._session = peers, session
        self._grants: OrderedDict[str, str] = OrderedDict()
        self._waiting: dict[str, list[LogEntry]] = {}
        self.dropped = 0

    def learn(self, endpoints: Iterable[Endpoint]) -> None:
        """Keep a grant per app."""
        for endpoint in endpoints:
            self._grants[endpoint.app_guid] = endpoint.grant
            self._grants.move_to_end(endpoint.app_guid)
        while len(self._grants) > MAX_GRANTS:
            self._grants.popitem(last=False)

    def take(self, message: bytes) -> None:
        """A serialised access log message of Envoy."""
        lines: dict[str, list[LogEntry]] = defaultdict(list)
        for app, entry in self._access_log.take(message):
            lines[app].append(entry)
        for app, entries in lines.items():
            owned, _ = self._peers.owners(app)
            if owned:
                self._drains.take(app, self._grants.get(app, ""), self._cache.put(app, entries))
            if self._peers.is_first(app):
                continue
            waiting = self._waiting.setdefault(app, [])
            fitting = entries[: MAX_WAITING - len(waiting)]
            waiting += fitting
            self.dropped += len(entries) - len(fitting)

    async def flush(self) -> None:
        """Hand over what waits."""
        waiting, self._waiting = self._waiting, {}
        for app, entries in waiting.items():
            _, addresses = self._peers.owners(app)
            for address in addresses:
                if not await self._post(address, app, entries):
                    self.dropped += len(entries)

    async def _post(self, address: str, app: str, entries: list[LogEntry]) -> bool:
        # Not in a header: a grant names all routes of its process, and headers of more than 8 kB are refused.
        batch = to_json(LogBatch(app, tuple(entries), self._grants.get(app, "")))
        timeout = aiohttp.ClientTimeout(total=2)
        try:
            async with self._session.post(f"{address}/logs", json=batch, timeout=timeout) as answer:
                return answer.status == 204
        except (aiohttp.ClientError, TimeoutError) as error:
            log.debug("router at %s takes no lines: %s", address, error)
            return False
