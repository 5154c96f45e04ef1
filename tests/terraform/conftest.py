"""Plans of the examples, made once. Without Terraform, or what make terraform-check installs, there are none."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.terraform_check.terraform import CONFIGURATION, Missing, packaged, plan, set_up

#: What nobody but the owner can know.
ASKED = {
    "minimal": {"region": "us-east-1", "name": "zf-small", "domain": "apps.example.com"},
    "production": {
        "region": "us-east-1",
        "name": "zf-prod",
        "alarm_emails": ["ops@example.com"],
        "budget_usd": 500,
        "domain": "apps.example.com",
        "route53_zone_id": "Z0123456789ABCDEFGHIJ",
    },
}


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All that a plan would make, at every depth."""
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)


@pytest.fixture(scope="session")
def terraform() -> None:
    try:
        set_up()
        packaged()
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=ASKED)
def made(request: pytest.FixtureRequest, terraform: None) -> list[dict[str, Any]]:
    """The managed resources of an example's plan."""
    folder = CONFIGURATION / "examples" / request.param
    planned = plan(folder, ASKED[request.param])["planned_values"]["root_module"]
    return [one for one in resources(planned) if one["mode"] == "managed"]
