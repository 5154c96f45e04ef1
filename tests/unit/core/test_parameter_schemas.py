"""What Cloud Foundry takes as the schema of a plan's parameters, and what it says of others."""

from typing import Any

import pytest

from chalicelib.core.parameter_schemas import MAX_SCHEMA_SIZE, wrong

DRAFT = "http://json-schema.org/draft-04/schema#"
CONFORM = "Must conform to JSON Schema Draft 04 (experimental support for later versions): "
WHERE = f" in schema {DRAFT}"


def told(**schema: Any) -> list[str]:
    """Of a schema that names draft 4, unless it says otherwise: without what stands before each line."""
    whole = {"$schema": DRAFT, **{key.replace("S_", "$"): value for key, value in schema.items()}}
    lines = list(wrong({"service_instance": {"create": {"parameters": whole}}}))
    before = "Schema service_instance.create.parameters is not valid. "
    assert all(line.startswith(before) for line in lines)
    return [line.removeprefix(before) for line in lines]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"S_schema": "https://json-schema.org/draft-06/schema"},
        {"properties": {"foo": {"type": "integer"}, "bar": {"$ref": "#/properties/foo"}}},
        {"properties": {"$ref": {"type": "string"}, "type": {"enum": [1, "1", None]}}, "required": ["$ref"]},
        {"type": ["object", "null"], "additionalProperties": False, "maximum": 1.5, "exclusiveMaximum": True},
        {"anyOf": [{"minLength": 0}, {"not": {"items": [{"multipleOf": 0.5}]}}], "dependencies": {"a": ["b"]}},
        {"default": {"$ref": "http://example.com"}, "unknown": 7},
    ],
)
def test_schemas_that_are_taken(schema: dict[str, Any]) -> None:
    assert told(**schema) == []


@pytest.mark.parametrize(
    ("schema", "lines"),
    [
        ({"S_schema": None}, ["Schema must have $schema key but was not present"]),
        ({"S_schema": "http://example.com/schema"}, ["Custom meta schemas are not supported."]),
        (
            {"properties": True, "anyOf": True},
            [
                f"{CONFORM}The property '#/properties' of type boolean did not match the following type: object{WHERE}",
                f"{CONFORM}The property '#/anyOf' of type boolean did not match the following type: array{WHERE}",
            ],
        ),
        (
            {"properties": {"a": {"items": [{"minLength": -1}]}}},
            [
                f"{CONFORM}The property '#/properties/a/items/0/minLength' "
                f"did not have a minimum value of 0, inclusively{WHERE}"
            ],
        ),
        (
            {"S_ref": "http://example.com/ref"},
            ["No external references are allowed: Read of URI at http://example.com/ref refused"],
        ),
        (
            {"not": {"allOf": [{"$ref": "path/to/schema.json"}]}},
            ["No external references are allowed: Read of URI at path/to/schema.json refused"],
        ),
        ({"S_raw": "x" * MAX_SCHEMA_SIZE, "S_schema": None}, ["Must not be larger than 64KB"]),
    ],
)
def test_schemas_that_are_refused(schema: dict[str, Any], lines: list[str]) -> None:
    assert told(**schema) == lines


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": ["string", "string"]},
        {"type": 1.5},
        {"required": []},
        {"required": ["a", "a"]},
        {"required": [1]},
        {"enum": []},
        {"oneOf": [1]},
        {"items": []},
        {"additionalProperties": "no"},
        {"multipleOf": 0},
        {"maxItems": True},
        {"exclusiveMinimum": True},
        {"definitions": {"a": 1}},
        {"dependencies": {"a": "b"}},
    ],
)
def test_what_draft_4_does_not_allow_is_told_in_a_line(schema: dict[str, Any]) -> None:
    (line,) = told(**schema)
    assert line.startswith(f"{CONFORM}The property '#/{next(iter(schema))}' ")


def test_what_is_no_schema_at_all_is_told_with_its_place() -> None:
    schemas = {"service_instance": 7, "service_binding": {"create": {"parameters": [1]}}}
    assert list(wrong(schemas)) == [
        "Schemas service_instance must be a hash, but has value 7",
        "Schemas service_binding.create.parameters must be a hash, but has value [1]",
    ]
    assert list(wrong({"service_instance": {"create": None, "update": {}}, "service_binding": None})) == []


def test_a_schema_may_nest_deeply() -> None:
    deep: dict[str, Any] = {"type": "text"}
    for _ in range(400):
        deep = {"not": deep}
    assert len(told(**deep)) == 1
