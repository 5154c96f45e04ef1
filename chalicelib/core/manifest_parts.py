"""What a manifest says of an app besides its processes: routes, services, sidecars, features, docker. Pure.

Each reader takes the app's keys (with dashes) and adds what is wrong to ``wrong``, in sentences.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core import lifecycle
from chalicelib.core.routing import LEAST_CONNECTION, PROTOCOLS, ROUND_ROBIN
from chalicelib.core.units import MAX_COMMAND, MAX_MEMORY_MB, parse_mb

MAX_ROUTES = 50
MAX_SERVICES = 50
MAX_SIDECARS = 20

#: Of an app (services.features).
FEATURES = ("ssh", "revisions")
BALANCING = (ROUND_ROBIN, LEAST_CONNECTION)

#: ``http://`` may stand before a route.
SCHEME = re.compile(r"https?://", re.IGNORECASE)


@frozen
class RouteSpec:
    """url: ``host.domain/path``, lower-case host. protocol None: as it is. options None: as they are."""

    url: str
    protocol: str | None = None
    options: Mapping[str, str] | None = None


@frozen
class ServiceSpec:
    name: str
    binding_name: str | None = None
    parameters: Mapping[str, Any] | None = None


@frozen
class SidecarSpec:
    name: str
    command: str
    process_types: tuple[str, ...]
    memory_mb: int | None = None


@frozen
class DockerSpec:
    image: str
    username: str | None = None


@frozen
class Parts:
    routes: tuple[RouteSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    sidecars: tuple[SidecarSpec, ...] = ()
    features: Mapping[str, bool] = field(default_factory=dict)
    docker: DockerSpec | None = None


def read_parts(keys: Mapping[str, Any], wrong: list[str]) -> Parts:
    return Parts(
        routes=_routes(keys.get("routes"), wrong),
        services=_services(keys.get("services"), wrong),
        sidecars=_sidecars(keys.get("sidecars"), wrong),
        features=_features(keys, wrong),
        docker=_docker(keys, wrong),
    )


def _routes(routes: object, wrong: list[str]) -> tuple[RouteSpec, ...]:
    """Whether the domains exist is the caller's question. Of two alike the first counts."""
    if routes is None:
        return ()
    if not isinstance(routes, list) or not all(isinstance(item, dict) and item.get("route") for item in routes):
        wrong.append("Routes must be a list of route objects")
        return ()
    if len(routes) > MAX_ROUTES:
        wrong.append(f"Routes must be at most {MAX_ROUTES}")
        return ()
    found: dict[str, RouteSpec] = {}
    for item in routes:
        url = read_url(item["route"])
        if url is None:
            wrong.append(f"The route '{str(item['route'])[:100]}' is not a properly formed URL")
            continue
        if item.get("protocol") not in (None, *PROTOCOLS):
            wrong.append("Route protocol must be 'http1', 'http2' or 'tcp'.")
        found.setdefault(url, RouteSpec(url, item.get("protocol"), _options(item, wrong)))
    return tuple(found.values())


def read_url(said: object) -> str | None:
    """``https://WWW.example.org/Path/`` as ``www.example.org/Path``; None when it is no URL."""
    if not isinstance(said, str) or not said.isprintable():
        return None
    host, slash, path = SCHEME.sub("", said.strip(), count=1).partition("/")
    if not host.strip(".") or set(host) & set(" :@") or " " in path or "://" in path:
        return None
    return (host.lower() + slash + path).rstrip("/")


def _options(route: Mapping[str, Any], wrong: list[str]) -> dict[str, str] | None:
    options, name = route.get("options"), str(route["route"])[:100]
    if options is None:
        return None
    if not isinstance(options, dict):
        wrong.append(f"Route '{name}': options must be an object")
        return None
    for key in options.keys() - {"loadbalancing"}:
        wrong.append(f"Route '{name}' contains invalid route option '{key[:60]}'. Valid keys: 'loadbalancing'")
    chosen = options.get("loadbalancing")
    if "loadbalancing" not in options:
        return {}
    valid = f"Valid values are: '{', '.join(BALANCING)}'"
    if not isinstance(chosen, str):
        wrong.append(f"Invalid value for 'loadbalancing' for Route '{name}'; {valid}")
    elif chosen not in BALANCING:
        wrong.append(f"Cannot use loadbalancing value '{chosen[:60]}' for Route '{name}'; {valid}")
    else:
        return {"loadbalancing": chosen}
    return None


