"""An app's specification back into a manifest. Pure."""

from collections.abc import Callable
from typing import Any

from chalicelib.core.manifest import AppSpec
from chalicelib.core.manifest_parts import RouteSpec, ServiceSpec, SidecarSpec
from chalicelib.core.manifest_process import ProcessSpec
from chalicelib.core.routing import HTTP1


def _megabytes(value: int) -> str:
    return f"{value}M"


def _as_it_is(value: Any) -> Any:
    return value


def _rate(value: int) -> int | str:
    return value if value <= 0 else f"{value}B"


#: Where a stored attribute stands in a manifest, and how it is written there.
_CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "command": ("command", _as_it_is),
    "instances": ("instances", _as_it_is),
    "memory_mb": ("memory", _megabytes),
    "disk_mb": ("disk_quota", _megabytes),
    "log_rate_bytes": ("log-rate-limit-per-second", _rate),
}
_CHECK = {
    "type": "type",
    "endpoint": "http-endpoint",
    "interval_s": "interval",
    "invocation_timeout_s": "invocation-timeout",
}


def process_keys(spec: ProcessSpec) -> dict[str, Any]:
    """What is said of a process, as a manifest has it."""
    keys = {_CHANGES[name][0]: _CHANGES[name][1](value) for name, value in spec.changes.items()}
    for prefix, check in (("health-check", spec.health), ("readiness-health-check", spec.readiness)):
        keys |= {f"{prefix}-{_CHECK[name]}": value for name, value in check.items() if name in _CHECK}
    if "timeout_s" in spec.health:
        keys["timeout"] = spec.health["timeout_s"]
    return keys


def application(spec: AppSpec) -> dict[str, Any]:
    """An app as a manifest has it."""
    parts = spec.parts
    app: dict[str, Any] = {"name": spec.name, "lifecycle": "docker" if parts.docker else "buildpack"}
    if parts.docker:
        named = {"username": parts.docker.username} if parts.docker.username else {}
        app["docker"] = {"image": parts.docker.image} | named
    if spec.buildpacks:
        app["buildpacks"] = list(spec.buildpacks)
    if spec.stack:
        app["stack"] = spec.stack
    if parts.features:
        app["features"] = dict(parts.features)
    if spec.env:
        app["env"] = dict(spec.env)
    if spec.metadata:
        app["metadata"] = {kind: dict(values) for kind, values in spec.metadata.items()}
    if parts.routes:
        app["routes"] = [_route(route) for route in sorted(parts.routes, key=lambda route: route.url.lower())]
    if parts.services:
        app["services"] = sorted((_service(one) for one in parts.services), key=str)
    app["processes"] = [{"type": process.type} | process_keys(process) for process in spec.processes]
    if parts.sidecars:
        app["sidecars"] = [_sidecar(one) for one in sorted(parts.sidecars, key=lambda one: one.name)]
    return app


def document(spec: AppSpec) -> str:
    """The manifest of one app, as YAML that can be applied again."""
    import yaml  # a tenth of a cold start: whoever needs it pays for it

    return str(yaml.safe_dump({"applications": [application(spec)]}, sort_keys=False))


def _route(route: RouteSpec) -> dict[str, Any]:
    options = {"options": dict(route.options)} if route.options else {}
    return {"route": route.url, "protocol": route.protocol or HTTP1} | options


def _service(service: ServiceSpec) -> str | dict[str, Any]:
    more = {"binding_name": service.binding_name, "parameters": service.parameters}
    said = {key: value for key, value in more.items() if value is not None}
    return {"name": service.name, **said} if said else service.name


def _sidecar(sidecar: SidecarSpec) -> dict[str, Any]:
    memory = {"memory": _megabytes(sidecar.memory_mb)} if sidecar.memory_mb else {}
    return {
        "name": sidecar.name,
        "process_types": list(sidecar.process_types),
        "command": sidecar.command,
    } | memory
