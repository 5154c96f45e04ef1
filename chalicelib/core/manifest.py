"""A manifest as it is applied: YAML in, applications out, or everything that is wrong with it in sentences. Pure.

Keys may be written with ``-`` or ``_``. The keys of a process stand in the application itself for its web process.
Unknown keys are told as warnings: clients send keys of their own (``path``), and people mistype.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core import lifecycle, metadata, variables, yaml_guard
from chalicelib.core.manifest_parts import Parts, read_parts
from chalicelib.core.manifest_process import PROCESS_KEYS, ProcessSpec, read_process, together

MAX_APPS = 50
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
    "cnb-credentials",
}
#: Keys that are the client's own business.
SILENT_KEYS = frozenset({"path"})
#: What this platform does not do, though it is written rightly.
UNDONE_KEYS = {
    "cnb-credentials": "Cloud Native Buildpacks are not supported by this platform",
}


class ManifestRefused(ValueError):
    """``details``: a sentence for each mistake."""

    def __init__(self, *details: str) -> None:
        super().__init__("; ".join(details))
        self.details = details


@frozen
class AppSpec:
    """What a manifest says of an app; None and empty: it says nothing."""

    name: str
    processes: tuple[ProcessSpec, ...] = ()
    parts: Parts = field(default_factory=Parts)
    buildpacks: tuple[str, ...] | None = None
    stack: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    no_route: bool = False
    random_route: bool = False
    default_route: bool = False
    warnings: tuple[str, ...] = ()


def applications(text: str) -> list[Any]:
    """What stands there, unchecked. Raises YamlRefused, ManifestRefused."""
    document = yaml_guard.load(text)
    apps = document.get("applications") if isinstance(document, dict) else None
    if not apps:
        raise ManifestRefused("Cannot parse manifest with no 'applications' field.")
    if document.get("version") not in (None, 1):
        raise ManifestRefused("Unsupported manifest schema version. Currently supported versions: [1].")
    if not isinstance(apps, list):
        raise ManifestRefused("Applications must be an array of application configurations")
    return apps


def dashed(keys: Mapping[Any, Any]) -> dict[str, Any]:
    """``disk_quota`` and ``disk-quota`` are one key."""
    return {str(key).replace("_", "-"): value for key, value in keys.items()}


def parse(text: str) -> tuple[AppSpec, ...]:
    """Raises YamlRefused for what is no YAML, ManifestRefused with all that is wrong."""
    apps = applications(text)
    if len(apps) > MAX_APPS:
        raise ManifestRefused(f"The manifest has {len(apps)} applications; {MAX_APPS} are allowed")
    wrong: list[str] = []
    specs = [_app(index, raw, wrong) for index, raw in enumerate(apps)]
    names = [spec.name.lower() for spec in specs]
    wrong += [f"Found multiple apps with the same name: '{name}'" for name in sorted({*names}) if names.count(name) > 1]
    if wrong:
        raise ManifestRefused(*wrong)
    return tuple(specs)


def _app(index: int, raw: object, wrong: list[str]) -> AppSpec:
    keys = dashed(raw) if isinstance(raw, dict) else {}
    name = keys.get("name")
    if not isinstance(name, str) or not name.strip():
        reason = "must be a string" if name not in (None, "") and not isinstance(name, str) else "must not be empty"
        wrong.append(f"For application at index {index}: Name {reason}")
        return AppSpec("")
    mine = list(_name_problems(name))
    spec = AppSpec(
        name=name,
        processes=_processes(keys, mine),
        parts=read_parts(keys, mine),
        buildpacks=_buildpacks(keys, mine),
        stack=_stack(keys, mine),
        env=_env(keys, mine),
        metadata=_metadata(keys, mine),
        no_route=_flag(keys, "no-route", mine),
        random_route=_flag(keys, "random-route", mine),
        default_route=_flag(keys, "default-route", mine),
        warnings=tuple(f"For application '{name}': {warning}" for warning in _warnings(keys)),
    )
    if keys.get("lifecycle") != "docker" and (problem := lifecycle.wrong_lifecycle(keys.get("lifecycle"))):
        mine.append(problem)
    if keys.get("lifecycle") == "docker" and spec.parts.docker is None:
        mine.append("Docker image can't be blank")
    if spec.random_route and spec.default_route:
        mine.append("Random-route and default-route may not be used together")
    wrong += [f"For application '{name[:60]}': {sentence}" for sentence in mine]
    return spec


def _warnings(keys: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(keys.keys() - APP_KEYS - SILENT_KEYS):
        yield f"the key '{key[:60]}' is not known and was ignored"
    processes = keys.get("processes")
    listed = [dashed(item) for item in processes if isinstance(item, dict)] if isinstance(processes, list) else []
    for key, reason in UNDONE_KEYS.items():
        if any(one.get(key) for one in (keys, *listed)):
            yield f"the key '{key}' was ignored: {reason}"


def _name_problems(name: str) -> list[str]:
    if len(name) > 250:
        return ["Name is too long (maximum is 250 characters)"]
    return [] if name.isprintable() else ["Name must not contain unprintable characters"]


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
        process = dashed(item) if isinstance(item, dict) else {}
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


def _flag(keys: Mapping[str, Any], key: str, wrong: list[str]) -> bool:
    value = keys.get(key)
    if value is not None and not isinstance(value, bool):
        wrong.append(f"{key.capitalize()} must be a boolean")
    return value is True
