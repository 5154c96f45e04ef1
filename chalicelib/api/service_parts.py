"""What bodies and documents of instances and bindings have in common."""

import json
from typing import Any
from urllib.parse import urlsplit

from chalicelib.api.parsing import Body
from chalicelib.api.render import when
from chalicelib.tables.services import Operated

#: Of parameters and credentials, which are sealed into one item, bytes of JSON.
MAX_OBJECT_BYTES = 100_000
MAX_TAGS = 2048
MAX_URL = 2000


def last_operation(row: Operated) -> dict[str, Any]:
    operation = row.last_operation or {}
    return {
        "type": operation.get("type", "create"),
        "state": operation.get("state", "succeeded"),
        "description": operation.get("description", ""),
        "created_at": when(operation.get("created_at") or row.created_at),
        "updated_at": when(operation.get("updated_at") or row.updated_at),
    }


def an_object(body: Body, name: str) -> dict[str, Any] | None:
    """Parameters or credentials: any JSON object that fits."""
    value = body.take(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        body.wrong(f"{name.capitalize()} must be an object")
        return None
    if len(json.dumps(value)) > MAX_OBJECT_BYTES:
        body.wrong(f"{name.capitalize()} must be at most {MAX_OBJECT_BYTES} bytes")
    return value


def tags(body: Body) -> list[str] | None:
    value = body.texts("tags")
    if value is not None and sum(map(len, value)) > MAX_TAGS:
        body.wrong(f"Tags must be at most {MAX_TAGS} characters combined")
    return value


def address(body: Body, name: str, *schemes: str) -> str | None:
    """A URL of one of the schemes; empty means none."""
    text = body.text(name, limit=MAX_URL)
    if not text:
        return text
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or not text.isprintable():
        body.wrong(f"{name.capitalize().replace('_', ' ')} must be a valid URI of {', '.join(schemes)}")
    return text
