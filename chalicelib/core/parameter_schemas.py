"""The JSON schemas by which a plan tells what parameters it takes: whether clients can work with them. Pure.

As Cloud Foundry does it: a schema is checked when the catalog is read, by the rules of draft 4 and with its texts;
the parameters themselves are for the broker to check.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

#: Characters, as JSON.
MAX_SCHEMA_SIZE = 65_536

#: What ``$schema`` may name; others are nobody's but the broker's.
DRAFTS = frozenset(
    f"http{secure}://json-schema.org/{draft}schema"
    for secure in ("", "s")
    for draft in ("", "draft-01/", "draft-02/", "draft-03/", "draft-04/", "draft-06/")
)

#: Keyword -> the type of its value, in JSON's words. A count is an integer from 0.
TYPES = {
    **dict.fromkeys(("id", "$schema", "title", "description", "pattern"), "string"),
    **dict.fromkeys(("maximum", "minimum", "multipleOf"), "number"),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "uniqueItems"), "boolean"),
    **dict.fromkeys(
        ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"),
        "integer",
    ),
    **dict.fromkeys(("definitions", "properties", "patternProperties", "dependencies", "not"), "object"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "enum", "required"), "array"),
}
OF_TYPE: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}
SIMPLE_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))

#: Where schemas stand in a schema: by names, in a list, alone, or alone where something else may be.
BY_NAME, LISTED = (
    ("definitions", "properties", "patternProperties", "dependencies"),
    ("allOf", "anyOf", "oneOf", "items"),
)
ALONE = ("not", "items", "additionalItems", "additionalProperties")


def wrong(schemas: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a plan's ``schemas``, a line each."""
    for of, moments in (("service_instance", ("create", "update")), ("service_binding", ("create",))):
        inner = schemas.get(of)
        yield from _no_object(of, inner)
        if not isinstance(inner, dict):
            continue
        for moment in moments:
            at = inner.get(moment)
            yield from _no_object(f"{of}.{moment}", at)
            parameters = at.get("parameters") if isinstance(at, dict) else None
            path = f"{of}.{moment}.parameters"
            yield from _no_object(path, parameters)
            if isinstance(parameters, dict):
                yield from (f"Schema {path} is not valid. {problem}" for problem in _problems(parameters))


def _no_object(path: str, value: object) -> Iterator[str]:
    if value not in (None, False) and not isinstance(value, dict):
        yield f"Schemas {path} must be a hash, but has value {json.dumps(value)[:60]}"


def _problems(schema: dict[str, Any]) -> list[str]:
    """Of one kind only: what is not even a schema need not be told what it refers to."""
    if len(json.dumps(schema, separators=(",", ":"), ensure_ascii=False)) > MAX_SCHEMA_SIZE:
        return ["Must not be larger than 64KB"]
    if not schema.get("$schema"):
        return ["Schema must have $schema key but was not present"]
    parts = list(_parts(schema))
    if breaches := [breach for path, part in parts for breach in _breaches(path, part)]:
        conform = "Must conform to JSON Schema Draft 04 (experimental support for later versions)"
        return [f"{conform}: {breach} in schema http://json-schema.org/draft-04/schema#" for breach in breaches]
    if str(schema["$schema"]).rstrip("#") not in DRAFTS:
        return ["Custom meta schemas are not supported."]
    refers = (part["$ref"] for _, part in parts if isinstance(part.get("$ref"), str))
    return [f"No external references are allowed: Read of URI at {ref} refused" for ref in refers if ref[:1] != "#"][:1]


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema and all that stand in it, with their paths. Without recursion: a broker may nest them deeply."""
    left = [("#", schema)]
    while left:
        path, part = left.pop()
        yield path, part
        for key, value in part.items():
            at = f"{path}/{key}"
            if key in ALONE and isinstance(value, dict):
                left.append((at, value))
            elif key in LISTED and isinstance(value, list):
                left += [(f"{at}/{number}", item) for number, item in enumerate(value) if isinstance(item, dict)]
            elif key in BY_NAME and isinstance(value, dict):
                left += [(f"{at}/{name}", item) for name, item in value.items() if isinstance(item, dict)]


def _breaches(path: str, part: dict[str, Any]) -> Iterator[str]:
    """Of the rules for one schema, not of those that stand in it."""
    for key, value in part.items():
        at = f"The property '{path}/{key}'"
        if key in TYPES and not _is_a(TYPES[key], value):
            yield f"{at} of type {_type_of(value)} did not match the following type: {TYPES[key]}"
        elif problem := _breach(key, value, part):
            yield f"{at} {problem}"


def _breach(key: str, value: Any, part: dict[str, Any]) -> str | None:
    """What is wrong with a value of the right type."""
    kinds = f"of type {_type_of(value)} did not match one or more of the required schemas"
    if key == "multipleOf" and value <= 0:
        return "did not have a minimum value of 0, exclusively"
    if TYPES.get(key) == "integer" and value < 0:
        return "did not have a minimum value of 0, inclusively"
    if key in ("exclusiveMaximum", "exclusiveMinimum") and (other := f"m{key[10:]}") not in part:
        return f"has a property '{key}' that depends on a missing property '{other}'"
    if key in ("additionalItems", "additionalProperties") and not isinstance(value, bool | dict):
        return kinds
    if key == "items" and not isinstance(value, dict) and not _are(dict, value):
        return kinds
    if key == "type" and not _is_type(value):
        return kinds
    if key == "dependencies" and not all(isinstance(item, dict) or _are(str, item) for item in value.values()):
        return kinds
    if key in BY_NAME[:3] and not all(isinstance(item, dict) for item in value.values()):
        return "has a property that is no object"
    if key in ("allOf", "anyOf", "oneOf", "enum", "required"):
        return _wrong_list(key, value)
    return None


def _wrong_list(key: str, value: list[Any]) -> str | None:
    if not value:
        return "did not contain a minimum number of items 1"
    if key in ("enum", "required") and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
        return "contained duplicated array values"
    if key != "enum" and not _are(str if key == "required" else dict, value):
        return f"has an item that is no {'string' if key == 'required' else 'object'}"
    return None


def _are(kind: type, items: Any) -> bool:
    """Whether it is a list of at least one, all of that type."""
    return isinstance(items, list) and bool(items) and all(isinstance(item, kind) for item in items)


def _is_type(value: Any) -> bool:
    named = [value] if isinstance(value, str) else value
    return _are(str, named) and len(set(named)) == len(named) and SIMPLE_TYPES.issuperset(named)


def _is_a(name: str, value: object) -> bool:
    return isinstance(value, OF_TYPE[name]) and (name == "boolean" or not isinstance(value, bool))


def _type_of(value: object) -> str:
    return "null" if value is None else next(name for name in OF_TYPE if _is_a(name, value))
