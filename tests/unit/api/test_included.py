"""fields: what a query may ask for, and how a document is trimmed."""

from dataclasses import dataclass, field

import pytest

from chalicelib.api.included import field_parameters, fields
from chalicelib.core.errors import BadQuery

ALLOWED = {
    "service_plan": ("guid", "name", "relationships.service_offering"),
    "service_plan.service_offering": ("guid",),
}


@dataclass
class Query:
    """As much of a request as ``fields`` looks at."""

    query: dict[str, str] = field(default_factory=dict)

    def values(self, name: str) -> frozenset[str] | None:
        return frozenset(self.query[name].split(",")) if name in self.query else None


def test_fields_are_taken_in_the_order_of_the_document() -> None:
    request = Query({"fields[service_plan]": "relationships.service_offering,guid"})
    assert fields(request, ALLOWED) == {"service_plan": ["guid", "relationships.service_offering"]}  # type: ignore[arg-type]
    assert field_parameters(ALLOWED) == ["fields[service_plan]", "fields[service_plan.service_offering]"]


def test_unknown_fields_are_a_bad_query() -> None:
    with pytest.raises(BadQuery, match="'colour' is none of them"):
        fields(Query({"fields[service_plan]": "guid,colour"}), ALLOWED)  # type: ignore[arg-type]
