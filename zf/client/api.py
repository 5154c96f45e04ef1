"""Typed calls of the v3 API: places, apps, routes and what a push needs. Other themes have modules of their own."""

from collections.abc import Iterable, Mapping

from zf.client.config import Named
from zf.client.errors import ApiError
from zf.client.http import Json, raise_for
from zf.client.models import App, Build, Domain, Event, Instance, Package, Process, Route, Sidecar
from zf.client.pages import names
from zf.client.part import Part, to

#: The API stages one package of an app at a time.
STAGING_IN_PROGRESS = 170017


class Api(Part):
    # Orgs and spaces

    def orgs(self, name: str | None = None) -> list[Named]:
        return self._list(_named, "/v3/organizations", order_by="name", names=name and names(name))

    def org(self, name: str) -> Named:
        return self._one("Org", name, self.orgs, "zf orgs")

    def create_org(self, name: str) -> Named:
        return self._read(_named, self.http.json("POST", "/v3/organizations", json={"name": name}))

    def delete_org(self, org: Named) -> None:
        """With all that is in it."""
        self._delete(f"/v3/organizations/{org.guid}")

    def spaces(self, org: Named, name: str | None = None) -> list[Named]:
        return self._list(
            _named, "/v3/spaces", order_by="name", organization_guids=org.guid, names=name and names(name)
        )

    def space(self, org: Named, name: str) -> Named:
        return self._one("Space", name, lambda wanted: self.spaces(org, wanted), "zf spaces")

    def create_space(self, org: Named, name: str) -> Named:
        body = {"name": name, "relationships": {"organization": to(org.guid)}}
        return self._read(_named, self.http.json("POST", "/v3/spaces", json=body))

    def delete_space(self, space: Named) -> None:
        """With all that is in it."""
        self._delete(f"/v3/spaces/{space.guid}")

    # Apps

    def apps(self, space: Named, name: str | None = None) -> list[App]:
        return self._list(App.of, "/v3/apps", space_guids=space.guid, order_by="name", names=name and names(name))

    def app(self, space: Named, name: str) -> App:
        return self._one("App", name, lambda wanted: self.apps(space, wanted), "zf apps")

    def act(self, app: App, action: str) -> App:
        """action: start, stop, restart."""
        return self._read(App.of, self.http.json("POST", f"/v3/apps/{app.guid}/actions/{action}", safe=True))

    def delete_app(self, app: App) -> None:
        self._delete(f"/v3/apps/{app.guid}")

    def rename(self, kind: str, guid: str, name: str) -> None:
        """kind: apps, organizations, spaces, service_instances..."""
        self.http.json("PATCH", f"/v3/{kind}/{guid}", json={"name": name}, safe=True)

    def manifest(self, app: App) -> str:
        """YAML with what the app is."""
        response = self.http.send("GET", f"/v3/apps/{app.guid}/manifest")
        raise_for(response, self.http.api)
        return response.text

    def sidecars(self, app: App) -> list[Sidecar]:
        return self._list(Sidecar.of, f"/v3/apps/{app.guid}/sidecars")

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
        return self._by("app_guids", Process.of, "/v3/processes", app_guids)

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
        return self._by("app_guids", Route.of, "/v3/routes", app_guids)

    def find_route(self, domain: Domain, host: str, path: str) -> Route | None:
        found = self._list(Route.of, "/v3/routes", domain_guids=domain.guid, hosts=host, paths=path)
        return found[0] if found else None

    def create_route(self, space: Named, domain: Domain, host: str, path: str) -> Route:
        body: Json = {"relationships": {"space": to(space.guid), "domain": to(domain.guid)}}
        body |= {key: value for key, value in (("host", host), ("path", path)) if value}
        return self._read(Route.of, self.http.json("POST", "/v3/routes", json=body))

    def map_route(self, route: Route, app: App) -> None:
        body = {"destinations": [{"app": {"guid": app.guid}}]}
        self.http.json("POST", f"/v3/routes/{route.guid}/destinations", json=body, safe=True)

    def unmap_route(self, route: Route, destination_guid: str) -> None:
        self.http.json("DELETE", f"/v3/routes/{route.guid}/destinations/{destination_guid}")

    def delete_route(self, route: Route) -> None:
        self._delete(f"/v3/routes/{route.guid}")

    def domains(self, org: Named) -> list[Domain]:
        return self._list(Domain.of, f"/v3/organizations/{org.guid}/domains")

    def create_domain(self, name: str, org: Named | None, internal: bool = False) -> Domain:
        """Everybody's when no org is given."""
        body: Json = {"name": name, "internal": internal}
        if org:
            body["relationships"] = {"organization": to(org.guid)}
        return self._read(Domain.of, self.http.json("POST", "/v3/domains", json=body))

    def delete_domain(self, domain: Domain) -> None:
        """With its routes."""
        self._delete(f"/v3/domains/{domain.guid}")

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

    def create_package(self, app: App, image: Json | None = None) -> Package:
        """image: of a Docker image the name, and what its registry asks for; else bits will come."""
        body: Json = {"type": "bits", "relationships": {"app": to(app.guid)}}
        if image:
            body |= {"type": "docker", "data": image}
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
        self.http.json("PATCH", path, json=to(droplet_guid), safe=True)

    def has_droplet(self, app: App) -> bool:
        return bool(self._droplet(app))

    def image_of(self, app: App) -> str:
        """What its current droplet was made of; empty without one."""
        return str(self._droplet(app).get("image") or "")

    def _droplet(self, app: App) -> Json:
        """The current one; empty without."""
        try:
            return self.http.json("GET", f"/v3/apps/{app.guid}/droplets/current")
        except ApiError as error:
            if error.status == 404:
                return {}
            raise


def _named(raw: Json) -> Named:
    return Named(raw["guid"], raw["name"])
