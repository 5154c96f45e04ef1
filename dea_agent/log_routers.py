"""Which routers take logs, as they made themselves known. Pure: the time is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.contracts.codec import from_json
from chalicelib.contracts.routing import RouterStart
from chalicelib.core.rendezvous import owners

#: Announcements that a router may miss before it counts as gone.
MISSED = 3


@dataclass(frozen=True, slots=True)
class LogRouter:
    """logs: base address of its log intake. heard_at: seconds since the epoch."""

    router: str
    boot: str
    logs: str
    heard_at: float

    @property
    def key(self) -> str:
        """A router that has restarted remembers nothing, so it is another receiver."""
        return f"{self.router}@{self.boot}"


class RouterTable:
    def __init__(self, router_start_s: float) -> None:
        self._keep_s = MISSED * router_start_s
        self._routers: dict[str, LogRouter] = {}

    def known(self) -> list[LogRouter]:
        return list(self._routers.values())

    def restore(self, items: Iterable[Any]) -> None:
        for item in items:
            router = from_json(LogRouter, item)
            self._routers[router.router] = router

    def heard(self, start: RouterStart, now: float) -> bool:
        """Whether it has just come up, and knows of nobody yet."""
        known = self._routers.get(start.router)
        if start.leaving:
            if known and known.boot == start.boot:
                del self._routers[start.router]
            return False
        self._routers[start.router] = LogRouter(start.router, start.boot, start.logs, now)
        return known is None or known.boot != start.boot

    def prune(self, now: float) -> None:
        """Forget who has been silent too long. Not to be called while the bus is silent: that proves nothing."""
        self._routers = {name: r for name, r in self._routers.items() if now - r.heard_at <= self._keep_s}

    def stamp(self, now: float) -> None:
        """After a silence of the bus everybody's time starts again."""
        self._routers = {name: LogRouter(r.router, r.boot, r.logs, now) for name, r in self._routers.items()}

    def owners(self, source_id: str) -> list[LogRouter]:
        return [self._routers[name] for name in owners(source_id, self._routers)]
