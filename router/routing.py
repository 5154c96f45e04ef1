"""The table, its index, its rendering and its store moved together: every change takes the same way.

Journal first, then Envoy. Lives in the agent's loop; the bus's thread comes in through :meth:`Routing.hear`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from chalicelib.contracts.routing import Endpoint, Register, Unregister
from router import system_config
from router.config import Config
from router.envoy_config import CLUSTER, LISTENER, SECRET
from router.grants import Grants
from router.listener_config import plain_listener
from router.rendering import Rendering, Touched
from router.route_index import RouteIndex
from router.route_table import Changes, RouteTable, admit, apply, prune
from router.routes import system_hosts
from router.table_store import TableStore
from router.tls_certificates import Serving
from router.tls_config import secret, tls_listener

log = logging.getLogger(__name__)

#: Names of the listeners, for HTTP without and with TLS.
PLAIN, TLS = "ingress", "ingress-tls"

#: Changes that come within this time reach Envoy together, seconds.
COALESCE_S = 0.003


class Routing:
    """``publish`` tells Envoy about changed resources; ``learn`` is given every endpoint that comes in.

    loaded: there was a table on disk, so that we know what a running Envoy holds.
    """

    def __init__(self, config: Config, grants: Grants, folder: Path, learn: Callable[[Iterable[Endpoint]], None]):
        self._config, self._grants, self._timers, self._learn = config, grants, config.timers, learn
        self._plain = {PLAIN: plain_listener(config)}
        self._system = system_hosts(config.domain)
        self._store = TableStore(folder)
        stored = self._store.load(time.monotonic())
        self.loaded = stored is not None
        self.table = stored or RouteTable()
        self.index = RouteIndex(self.table.endpoints())
        learn(self.table.endpoints())
        self.rendering = Rendering(
            self.index,
            {CLUSTER: system_config.clusters(config), LISTENER: self._plain},
            system_config.routes_base(config),
            system_config.hosts(config),
        )
        self._publish: Callable[[Touched], None] = lambda touched: None
        self._loop = asyncio.get_running_loop()
        self._touched: set[str] = set()
        self.registrations = self.refused = self.pruned = 0
        self._store.save(self.table)

    def publish_to(self, publish: Callable[[Touched], None]) -> None:
        self._publish = publish

    def hear(self, message: Register | Unregister, sent_at: float) -> bool:
        """From the bus's thread: take a message; returns whether the sender's boot is new. Blocks until taken."""
        good: frozenset[str] = frozenset()
        if isinstance(message, Register):
            good = frozenset(e.instance_guid for e in message.endpoints if self._grants.is_route_grant(e))
            ruled = (replace(e, rules=self._grants.rules(e)) for e in message.endpoints)
            message = replace(message, endpoints=tuple(ruled))
        taking = self._take(message, sent_at, lambda endpoint: endpoint.instance_guid in good)
        return asyncio.run_coroutine_threadsafe(taking, self._loop).result()

    async def _take(
        self, message: Register | Unregister, sent_at: float, is_granted: Callable[[Endpoint], bool]
    ) -> bool:
        is_new = not self.table.knows(message.dea, message.boot)
        if isinstance(message, Register):
            message, refused = admit(self.table, message, is_granted, self._system)
            self.registrations += 1
            self.refused += refused
            if refused:
                log.warning("refused endpoints without a good grant", extra={"dea": message.dea, "refused": refused})
        self.table, changes = apply(self.table, message, sent_at, time.monotonic())
        # An unregistration that finds nothing still forbids what may come later.
        if changes or isinstance(message, Unregister):
            self._store.append(message, sent_at, self.table)
        self._change(changes)
        return is_new

    def tend(self, bus_healthy: bool, heard_at: float) -> None:
        """What time does: prune what is stale, drop routes that stayed empty. To be called every second or so."""
        timers = self._timers
        self.table, changes = prune(self.table, heard_at, bus_healthy, timers.prune_s, timers.tombstone_s)
        if changes:
            self.pruned += len(changes.removed)
            log.warning("pruned endpoints of silent DEAs", extra={"endpoints": len(changes.removed)})
            self._store.save(self.table)
        self._change(changes)
        self._touch(self.index.expire(time.monotonic()))

    def certify(self, serving: Serving) -> None:
        """End TLS with these certificates."""
        secrets = {name: secret(one) for name, one in serving.certificates.items()}
        touched = self.rendering.replace(SECRET, secrets)
        listeners = self._plain | {TLS: tls_listener(self._config, serving)}
        self._publish(touched | self.rendering.replace(LISTENER, listeners))

    def save(self) -> None:
        self._store.save(self.table)

    def _change(self, changes: Changes) -> None:
        self._learn(changes.added)
        self._touch(self.index.change(changes, time.monotonic()))

    def _touch(self, routes: set[str]) -> None:
        if routes and not self._touched:
            self._loop.call_later(COALESCE_S, self._flush)
        self._touched |= routes

    def _flush(self) -> None:
        touched, self._touched = self._touched, set()
        self._publish(self.rendering.update(touched))
