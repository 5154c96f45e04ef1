"""The route table seen from its routes: who stands behind each. Folds the table's changes; no I/O, no clock.

A route whose last instance went away stays for ``EMPTY_ROUTE_S``, answering 503: most instances that go come
back at once (crash, restart), and a request in between should read "come again", not "there is no such app".
A route that was taken from a living instance (unmapped) is gone at once.
"""

from collections.abc import Iterable

from chalicelib.contracts.routing import Endpoint
from router.route_table import Changes

#: Somewhat more than a crashed instance needs to be back.
EMPTY_ROUTE_S = 5.0


class RouteIndex:
    """``routes``: endpoints by route, those of one route by (instance guid, host, port)."""

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self.routes: dict[str, dict[tuple[str, str, int], Endpoint]] = {}
        self._empty_since: dict[str, float] = {}
        self.change(Changes(added=tuple(endpoints)), now=0.0)

    def change(self, changes: Changes, now: float) -> set[str]:
        """Fold ``changes`` in; returns the routes that they touch. now: seconds on the clock of :meth:`expire`."""
        touched = set()
        still_here = {endpoint.instance_guid for endpoint in changes.added}
        for endpoint in changes.removed:
            for route in endpoint.routes:
                self.routes.get(route, {}).pop(_key(endpoint), None)
                touched.add(route)
                if endpoint.instance_guid not in still_here:
                    self._empty_since[route] = now
        for endpoint in changes.added:
            for route in endpoint.routes:
                self.routes.setdefault(route, {})[_key(endpoint)] = endpoint
                touched.add(route)
        for route in touched:
            if self.routes.get(route):
                self._empty_since.pop(route, None)
            elif route not in self._empty_since:
                self.routes.pop(route, None)
        return touched

    def expire(self, now: float) -> set[str]:
        """Drop the routes that have been empty for too long; returns them."""
        over = {route for route, since in self._empty_since.items() if now - since >= EMPTY_ROUTE_S}
        for route in over:
            del self._empty_since[route]
            self.routes.pop(route, None)
        return over

    def endpoints(self, route: str) -> list[Endpoint]:
        """In an order that depends on nothing but the endpoints."""
        return [endpoint for _, endpoint in sorted(self.routes.get(route, {}).items())]


def _key(endpoint: Endpoint) -> tuple[str, str, int]:
    return endpoint.instance_guid, endpoint.host, endpoint.port
