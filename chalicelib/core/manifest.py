"""A manifest as it is applied: YAML in, applications out, or everything that is wrong with it in sentences. Pure.

Keys may be written with ``-`` or ``_``. The keys of a process stand in the application itself for its web process.
Unknown keys are told as warnings: clients send keys of their own (``path``), and people mistype.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import lifecycle, metadata, variables, yaml_guard
from chalicelib.core.manifest_process import PROCESS_KEYS, ProcessSpec, read_process, together

MAX_APPS = 50
MAX_ROUTES = 50
WEB = "web"

APP_KEYS = PROCESS_KEYS | {
    "name",
    "lifecycle",
    "buildpack",
    "buildpacks",
    "docker",
    "env",
    "features",
    "no-route",
    "random-route",
    "default-route",
    "routes",
    "services",
    "sidecars",
    "stack",
    "metadata",
    "processes",
}
#: Keys that are the client's own business, or that change nothing here.
SILENT_KEYS = frozenset({"path", "features"})


class ManifestRefused(ValueError):
    """``details``: a sentence for each mistake."""

    def __init__(self, *details: str) -> None:
        super().__init__("; ".join(details))
        self.details = details


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What a manifest says of an app; None and empty: it says nothing. urls: ``host.domain/path``, lower-case host."""

    name: str
    processes: tuple[ProcessSpec, ...] = ()
    buildpacks: tuple[str, ...] | None = None
    stack: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    no_route: bool = False
    random_route: bool = False
    default_route: bool = False
    warnings: tuple[str, ...] = ()


def parse(text: str) -> tuple[AppSpec, ...]:
    """Raises YamlRefused for what is no YAML, ManifestRefused with all that is wrong."""
    document = yaml_guard.load(text)
    apps = document.get("applications") if isinstance(document, dict) else None
    if not isinstance(apps, list) or not apps:
        raise ManifestRefused("No applications given: the manifest must have a list 'applications'")
    if len(apps) > MAX_APPS:
        raise ManifestRefused(f"The manifest has {len(apps)} applications; {MAX_APPS} are allowed")
    wrong: list[str] = []
    specs = [_app(raw, wrong) for raw in apps]
    names = [spec.name.lower() for spec in specs]
    wrong += [f"Found multiple apps with the same name: '{name}'" for name in sorted({*names}) if names.count(name) > 1]
    if wrong:
        raise ManifestRefused(*wrong)
    return tuple(specs)


def _app(raw: object, wrong: list[str]) -> AppSpec:
    if not isinstance(raw, dict):
        wrong.append("Each application must be a mapping with a name")
        return AppSpec("")
    keys = {str(key).replace("_", "-"): value for key, value in raw.items()}
    name = keys.get("name")
    if not isinstance(name, str) or not name.strip():
        wrong.append("Found an application with no name specified")
        return AppSpec("")
    mine = list(_name_problems(name))
    spec = AppSpec(
        name=name,
        processes=_processes(keys, mine),
        buildpacks=_buildpacks(keys, mine),
        stack=_stack(keys, mine),
        env=_env(keys, mine),
        metadata=_metadata(keys, mine),
        urls=_urls(keys, mine),
        no_route=_flag(keys, "no-route", mine),
        random_route=_flag(keys, "random-route", mine),
        default_route=_flag(keys, "default-route", mine),
        warnings=tuple(
            f"For application '{name}': the key '{key[:60]}' is not known and was ignored"
            for key in keys.keys() - APP_KEYS - SILENT_KEYS
        ),
    )
    _refuse_impossible(keys, spec, mine)
    wrong += [f"For application '{name[:60]}': {sentence}" for sentence in mine]
    return spec


def _name_problems(name: str) -> list[str]:
    if len(name) > 250:
        return ["Name is too long (maximum is 250 characters)"]
    return [] if name.isprintable() else ["Name must not contain unprintable characters"]


def _refuse_impossible(keys: Mapping[str, Any], spec: AppSpec, wrong: list[str]) -> None:
    """What this platform does not do, and what contradicts itself."""
    if problem := lifecycle.wrong_lifecycle(keys.get("lifecycle")):
        wrong.append(problem)
    if keys.get("docker"):
        wrong.append("Docker apps are not enabled on this platform")
    if keys.get("sidecars"):
        wrong.append("Sidecars are not supported by this platform")
    services = keys.get("services") or []
    if not isinstance(services, list):
        wrong.append("Services must be a list of service instance names")
    else:
        names = [item.get("name") if isinstance(item, dict) else item for item in services]
        wrong += [f"Service instance '{str(name)[:60]}' not found" for name in names]
    if spec.random_route and spec.default_route:
        wrong.append("Random-route and default-route may not be used together")
    if spec.no_route and spec.random_route:
        wrong.append("Cannot use the combination of properties: no-route, random-route")
    if spec.no_route and spec.urls:
        wrong.append("Cannot use the combination of properties: no-route, routes")


