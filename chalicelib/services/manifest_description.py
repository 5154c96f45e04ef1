"""Apps as the manifests that would make them."""

from collections.abc import Iterable, Iterator

from chalicelib.bootstrap import World
from chalicelib.core import metadata
from chalicelib.core.manifest import AppSpec
from chalicelib.core.manifest_parts import DockerSpec, Parts, RouteSpec, ServiceSpec, SidecarSpec
from chalicelib.core.manifest_process import ProcessSpec
from chalicelib.core.routing import protocol_of
from chalicelib.services import apps, environment, features, listing, processes, routing, sidecars
from chalicelib.services.brokering import bindings
from chalicelib.tables.apps import App, Package
from chalicelib.tables.base import Name
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Process, Route
from chalicelib.tables.services import ServiceInstance
from chalicelib.tables.tasks import Sidecar

DOCKER = "docker"


def named(space: Space, names: Iterable[str]) -> dict[str, App]:
    """The apps of these names that there are, whatever the case, by name in lower case."""
    keys = sorted({(apps.scope(str(space.guid)), name.lower()) for name in names})
    guids = [str(item.guid) for item in Name.batch_get(keys, consistent_read=True)]
    return {str(app.name).lower(): app for app in listing.load(App, guids)}


def present(world: World, space: Space, names: Iterable[str]) -> dict[str, AppSpec]:
    """What there is of these apps, by their names in lower case, as a manifest would say it."""
    return {name: describe(world, app) for name, app in named(space, names).items()}


def describe(world: World, app: App) -> AppSpec:
    """The app as the manifest that would make it."""
    guid = str(app.guid)
    is_docker = app.lifecycle_type == DOCKER
    return AppSpec(
        name=str(app.name),
        processes=tuple(_described(process) for process in processes.current(guid).values()),
        parts=Parts(
            routes=tuple(_route_spec(route, guid) for route in routing.mapped_routes(guid)),
            services=tuple(_bound(guid)),
            sidecars=tuple(_sidecar_spec(sidecar) for sidecar in sidecars.of_app(guid)),
            features={name: features.is_enabled(app, name) for name in features.FEATURES},
            docker=_docker_spec(guid) if is_docker else None,
        ),
        buildpacks=None if is_docker else tuple(app.buildpacks or ()),
        stack=None if is_docker else str(app.stack),
        env=environment.read(world, guid),
        metadata={kind: dict(getattr(app, kind)) for kind in metadata.KINDS if getattr(app, kind)},
    )


def _route_spec(route: Route, app_guid: str) -> RouteSpec:
    mine = next(end for end in route.destinations if end["app"] == app_guid)
    return RouteSpec(str(route.url), protocol_of(mine), dict(route.options or {}) or None)


def _sidecar_spec(sidecar: Sidecar) -> SidecarSpec:
    memory = int(sidecar.memory_mb) if sidecar.memory_mb else None
    return SidecarSpec(str(sidecar.name), str(sidecar.command), tuple(sidecar.process_types), memory)


def _docker_spec(app_guid: str) -> DockerSpec:
    """Of the last package."""
    images = [package for package in listing.all_of(Package, f"app/{app_guid}/packages") if package.image]
    return DockerSpec(str(images[-1].image), images[-1].username or None) if images else DockerSpec("")


def _bound(app_guid: str) -> Iterator[ServiceSpec]:
    """By the names of their instances, each with the name of its binding if that has one."""
    mine = bindings.of_app(app_guid)
    instances = listing.load(ServiceInstance, list(dict.fromkeys(str(binding.instance_guid) for binding in mine)))
    names = {str(instance.guid): str(instance.name) for instance in instances}
    for binding in mine:
        if str(binding.instance_guid) in names:
            yield ServiceSpec(names[str(binding.instance_guid)], str(binding.name) if binding.name else None)


def _described(process: Process) -> ProcessSpec:
    sizes = {name: int(getattr(process, name)) for name in ("instances", "memory_mb", "disk_mb", "log_rate_bytes")}
    command = {"command": str(process.command)} if process.command else {}
    return ProcessSpec(str(process.type), sizes | command, dict(process.health or {}), dict(process.readiness or {}))
