"""The log-cache read API's requests and answers in its own shapes. Pure.

Clients parse strictly: one unknown field, a number where a text is meant or wrong base64 fails a whole read.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.contracts.logs import GAUGE, LogEntry
from router.log_cache import Meta, Window

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000

LOG = "LOG"

#: Sent by clients, and what of it is kept here.
TYPES, KEPT = {"ANY", LOG, "COUNTER", GAUGE, "TIMER", "EVENT"}, frozenset({LOG, GAUGE})

#: The metrics of a gauge, with Cloud Foundry's units.
UNITS = {
    "cpu": "percentage",
    "memory": "bytes",
    "disk": "bytes",
    "memory_quota": "bytes",
    "disk_quota": "bytes",
    "log_rate": "B/s",
}

_INT64 = 2**63


class BadQueryError(ValueError):
    """The text says what is wrong with which parameter."""


def kinds(types: Iterable[str]) -> frozenset[str]:
    """Which of those that are kept a read asks for, by its ``envelope_types``; all when it names none. Raises
    BadQueryError."""
    wanted = {name for text in types for name in text.split(",") if name}
    if wanted - TYPES:
        raise BadQueryError(f"envelope_types can be {', '.join(sorted(TYPES))}")
    return KEPT if not wanted or "ANY" in wanted else KEPT & wanted


def window(query: Mapping[str, str]) -> Window:
    """Which time a read asks for. Raises BadQueryError."""
    start, end = _number(query, "start_time", 0), _number(query, "end_time", 0)
    limit = _number(query, "limit", DEFAULT_LIMIT)
    if not 0 < limit <= MAX_LIMIT:
        raise BadQueryError(f"limit must be between 1 and {MAX_LIMIT}")
    if end and start >= end:
        raise BadQueryError("start_time must be before end_time")
    descending = query.get("descending", "false").lower()
    if descending not in ("true", "false"):
        raise BadQueryError("descending can be true or false")
    return Window(start, end or None, limit, descending == "true")


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name) or str(default)
    try:
        # The length first: Python refuses to read absurd numbers, but takes its time up to there.
        number = int(text) if len(text) <= 20 else _INT64
    except ValueError:
        raise BadQueryError(f"{name} must be a whole number") from None
    if not -_INT64 <= number < _INT64:
        raise BadQueryError(f"{name} is out of range")
    return number


def query(asked: Window, wanted: Iterable[str]) -> dict[str, str]:
    """The inverse of :func:`window` and :func:`kinds`."""
    texts = {
        "envelope_types": ",".join(sorted(wanted)),
        "start_time": str(asked.start),
        "limit": str(asked.limit),
        "descending": "true" if asked.descending else "false",
    }
    return texts if asked.end is None else texts | {"end_time": str(asked.end)}


def batch(source_id: str, entries: Iterable[LogEntry]) -> dict[str, Any]:
    return {"envelopes": {"batch": [_envelope(source_id, entry) for entry in entries]}}


def _envelope(source_id: str, entry: LogEntry) -> dict[str, Any]:
    common: dict[str, Any] = {
        "timestamp": str(entry.timestamp),
        "source_id": source_id,
        "instance_id": entry.instance_id,
        "deprecated_tags": {},
    }
    if entry.type == GAUGE:
        said = {name: {"unit": UNITS[name], "value": value} for name, value in (metrics(entry.text) or {}).items()}
        tags = {"origin": "rep", "process_type": entry.source_type, "process_instance_id": entry.instance_guid}
        return common | {"tags": tags, "gauge": {"metrics": said}}
    return common | {
        "tags": {"source_type": entry.source_type, "process_instance_id": entry.instance_guid},
        "log": {
            "payload": base64.b64encode(entry.text.rstrip("\r\n").encode(errors="replace")).decode(),
            "type": entry.type,
        },
    }


def metrics(text: str) -> dict[str, float] | None:
    """What a gauge says, as far as it is known here; None when it is not an object of finite numbers."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    known = {name: value for name, value in said.items() if name in UNITS}
    return known if all(_is_finite(value) for value in known.values()) else None


def _is_finite(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def meta(sources: Mapping[str, Meta]) -> dict[str, Any]:
    return {
        "meta": {
            source_id: {
                "count": str(one.count),
                "expired": str(one.expired),
                "oldest_timestamp": str(one.oldest),
                "newest_timestamp": str(one.newest),
            }
            for source_id, one in sources.items()
        }
    }