def _processes(keys: Mapping[str, Any], wrong: list[str]) -> tuple[ProcessSpec, ...]:
    """By type, in the manifest's order; what ``processes`` says of web wins over what the application says."""
    found: dict[str, ProcessSpec] = {}
    if keys.keys() & PROCESS_KEYS:
        found[WEB] = read_process(WEB, keys, "", wrong)
    listed = keys.get("processes") or []
    if not isinstance(listed, list):
        wrong.append("Processes must be an array of process configurations")
        return tuple(found.values())
    if len(listed) > lifecycle.MAX_PROCESS_TYPES:
        wrong.append(f"Processes must be at most {lifecycle.MAX_PROCESS_TYPES}")
        return tuple(found.values())
    seen = set()
    for item in listed:
        process = {str(key).replace("_", "-"): value for key, value in item.items()} if isinstance(item, dict) else {}
        kind = process.get("type")
        if not isinstance(kind, str) or not lifecycle.PROCESS_TYPE.fullmatch(kind):
            wrong.append("All Processes must specify a type of letters, digits, '.', '_' and '-'")
            continue
        if kind in seen:
            wrong.append(f'Process "{kind}" may only be present once')
            continue
        seen.add(kind)
        spec = read_process(kind, process, f'Process "{kind}": ', wrong)
        found[kind] = together(found[kind], spec) if kind in found else spec
    return tuple(found.values())


def _buildpacks(keys: Mapping[str, Any], wrong: list[str]) -> tuple[str, ...] | None:
    """An empty tuple asks for detection."""
    if "buildpack" in keys and "buildpacks" in keys:
        wrong.append("Buildpack and Buildpacks fields cannot be used together.")
    if "buildpacks" in keys:
        names = keys["buildpacks"] or []
    elif "buildpack" in keys:
        names = [] if keys["buildpack"] in (None, "null", "default") else [keys["buildpack"]]
    else:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        wrong.append("Buildpacks must be an array of strings")
        return None
    wrong += lifecycle.wrong_buildpacks(names)
    return tuple(names)


def _stack(keys: Mapping[str, Any], wrong: list[str]) -> str | None:
    stack = keys.get("stack")
    if stack is None:
        return None
    if not isinstance(stack, str):
        wrong.append("Stack must be a string")
        return None
    if problem := lifecycle.wrong_stack(stack):
        wrong.append(problem)
    return stack


def _env(keys: Mapping[str, Any], wrong: list[str]) -> dict[str, str]:
    """Values become texts, as YAML has them; null says nothing."""
    env = keys.get("env")
    if env is None:
        return {}
    if not isinstance(env, dict):
        wrong.append("Env must be an object of keys and values")
        return {}
    texts = {str(key): _text(value) for key, value in env.items() if value is not None}
    wrong += variables.problems(texts)
    return texts


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str) if isinstance(value, bool | dict | list) else str(value)


def _metadata(keys: Mapping[str, Any], wrong: list[str]) -> dict[str, Any]:
    """Changes of labels and annotations, checked."""
    given = keys.get("metadata")
    if given is None:
        return {}
    if not isinstance(given, dict):
        wrong.append("Metadata must be an object")
        return {}
    changes = {kind: given[kind] for kind in metadata.KINDS if given.get(kind) is not None}
    for kind, change in changes.items():
        wrong += metadata.merged(kind, {}, change)[1]
    return changes


def _urls(keys: Mapping[str, Any], wrong: list[str]) -> tuple[str, ...]:
    """Whether the domains exist is the caller's question."""
    routes = keys.get("routes")
    if routes is None:
        return ()
    if not isinstance(routes, list) or not all(isinstance(item, dict) and "route" in item for item in routes):
        wrong.append("Routes must be a list of route objects")
        return ()
    if len(routes) > MAX_ROUTES:
        wrong.append(f"Routes must be at most {MAX_ROUTES}")
        return ()
    urls = []
    for item in routes:
        url, protocol = item["route"], item.get("protocol")
        if not isinstance(url, str) or not url.strip() or "://" in url or not url.isprintable() or " " in url:
            wrong.append(f"The route '{str(url)[:100]}' is not a properly formed URL")
            continue
        if protocol not in (None, "http1"):
            wrong.append(f"Route protocol must be 'http1': {str(protocol)[:30]!r} is not supported")
        host, slash, path = url.partition("/")
        urls.append(host.lower() + slash + path)
    return tuple(dict.fromkeys(urls))


def _flag(keys: Mapping[str, Any], key: str, wrong: list[str]) -> bool:
    value = keys.get(key)
    if value is not None and not isinstance(value, bool):
        wrong.append(f"{key.capitalize()} must be a boolean")
    return value is True
