"""Whatever a broker calls its catalog: it is taken at its full shape, or refused with a reason."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core import parameter_schemas
from chalicelib.core.catalog import parse
from chalicelib.core.errors import BrokerError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLAN_KEYS = st.sampled_from(
    ["id", "name", "description", "free", "metadata", "schemas", "maintenance_info", "maximum_polling_duration"]
)
PLANS = st.dictionaries(PLAN_KEYS, VALUES)
KEYS = st.sampled_from(["id", "name", "description", "bindable", "tags", "requires", "metadata", "plan_updateable"])


@st.composite
def services(draw: st.DrawFn) -> Any:
    return draw(st.dictionaries(KEYS, VALUES)) | {"plans": draw(st.lists(PLANS, max_size=2) | VALUES)}


GOOD_PLAN = {"id": "p", "name": "p", "description": "p"}
GOOD = {"id": "s", "name": "s", "description": "s", "bindable": True, "plans": [GOOD_PLAN]}


@given(
    st.none() | st.dictionaries(st.text(max_size=3), VALUES) | st.fixed_dictionaries({"services": st.lists(services())})
)
@settings(max_examples=150)
def test_a_catalog_is_taken_or_refused_never_a_crash(body: Any) -> None:
    try:
        offered, said = parse(body), ""
    except BrokerError as error:
        offered, said = [], error.details[0]
    assert not said or said.startswith("Service broker catalog is invalid: \n")
    assert json.dumps([plan.details for offering in offered for plan in offering.plans])


@given(
    st.fixed_dictionaries({}, optional={"schemas": VALUES, "metadata": st.dictionaries(st.text(max_size=5), VALUES)})
)
def test_what_is_optional_has_its_full_shape_afterwards(more: dict[str, Any]) -> None:
    try:
        (offering,) = parse({"services": [{**GOOD, "plans": [{**GOOD_PLAN, **more}]}]})
    except BrokerError:
        assert not isinstance(more.get("schemas"), dict | None)
    else:
        schemas = offering.plans[0].details["schemas"]
        assert isinstance(schemas["service_instance"]["create"]["parameters"], dict)
        assert isinstance(schemas["service_binding"]["create"]["parameters"], dict)
        assert offering.plans[0].free


KEYWORDS = st.sampled_from([*parameter_schemas.TYPES, "type", "items", "additionalProperties", "$ref", "foo"])
NUMBERS = st.integers(-1, 2) | st.floats(-1, 1)
SCHEMAS = st.recursive(
    VALUES | NUMBERS | st.sampled_from(["object", "#", "http://json-schema.org/draft-04/schema#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYWORDS, SCHEMAS) | SCHEMAS)
@settings(max_examples=150)
def test_a_schema_of_parameters_is_taken_or_told_what_is_wrong(schema: Any) -> None:
    told = list(parameter_schemas.wrong({"service_binding": {"create": {"parameters": schema}}}))
    assert all(line.startswith("Schema") for line in told)