def _services(services: object, wrong: list[str]) -> tuple[ServiceSpec, ...]:
    if services is None:
        return ()
    found = [_service(item) for item in services] if isinstance(services, list) else [None]
    if None in found:
        wrong.append("Services must be a list of service instances")
        return ()
    if len(found) > MAX_SERVICES:
        wrong.append(f"Services must be at most {MAX_SERVICES}")
        return ()
    return tuple({spec.name: spec for spec in found if spec}.values())


def _service(item: object) -> ServiceSpec | None:
    said = {"name": item} if isinstance(item, str) else item
    if not isinstance(said, dict) or said.keys() - {"name", "parameters", "binding_name"}:
        return None
    name, binding, parameters = (said.get(key) for key in ("name", "binding_name", "parameters"))
    if not isinstance(name, str) or not name:
        return None
    is_named = "binding_name" not in said or isinstance(binding, str)
    if not is_named or ("parameters" in said and not isinstance(parameters, dict)):
        return None
    return ServiceSpec(name, binding, parameters)


def _sidecars(sidecars: object, wrong: list[str]) -> tuple[SidecarSpec, ...]:
    if sidecars is None:
        return ()
    if not isinstance(sidecars, list) or not all(isinstance(item, dict) for item in sidecars):
        wrong.append("Sidecars must be an array of sidecar configurations")
        return ()
    if len(sidecars) > MAX_SIDECARS:
        wrong.append(f"Sidecars must be at most {MAX_SIDECARS}")
        return ()
    found = [_sidecar({str(key).replace("-", "_"): value for key, value in item.items()}, wrong) for item in sidecars]
    return tuple(spec for spec in found if spec is not None)


def _sidecar(said: Mapping[str, Any], wrong: list[str]) -> SidecarSpec | None:
    name, command, types = said.get("name"), said.get("command"), said.get("process_types")
    if not isinstance(name, str) or not name.strip() or len(name) > 255 or not name.isprintable():
        wrong.append("Sidecar name can't be blank" if not name else "Sidecar name must be a string of 255 characters")
        return None
    problems = []
    if not isinstance(command, str) or not command.strip():
        problems.append("Command can't be blank")
    elif len(command) > MAX_COMMAND or "\0" in command:
        problems.append(f"Command must be between 1 and {MAX_COMMAND} characters")
    if not isinstance(types, list) or not types:
        problems.append("Process types must have at least 1 process_type")
        types = []
    elif not all(isinstance(kind, str) and lifecycle.PROCESS_TYPE.fullmatch(kind) for kind in types):
        problems.append("Process types must be names of process types")
    memory = None
    if said.get("memory") is not None:
        try:
            memory = parse_mb(said["memory"], MAX_MEMORY_MB)
        except ValueError as error:
            problems.append(f"Memory {error}")
    wrong += [f'Sidecar "{name[:60]}": {problem}' for problem in problems]
    return None if problems else SidecarSpec(name, str(command), tuple(dict.fromkeys(types)), memory)


def _features(keys: Mapping[str, Any], wrong: list[str]) -> dict[str, bool]:
    if "features" not in keys:
        return {}
    features = keys["features"]
    if (
        not isinstance(features, dict)
        or not features
        or not all(key in FEATURES and isinstance(value, bool) for key, value in features.items())
    ):
        wrong.append("Features must be a map of valid feature names to booleans (true = enabled, false = disabled)")
        return {}
    return dict(features)


def _docker(keys: Mapping[str, Any], wrong: list[str]) -> DockerSpec | None:
    docker = keys.get("docker")
    if docker is None:
        return None
    if keys.get("buildpack") or keys.get("buildpacks"):
        wrong.append("Cannot specify both buildpack(s) and docker keys")
    if not isinstance(docker, dict):
        wrong.append("Docker must be an object with an image")
        return None
    image, username = docker.get("image"), docker.get("username")
    if not isinstance(image, str) or not image.strip() or len(image) > 1000:
        wrong.append("Docker image can't be blank")
        return None
    if username is not None and not isinstance(username, str):
        wrong.append("Docker username must be a string")
        return None
    return DockerSpec(image, username)
