"""What a manifest says of one process: its keys, checked, as changes of what is stored. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core.lifecycle import wrong_user
from chalicelib.core.units import (
    MAX_COMMAND,
    MAX_DISK_MB,
    MAX_INSTANCES,
    MAX_MEMORY_MB,
    MAX_TIMEOUT_S,
    parse_log_rate,
    parse_mb,
)

PROCESS_KEYS = frozenset(
    {
        "type",
        "command",
        "user",
        "disk-quota",
        "memory",
        "instances",
        "log-rate-limit-per-second",
        "timeout",
        "health-check-type",
        "health-check-http-endpoint",
        "health-check-interval",
        "health-check-invocation-timeout",
        "readiness-health-check-type",
        "readiness-health-check-http-endpoint",
        "readiness-health-check-interval",
        "readiness-health-check-invocation-timeout",
    }
)
#: ``none`` is what ``process`` was called once.
HEALTH_CHECKS = {"port": "port", "http": "http", "process": "process", "none": "process"}


@frozen
class ProcessSpec:
    """changes: attribute of a stored process -> value (command None: the droplet's). health, readiness: of the
    fields of contracts.auction.HealthCheck those that are said."""

    type: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    readiness: Mapping[str, Any] = field(default_factory=dict)


def together(first: ProcessSpec, second: ProcessSpec) -> ProcessSpec:
    """Both of one type; the second wins."""
    return ProcessSpec(
        first.type,
        {**first.changes, **second.changes},
        {**first.health, **second.health},
        {**first.readiness, **second.readiness},
    )


def read_process(kind: str, keys: Mapping[str, Any], prefix: str, wrong: list[str]) -> ProcessSpec:
    """``keys`` with dashes; mistakes are added to ``wrong``, each beginning with ``prefix``."""
    changes: dict[str, Any] = {}
    for key, attribute, read in _CHANGES:
        if key in keys and (keys[key] is not None or key == "command"):
            _put(changes, attribute, key, keys[key], read, prefix, wrong)
    if (user := keys.get("user")) is not None:
        problem = wrong_user(user) if isinstance(user, str) else "User must be a string"
        wrong += [prefix + problem] if problem else []
    health: dict[str, Any] = {}
    if keys.get("timeout") is not None:
        _put(health, "timeout_s", "timeout", keys["timeout"], _seconds, prefix, wrong)
    _read_check(health, "health-check", keys, prefix, wrong)
    readiness: dict[str, Any] = {}
    _read_check(readiness, "readiness-health-check", keys, prefix, wrong)
    return ProcessSpec(kind, changes, health, readiness)


def _read_check(check: dict[str, Any], name: str, keys: Mapping[str, Any], prefix: str, wrong: list[str]) -> None:
    for end, attribute, read in _CHECK:
        key = f"{name}-{end}"
        if keys.get(key) is not None:
            _put(check, attribute, key, keys[key], read, prefix, wrong)
    if "endpoint" in check and check.get("type", "http") != "http":
        wrong.append(f'{prefix}{_title(name)} type must be "http" to set a health check HTTP endpoint')


def _put(
    target: dict[str, Any],
    attribute: str,
    key: str,
    value: object,
    read: Callable[[object], Any],
    prefix: str,
    wrong: list[str],
) -> None:
    try:
        target[attribute] = read(value)
    except ValueError as error:
        wrong.append(f"{prefix}{_title(key)} {error}")


def _title(key: str) -> str:
    return key.replace("-", " ").capitalize()


def _command(value: object) -> str | None:
    if value is None or value in ("null", "default"):
        return None
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if not 1 <= len(value) <= MAX_COMMAND or "\0" in value:
        raise ValueError(f"must be between 1 and {MAX_COMMAND} characters")
    return value


def _whole(value: object, least: int, most: int) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12 else value
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("must be an integer")
    if number < least:
        raise ValueError(f"must be greater than or equal to {least}")
    if number > most:
        raise ValueError(f"must be less than or equal to {most}")
    return number


def _seconds(value: object) -> int:
    return _whole(value, 1, MAX_TIMEOUT_S)


def _check_type(value: object) -> str:
    if not isinstance(value, str) or value not in HEALTH_CHECKS:
        raise ValueError('must be "port", "process", or "http"')
    return HEALTH_CHECKS[value]


def _endpoint(value: object) -> str:
    if not isinstance(value, str) or not is_endpoint(value):
        raise ValueError("must be a valid URI path")
    return value


def is_endpoint(path: str) -> bool:
    """What may stand in the request line of a health check."""
    return path.startswith("/") and path.isprintable() and path.isascii() and " " not in path and len(path) <= 255


_CHANGES: tuple[tuple[str, str, Callable[[object], Any]], ...] = (
    ("command", "command", _command),
    ("memory", "memory_mb", lambda value: parse_mb(value, MAX_MEMORY_MB)),
    ("disk-quota", "disk_mb", lambda value: parse_mb(value, MAX_DISK_MB)),
    ("instances", "instances", lambda value: _whole(value, 0, MAX_INSTANCES)),
    ("log-rate-limit-per-second", "log_rate_bytes", parse_log_rate),
)
_CHECK: tuple[tuple[str, str, Callable[[object], Any]], ...] = (
    ("type", "type", _check_type),
    ("http-endpoint", "endpoint", _endpoint),
    ("interval", "interval_s", _seconds),
    ("invocation-timeout", "invocation_timeout_s", _seconds),
)
