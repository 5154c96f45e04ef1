"""What applying a manifest would change of the apps there are, as JSON patch operations with ``was``. Pure.

Paths are those of the manifest as it was sent, for clients show it with the changes beside its lines. What the
manifest does not name is not compared: applying it leaves that as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core.manifest import APP_KEYS, WEB, AppSpec, dashed
from chalicelib.core.manifest_document import application
from chalicelib.core.manifest_parts import read_url
from chalicelib.core.manifest_process import HEALTH_CHECKS
from chalicelib.core.units import parse_log_rate, parse_mb

#: Values of variables may be secrets, and clients print a diff.
HIDDEN = "[PRIVATE DATA HIDDEN]"

#: Keys that ask for something to be done, not for something to be so; of lists what tells one entry from another.
ORDERS = frozenset({"no-route", "random-route", "default-route", "cnb-credentials", "user"})
IDENTITY = {"processes": "type", "routes": "route", "sidecars": "name"}

Operation = dict[str, Any]


def differences(raw: Sequence[Mapping[str, Any]], there: Callable[[str], AppSpec | None]) -> list[Operation]:
    """``raw``: the manifest's applications, known to be right; ``there``: the app of a name as it is, if it is."""
    found: list[Operation] = []
    for number, app in enumerate(raw):
        spec = there(str(app["name"]))
        present = application(spec) if spec else {}
        web: dict[str, Any] = next((process for process in present.get("processes", ()) if process["type"] == WEB), {})
        known = {**dashed(web), **{key.replace("_", "-"): value for key, value in present.items()}}
        for key, value in app.items():
            name = str(key).replace("_", "-")
            if name in APP_KEYS - ORDERS:
                found += _key(f"/applications/{number}/{key}", name, known.get(name), value)
    return found


def _key(path: str, name: str, was: Any, value: Any) -> Iterator[Operation]:
    if name in IDENTITY:
        yield from _listed(path, IDENTITY[name], was or [], value or [])
    elif name == "env":
        yield from _variables(path, was or {}, value or {})
    elif name in ("metadata", "features", "docker"):
        yield from _nested(path, was or {}, value or {})
    elif name in ("services", "buildpacks"):
        yield from _set(path, was or [], value or [])
    elif name == "buildpack":
        asked = [] if value in (None, "null", "default") else [value]
        yield from _changed(path, (was or [None])[0], asked[0] if asked else None)
    else:
        yield from _changed(path, was, normal(name, value))


def _listed(path: str, identity: str, was: Sequence[Mapping[str, Any]], value: Sequence[Any]) -> Iterator[Operation]:
    """Entries by what they are called; of each only the keys that are said."""
    there = {str(item[identity]): dashed(item) for item in was}
    for index, item in enumerate(value):
        called = str(item[identity])
        known = there.get((read_url(called) or called) if identity == "route" else called)
        normalised = {key: normal(str(key).replace("_", "-"), one) for key, one in item.items()}
        if known is None:
            yield {"op": "add", "path": f"{path}/{index}", "value": normalised}
            continue
        for key, one in normalised.items():
            if key != identity:
                yield from _changed(f"{path}/{index}/{key}", known.get(str(key).replace("_", "-")), one)


def _variables(path: str, was: Mapping[str, str], value: Mapping[str, Any]) -> Iterator[Operation]:
    for name, one in value.items():
        if one is not None and name not in was:
            yield {"op": "add", "path": f"{path}/{name}", "value": HIDDEN}
        elif one is not None and str(was[name]) != str(one) and was[name] != _text(one):
            yield {"op": "replace", "path": f"{path}/{name}", "was": HIDDEN, "value": HIDDEN}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nested(path: str, was: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[Operation]:
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from _nested(f"{path}/{key}", was.get(key) or {}, one)
        else:
            yield from _changed(f"{path}/{key}", was.get(key), one)


def _set(path: str, was: Sequence[Any], value: Sequence[Any]) -> Iterator[Operation]:
    """Lists of names, position by position; services that are bound already stay bound."""
    names = [item.get("name") if isinstance(item, Mapping) else item for item in value]
    is_kept = path.endswith("/services")
    for index, (name, item) in enumerate(zip(names, value, strict=True)):
        if is_kept:
            if name not in [one.get("name") if isinstance(one, Mapping) else one for one in was]:
                yield {
                    "op": "add",
                    "path": f"{path}/{index}",
                    "value": name if isinstance(item, str) else {"name": name},
                }
        else:
            yield from _changed(f"{path}/{index}", was[index] if index < len(was) else None, name)
    if not is_kept:
        for index in range(len(value), len(was)):
            yield {"op": "remove", "path": f"{path}/{index}", "was": was[index]}


def _changed(path: str, was: Any, value: Any) -> Iterator[Operation]:
    if was == value:
        return
    if was is None:
        yield {"op": "add", "path": path, "value": value}
    elif value is None:
        yield {"op": "remove", "path": path, "was": was}
    else:
        yield {"op": "replace", "path": path, "was": was, "value": value}


def normal(name: str, value: Any) -> Any:
    """A value in the words in which what there is is told."""
    if name in ("memory", "disk-quota"):
        return value if value is None else f"{parse_mb(value, 2**40)}M"
    if name == "log-rate-limit-per-second" and value is not None:
        rate = parse_log_rate(value)
        return rate if rate <= 0 else f"{rate}B"
    if name == "route":
        return read_url(value)
    if name == "command" and value in ("null", "default"):
        return None
    if name.endswith("health-check-type"):
        return HEALTH_CHECKS.get(value, value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and name in NUMBERS:
        return int(value)
    return value


#: Clients may write them as texts.
NUMBERS = frozenset(
    {
        "instances",
        "timeout",
        *(
            f"{kind}-{key}"
            for kind in ("health-check", "readiness-health-check")
            for key in ("interval", "invocation-timeout")
        ),
    }
)
