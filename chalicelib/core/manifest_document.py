"""An app's specification back into a manifest, and what a manifest would change of what there is. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from chalicelib.core.manifest import WEB, AppSpec
from chalicelib.core.manifest_process import ProcessSpec

HIDDEN = "[PRIVATE DATA HIDDEN]"


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


def document(spec: AppSpec) -> str:
    """The manifest of one app, as YAML that can be applied again."""
    app: dict[str, Any] = {"name": spec.name, "lifecycle": "buildpack"}
    if spec.buildpacks:
        app["buildpacks"] = list(spec.buildpacks)
    app["stack"] = spec.stack
    if spec.env:
        app["env"] = dict(spec.env)
    if spec.metadata:
        app["metadata"] = dict(spec.metadata)
    if spec.urls:
        app["routes"] = [{"route": url, "protocol": "http1"} for url in spec.urls]
    app["processes"] = [{"type": process.type} | process_keys(process) for process in spec.processes]
    return str(yaml.safe_dump({"applications": [app]}, sort_keys=False))


def differences(said: AppSpec, present: AppSpec | None, path: str) -> list[dict[str, Any]]:
    """JSON patch operations, each with ``was`` where there was something; ``path``: of the app in the manifest."""
    if present is None:
        return [{"op": "add", "path": f"{path}/{key}", "value": value} for key, value in _flat(said, said)]
    there = dict(_flat(present, said))
    found: list[dict[str, Any]] = []
    for key, value in _flat(said, said):
        if key not in there:
            found.append({"op": "add", "path": f"{path}/{key}", "value": value})
        elif there[key] != value and value != HIDDEN:
            found.append({"op": "replace", "path": f"{path}/{key}", "was": there[key], "value": value})
        elif value == HIDDEN and present.env.get(name := key.partition("/")[2]) != said.env.get(name):
            found.append({"op": "replace", "path": f"{path}/{key}", "was": HIDDEN, "value": HIDDEN})
    return found


def _flat(spec: AppSpec, order: AppSpec) -> Iterator[tuple[str, Any]]:
    """Key paths and values. ``order``: the app in whose order routes and processes are numbered."""
    yield "name", spec.name
    if spec.buildpacks is not None:
        yield "buildpacks", list(spec.buildpacks)
    if spec.stack is not None:
        yield "stack", spec.stack
    yield from ((f"env/{name}", HIDDEN) for name in spec.env)
    yield from ((f"routes/{order.urls.index(url)}/route", url) for url in spec.urls if url in order.urls)
    for number, process in enumerate(process for process in order.processes if process.type != WEB):
        yield from _prefixed(f"processes/{number}/", spec, process.type)
    yield from _prefixed("", spec, WEB)


def _prefixed(prefix: str, spec: AppSpec, kind: str) -> Iterator[tuple[str, Any]]:
    keys: Mapping[str, Any] = next((process_keys(item) for item in spec.processes if item.type == kind), {})
    yield from ((prefix + key, value) for key, value in keys.items())
