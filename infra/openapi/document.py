"""The OpenAPI document: every endpoint as :mod:`infra.openapi.reading` finds it."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from operator import itemgetter
from typing import Any

from chalicelib.api import MODULES
from chalicelib.api.base import Endpoints
from chalicelib.api.root import API_VERSION
from infra.openapi.reading import METADATA, Reading

#: Served only to say that it is not served.
NOT_OFFERED = "version_two"

#: What views are called by their resource, and what they do.
VERBS = {
    "index": "List",
    "show": "Show one of",
    "create": "Create one of",
    "update": "Change one of",
    "delete": "Delete one of",
}

LABELS = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
ERROR = {"code": {"type": "integer"}, "title": {"type": "string"}, "detail": {"type": "string"}}
HREF = {"type": ["object", "null"], "properties": {"href": {"type": "string"}}}
SCHEMAS: dict[str, Any] = {
    "Metadata": {
        "type": "object",
        "properties": {"labels": LABELS, "annotations": LABELS},
        "additionalProperties": False,
    },
    "Errors": {
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "properties": ERROR, "required": list(ERROR)},
            }
        },
    },
    "UaaError": {
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    },
    "Page": {
        "type": "object",
        "required": ["pagination", "resources"],
        "properties": {
            "pagination": {
                "type": "object",
                "required": ["total_results", "total_pages", "first", "last", "next", "previous"],
                "properties": {"total_results": {"type": "integer"}, "total_pages": {"type": "integer"}}
                | dict.fromkeys(("first", "last", "next", "previous"), HREF),
            },
            "resources": {"type": "array", "items": {"type": "object"}},
            "included": {"type": "object"},
        },
    },
}
assert METADATA["$ref"].rpartition("/")[2] in SCHEMAS

#: Query parameters that are more than text.
NUMBERS = {
    "page": {"type": "integer", "minimum": 1},
    "per_page": {"type": "integer", "minimum": 1, "maximum": 5000},
    "startIndex": {"type": "integer", "minimum": 1},
    "count": {"type": "integer", "minimum": 0},
}
DESCRIPTIONS = {200: "Done", 201: "Made", 202: "Begun", 204: "Done", 302: "It is at Location"}


@dataclass(frozen=True)
class Endpoint:
    """One method of one path, and what its code says."""

    method: str
    path: str
    module: str
    name: str
    about: str
    takes: dict[str, Any]
    reading: Reading


#: Paths whose errors have Cloud Foundry's v3 shape; the others have the UAA's.
LIKE_V3 = ("/v3", "/internal", "/admin", "/hosts", "/networking", "/routing")


def paths_of_views() -> dict[tuple[str, str], tuple[str, Endpoints]]:
    """(path, method) -> the module and the registry that has it, of all that are offered."""
    found: dict[tuple[str, str], tuple[str, Endpoints]] = {}
    for module in MODULES:
        if module != NOT_OFFERED:
            registry = import_module(f"chalicelib.api.{module}").endpoints
            found |= {(path, method): (module, registry) for method, path in registry.views}
    return found


def endpoints() -> Iterator[Endpoint]:
    """All that are offered, ordered by path."""
    for (path, method), (module, registry) in sorted(paths_of_views().items(), key=itemgetter(0)):
        view = registry.views[method, path]
        about = (view.__doc__ or "").strip().replace("\n    ", " ")
        yield Endpoint(method, path, module, view.__name__, about, registry.takes[method, path], Reading(view))


def document(found: Iterable[Endpoint]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for endpoint in found:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    # What several share is said once.
    counts: dict[str, int] = {}
    for operation in _operations(paths):
        for parameter in operation["parameters"]:
            counts[_key(parameter)] = counts.get(_key(parameter), 0) + 1
    shared: dict[str, Any] = {}
    for operation in _operations(paths):
        operation["parameters"] = [
            _reference(parameter, shared) if counts[_key(parameter)] > 1 else parameter
            for parameter in operation["parameters"]
        ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "zerofoundry",
            "version": API_VERSION,
            "description": "Cloud Foundry's API v3, and what its clients need besides. There is no v2.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": SCHEMAS,
            "parameters": dict(sorted(shared.items())),
        },
        "paths": paths,
    }


def _operations(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for methods in paths.values() for operation in methods.values())


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    reading = endpoint.reading
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.module}.{endpoint.name}",
        "tags": [endpoint.module],
        "summary": _summary(endpoint),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in re.findall(r"{(\w+)}", endpoint.path)
        ],
        "responses": {str(status): _response(reading, status) for status in sorted(reading.statuses)},
        "security": [{"bearer": []}] if reading.is_authenticated else [],
    }
    operation["parameters"] += [_parameter(name, reading) for name in reading.query]
    if len(endpoint.about) > len(operation["summary"]):
        operation["description"] = endpoint.about
    if reading.body is not None or endpoint.takes:
        schema = reading.body.document() if reading.body is not None else {}
        schema = {**schema, "properties": {**schema.get("properties", {}), **endpoint.takes}} if schema else {}
        operation["requestBody"] = {"content": {reading.media_type: {"schema": schema}}}
    error = "Errors" if endpoint.path.startswith(LIKE_V3) else "UaaError"
    operation["responses"]["default"] = _json(f"#/components/schemas/{error}", "Refused")
    if reading.is_unenforced:
        operation["x-enforced"] = False
    return operation


def _summary(endpoint: Endpoint) -> str:
    what = endpoint.module.replace("_", " ")
    if endpoint.about:
        return re.split(r"[.:;] |\.$", endpoint.about)[0]
    if endpoint.name in VERBS:
        return f"{VERBS[endpoint.name]} {what}"
    return f"{endpoint.name.replace('_', ' ').capitalize()} ({what})"


def _parameter(name: str, reading: Reading) -> dict[str, Any]:
    schema: dict[str, Any] = NUMBERS.get(name, {"type": "string"})
    parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
    if name == "include" and reading.included:
        parameter["schema"] = {"type": "array", "items": {"type": "string", "enum": list(reading.included)}}
        parameter |= {"style": "form", "explode": False}
    return parameter


def _response(reading: Reading, status: int) -> dict[str, Any]:
    response: dict[str, Any] = {"description": DESCRIPTIONS.get(status, "Done")}
    if status == 200 and reading.is_page:
        response = _json("#/components/schemas/Page", "A page of them")
    if status == 302 or (status == 202 and reading.has_location):
        response["headers"] = {"Location": {"schema": {"type": "string", "format": "uri"}}}
    return response


def _json(reference: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": {"$ref": reference}}}}


def _key(parameter: dict[str, Any]) -> str:
    return json.dumps(parameter, sort_keys=True)


def _reference(parameter: dict[str, Any], shared: dict[str, Any]) -> dict[str, str]:
    name = re.sub(r"\W+", "_", f"{parameter['in']}_{parameter['name']}").strip("_")
    while shared.setdefault(name, parameter) != parameter:
        name += "_"
    return {"$ref": f"#/components/parameters/{name}"}
