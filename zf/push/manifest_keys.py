"""The keys of an application and of a process in a manifest, each with a check of its value.

A check gives "" or what the value must be. Limits (how much memory is too much) are the API's business.
Source of the keys: Cloud Foundry's manifest reference, as in apply_manifest.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], str]

HEALTH_CHECKS = ("port", "process", "http", "none")
_SIZE = re.compile(r"\d+(\.\d+)? ?([KMGT]B?|B)", re.IGNORECASE)
_ROUTE = re.compile(r"[\w*-]+(\.[\w-]+)*(:\d+)?(/[^\s?#]*)?")


def size(value: Any) -> str:
    good = isinstance(value, str) and _SIZE.fullmatch(value.strip())
    return "" if good else "a size with a unit, such as 256M or 1G"


def log_rate(value: Any) -> str:
    return "" if value in (-1, 0, "-1", "0") or not size(value) else "a size with a unit, such as 16K, or -1"


def text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "a text"


def name(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "a text, in quotes if it is a number"


def text_or_null(value: Any) -> str:
    return "" if value is None or isinstance(value, str) else "a text or null"


def flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def count(value: Any) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if good else "a whole number from 0 on"


def duration(value: Any) -> str:
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return "" if good else "a number of seconds from 1 on"


def health_check(value: Any) -> str:
    return "" if value in HEALTH_CHECKS else f"one of {', '.join(HEALTH_CHECKS)}"


def endpoint(value: Any) -> str:
    return "" if isinstance(value, str) and value.startswith("/") else "a path that begins with /, such as /health"


def mapping(value: Any) -> str:
    return "" if isinstance(value, dict) else "a mapping"


def env(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, dict):
        return "a mapping of NAME: value"
    return "" if all(isinstance(name, str) and name for name in value) else "a mapping whose names are texts"


def listing(value: Any) -> str:
    return "" if isinstance(value, list) else "a list"


def texts(value: Any) -> str:
    good = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return "" if good else "a list of texts"


def route(value: Any) -> bool:
    return isinstance(value, str) and bool(_ROUTE.fullmatch(value))


def routes(value: Any) -> str:
    good = isinstance(value, list) and all(isinstance(one, dict) and route(one.get("route")) for one in value)
    return "" if good else "a list of '- route: HOST.DOMAIN/PATH' without http://"


def services(value: Any) -> str:
    good = isinstance(value, list) and all(
        isinstance(one, str) or (isinstance(one, dict) and isinstance(one.get("name"), str)) for one in value
    )
    return "" if good else "a list of service names"


def _both(keys: Mapping[str, Check]) -> dict[str, Check]:
    """disk-quota may be written disk_quota, and so on."""
    return {**keys, **{key.replace("-", "_"): check for key, check in keys.items()}}


_PROCESS: dict[str, Check] = {
    "command": text_or_null,
    "user": text,
    "disk-quota": size,
    "memory": size,
    "instances": count,
    "log-rate-limit-per-second": log_rate,
    "timeout": duration,
    "health-check-type": health_check,
    "health-check-http-endpoint": endpoint,
    "health-check-interval": duration,
    "health-check-invocation-timeout": duration,
    "readiness-health-check-type": health_check,
    "readiness-health-check-http-endpoint": endpoint,
    "readiness-health-check-interval": duration,
    "readiness-health-check-invocation-timeout": duration,
}
PROCESS_KEYS: Mapping[str, Check] = {**_both(_PROCESS), "type": text}
APP_KEYS: Mapping[str, Check] = {
    **_both(_PROCESS),
    "name": name,
    "path": text,
    "buildpack": text_or_null,
    "buildpacks": texts,
    "stack": text,
    "lifecycle": text,
    "docker": mapping,
    "env": env,
    "features": mapping,
    "no-route": flag,
    "random-route": flag,
    "default-route": flag,
    "routes": routes,
    "services": services,
    "sidecars": listing,
    "metadata": mapping,
    "processes": listing,
}
