"""Typed calls of the v3 API: places and apps. Names in, resources out; errors as in errors.py."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from zf.client.config import Named
from zf.client.errors import ApiError, missing
from zf.client.http import Http, Json
from zf.client.jobs import finish
from zf.client.models import App, Build, Domain, Event, Instance, Package, Process, Route, read
from zf.client.pages import listed, names

T = TypeVar("T")
N = TypeVar("N", Named, App)

#: The API stages one package of an app at a time.
STAGING_IN_PROGRESS = 170017
#: So many guids go into one query: 50 of 36 letters stay under 2 KB of URL.
GUIDS_PER_QUERY = 50


class Api:
    def __init__(self, http: Http) -> None:
        self.http = http

    # Orgs and spaces

    def orgs(self, name: str | None = None) -> list[Named]:
        return self._list(_named, "/v3/organizations", order_by="name", names=name and names(name))

    def org(self, name: str) -> Named:
        return self._one("Org", name, self.orgs, "zf orgs")

    def create_org(self, name: str) -> Named:
        return self._read(_named, self.http.json("POST", "/v3/organizations", json={"name": name}))

    def spaces(self, org: Named, name: str | None = None) -> list[Named]:
        return self._list(
            _named, "/v3/spaces", order_by="name", organization_guids=org.guid, names=name and names(name)
        )

    def space(self, org: Named, name: str) -> Named:
        return self._one("Space", name, lambda wanted: self.spaces(org, wanted), "zf spaces")

    def create_space(self, org: Named, name: str) -> Named:
        body = {"name": name, "relationships": {"organization": _to(org.guid)}}
        return self._read(_named, self.http.json("POST", "/v3/spaces", json=body))

    # Apps

    def apps(self, space: Named, name: str | None = None) -> list[App]:
        return self._list(App.of, "/v3/apps", space_guids=space.guid, order_by="name", names=name and names(name))

    def app(self, space: Named, name: str) -> App:
        return self._one("App", name, lambda wanted: self.apps(space, wanted), "zf apps")

    def act(self, app: App, action: str) -> App:
        """action: start, stop, restart."""
        return self._read(App.of, self.http.json("POST", f"/v3/apps/{app.guid}/actions/{action}", safe=True))

    def delete_app(self, app: App) -> None:
        self._finish(self.http.send("DELETE", f"/v3/apps/{app.guid}", safe=True))

    def env(self, app: App) -> Json:
        return self.http.json("GET", f"/v3/apps/{app.guid}/env")

    def set_env(self, app: App, variables: Mapping[str, str | None]) -> None:
        """None removes a variable."""
        path = f"/v3/apps/{app.guid}/environment_variables"
        self.http.json("PATCH", path, json={"var": dict(variables)}, safe=True)

    def events(self, app: App, limit: int) -> list[Event]:
        """The newest first."""
        params = {"target_guids": app.guid, "order_by": "-created_at", "per_page": limit}
        page = self.http.json("GET", "/v3/audit_events", params=params)
        return [self._read(Event.of, raw) for raw in page.get("resources") or ()]

    # Processes

    def processes(self, app_guids: Iterable[str]) -> list[Process]:
        return self._by_apps(Process.of, "/v3/processes", app_guids)

    def stats(self, process_guid: str) -> list[Instance]:
        raw = self.http.json("GET", f"/v3/processes/{process_guid}/stats")
        return sorted((self._read(Instance.of, one) for one in raw.get("resources") or ()), key=lambda one: one.index)

    def scale(self, app: App, type_: str, wanted: Mapping[str, int]) -> Process:
        """wanted: any of instances, memory_in_mb, disk_in_mb."""
        path = f"/v3/apps/{app.guid}/processes/{type_}/actions/scale"
        return self._read(Process.of, self.http.json("POST", path, json=dict(wanted), safe=True))

    def restart_instance(self, app: App, type_: str, index: int) -> None:
        self.http.json("DELETE", f"/v3/apps/{app.guid}/processes/{type_}/instances/{index}")

    # Routes

    def routes(self, space: Named) -> list[Route]:
        return self._list(Route.of, "/v3/routes", space_guids=space.guid)

    def routes_of(self, app_guids: Iterable[str]) -> list[Route]:
        return self._by_apps(Route.of, "/v3/routes", app_guids)

    def find_route(self, domain: Domain, host: str, path: str) -> Route | None:
        found = self._list(Route.of, "/v3/routes", domain_guids=domain.guid, hosts=host, paths=path)
        return found[0] if found else None

    def create_route(self, space: Named, domain: Domain, host: str, path: str) -> Route:
        body: Json = {"relationships": {"space": _to(space.guid), "domain": _to(domain.guid)}}
        body |= {key: value for key, value in (("host", host), ("path", path)) if value}
        return self._read(Route.of, self.http.json("POST", "/v3/routes", json=body))

    def map_route(self, route: Route, app: App) -> None:
        body = {"destinations": [{"app": {"guid": app.guid}}]}
        self.http.json("POST", f"/v3/routes/{route.guid}/destinations", json=body, safe=True)

    def unmap_route(self, route: Route, destination_guid: str) -> None:
        self.http.json("DELETE", f"/v3/routes/{route.guid}/destinations/{destination_guid}")

    def delete_route(self, route: Route) -> None:
        self._finish(self.http.send("DELETE", f"/v3/routes/{route.guid}", safe=True))

    def domains(self, org: Named) -> list[Domain]:
        return self._list(Domain.of, f"/v3/organizations/{org.guid}/domains")

    # From a folder to a droplet

    def apply_manifest(self, space: Named, text: str) -> list[str]:
        """The job's warnings, when it is done. Raises JobFailedError with the API's words."""
        headers = {"Content-Type": "application/x-yaml"}
        path = f"/v3/spaces/{space.guid}/actions/apply_manifest"
        return self._finish(self.http.send("POST", path, content=text.encode(), headers=headers, safe=True))

    def known_resources(self, resources: list[Json]) -> list[Json]:
        """Those of the fingerprints that the platform holds already; at most 5,000 a call."""
        answer = self.http.json("POST", "/v3/resource_matches", json={"resources": resources}, safe=True)
        return list(answer.get("resources") or ())

    def create_package(self, app: App) -> Package:
        body = {"type": "bits", "relationships": {"app": _to(app.guid)}}
        return self._read(Package.of, self.http.json("POST", "/v3/packages", json=body, safe=True))

    def package(self, guid: str) -> Package:
        return self._read(Package.of, self.http.json("GET", f"/v3/packages/{guid}"))

    def newest_package(self, app: App) -> Package | None:
        params = {"app_guids": app.guid, "states": "READY", "order_by": "-created_at", "per_page": 1}
        found = self.http.json("GET", "/v3/packages", params=params).get("resources") or []
        return self._read(Package.of, found[0]) if found else None

    def create_build(self, package: Package) -> Build:
        """A new build; the one under way if there is one of this package, as after an answer that got lost."""
        try:
            body = {"package": {"guid": package.guid}}
            return self._read(Build.of, self.http.json("POST", "/v3/builds", json=body, safe=True))
        except ApiError as error:
            under_way = error.has_code(STAGING_IN_PROGRESS) and self._list(
                Build.of, "/v3/builds", package_guids=package.guid, states="STAGING"
            )
            if not under_way:
                raise
            return under_way[0]

    def build(self, guid: str) -> Build:
        return self._read(Build.of, self.http.json("GET", f"/v3/builds/{guid}"))

    def set_droplet(self, app: App, droplet_guid: str) -> None:
        path = f"/v3/apps/{app.guid}/relationships/current_droplet"
        self.http.json("PATCH", path, json=_to(droplet_guid), safe=True)

    def has_droplet(self, app: App) -> bool:
        try:
            return bool(self.http.json("GET", f"/v3/apps/{app.guid}/droplets/current"))
        except ApiError as error:
            if error.status == 404:
                return False
            raise

    def _finish(self, response: Any) -> list[str]:
        return finish(self.http, response)

    def _list(self, of: Callable[[Json], T], path: str, **filters: Any) -> list[T]:
        return [self._read(of, raw) for raw in listed(self.http, path, **filters)]

    def _by_apps(self, of: Callable[[Json], T], path: str, app_guids: Iterable[str]) -> list[T]:
        guids, found = list(app_guids), list[T]()
        for first in range(0, len(guids), GUIDS_PER_QUERY):
            found += self._list(of, path, app_guids=",".join(guids[first : first + GUIDS_PER_QUERY]))
        return found

    def _one(self, kind: str, name: str, listing: Callable[[str | None], list[N]], command: str) -> N:
        """The resource of that very name; an API may compare names without regard to case."""
        for found in listing(name):
            if found.name == name:
                return found
        raise missing(kind, name, (other.name for other in listing(None)), command)

    def _read(self, of: Callable[[Json], T], raw: Any) -> T:
        return read(of, raw, self.http.api)


def _named(raw: Json) -> Named:
    return Named(raw["guid"], raw["name"])


def _to(guid: str) -> Json:
    return {"data": {"guid": guid}}
