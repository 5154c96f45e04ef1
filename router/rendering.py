"""All xDS resources, kept up to date route by route. Holds no clock and does no I/O.

Rendering touches only what changed; the one route configuration is put together from kept pieces, once per burst.
"""

from collections.abc import Iterable, Mapping

from router.envoy_config import (
    ASSIGNMENT,
    CLUSTER,
    ROUTES,
    ROUTES_NAME,
    SECRET,
    PathRoute,
    Resource,
    cluster,
    load_assignment,
    resource,
    route_configuration,
    virtual_host,
)
from router.route_index import RouteIndex
from router.routes import split, wildcards_over

#: Names of changed resources (made, altered or removed) by type URL.
Touched = dict[str, set[str]]


class Rendering:
    """``resources``: by type URL and name. ``fixed``: what is there besides routes (listener, system clusters).

    routes_base: the route configuration without virtual hosts; system_hosts: serialised ones that are always in it.
    """

    def __init__(
        self,
        index: RouteIndex,
        fixed: Mapping[str, Mapping[str, bytes]],
        routes_base: bytes,
        system_hosts: Mapping[str, bytes],
    ) -> None:
        self._index = index
        self._base = routes_base
        self._hosts = dict(system_hosts)
        self._by_host: dict[str, set[str]] = {}
        #: The app that a route led to last: an empty route keeps its name in access lines.
        self._apps: dict[str, str] = {}
        self.resources: dict[str, dict[str, Resource]] = {CLUSTER: {}, ASSIGNMENT: {}, ROUTES: {}, SECRET: {}}
        for type_url, named in fixed.items():
            self.resources.setdefault(type_url, {}).update({name: resource(value) for name, value in named.items()})
        self._put(ROUTES, ROUTES_NAME, route_configuration(self._hosts, self._base))
        self.update(index.routes)

    def update(self, routes: Iterable[str]) -> Touched:
        """Render anew what depends on ``routes``; returns the resources that are different now."""
        touched: Touched = {CLUSTER: set(), ASSIGNMENT: set(), ROUTES: set()}
        hosts: dict[str, None] = {}
        for route in routes:
            hosts[split(route)[0]] = None
            self._update_route(route, touched)
        changed_hosts = [host for host in self._with_dependents(hosts) if self._update_host(host)]
        if changed_hosts:
            self._put(ROUTES, ROUTES_NAME, route_configuration(self._hosts, self._base))
            touched[ROUTES].add(ROUTES_NAME)
        return touched

    def replace(self, type_url: str, named: Mapping[str, bytes]) -> Touched:
        """These and no others are the resources of a type that no route makes; returns those that are different."""
        gone = self.resources[type_url].keys() - named.keys()
        for name in gone:
            del self.resources[type_url][name]
        return {type_url: gone | {name for name, value in named.items() if self._put(type_url, name, value)}}

    def _update_route(self, route: str, touched: Touched) -> None:
        host = split(route)[0]
        if route in self._index.routes:
            endpoints = self._index.endpoints(route)
            if endpoints:
                self._apps[route] = endpoints[0].app_guid
            self._by_host.setdefault(host, set()).add(route)
            changed = self._put(ASSIGNMENT, route, load_assignment(route, endpoints))
            # Of an empty route nobody can tell how it is to be balanced: it stays as it was.
            is_new = route not in self.resources[CLUSTER]
            if (endpoints or is_new) and self._put(CLUSTER, route, cluster(route, endpoints)):
                touched[CLUSTER].add(route)
        else:
            self._apps.pop(route, None)
            self._by_host.get(host, set()).discard(route)
            changed = self.resources[ASSIGNMENT].pop(route, None) is not None
            if self.resources[CLUSTER].pop(route, None):
                touched[CLUSTER].add(route)
        if changed:
            touched[ASSIGNMENT].add(route)

    def _put(self, type_url: str, name: str, value: bytes) -> bool:
        """Whether it is different from what was there."""
        new = resource(value)
        old = self.resources[type_url].get(name)
        self.resources[type_url][name] = new
        return old is None or old.version != new.version

    def _with_dependents(self, hosts: Iterable[str]) -> set[str]:
        """``hosts`` and those that a wildcard among them covers: where these have no route, its routes answer."""
        affected = set(hosts)
        for host in hosts:
            if host.startswith("*."):
                affected.update(name for name in self._by_host if name.endswith(host[1:]))
        return affected

    def _update_host(self, host: str) -> bool:
        """Render a virtual host, or drop it when it has no route; whether that changed anything."""
        if not self._by_host.get(host):
            self._by_host.pop(host, None)
            return self._hosts.pop(host, None) is not None
        value = virtual_host(host, self._path_routes(host))
        changed = self._hosts.get(host) != value
        self._hosts[host] = value
        return changed

    def _path_routes(self, host: str) -> list[PathRoute]:
        """Longest path first; what no path of the host matches goes to the wildcards over it, nearest first."""
        found: list[PathRoute] = []
        for name in [host, *wildcards_over(host)]:
            routes = sorted(self._by_host.get(name, ()), key=lambda route: (-len(split(route)[1]), route))
            found += [PathRoute(split(route)[1], route, self._apps.get(route, "")) for route in routes]
            if found and not found[-1].path:
                break
        return found
