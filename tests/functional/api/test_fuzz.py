"""The API is asked what its description allows, and what it does not: it never fails, and refuses in its own words.

The questions are the same in every run. ``make fuzz`` asks more of them.
"""

import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import Case
from schemathesis.core.transport import Response

from infra.local.gateway import Gateway
from tests.functional.api.whole import Whole

#: Questions about each endpoint.
EXAMPLES = int(os.environ.get("ZF_FUZZ_EXAMPLES", "1"))

#: So many tests share the endpoints, since a test has a time limit.
PARTS = 4

#: What a body or a query may name, and where that is among what is there.
NAMED = {
    "app": "apps",
    "space": "spaces",
    "organization": "organizations",
    "domain": "domains",
    "package": "packages",
    "droplet": "droplets",
    "revision": "revisions",
    "route": "routes",
    "service_instance": "service_instances",
    "service_plan": "service_plans",
    "user": "users",
}
#: It would end every session.
LEFT_OUT = frozenset({"POST /admin/keys/actions/rotate"})


def operations(application: Gateway) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi("/v3/openapi.json", application)
    found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    yield from (operation for operation in found if operation.label not in LEFT_OUT)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("role", ["admin", "space_developer"])
def test_no_question_makes_the_api_fail(whole: Whole, application: Gateway, role: str, part: int) -> None:
    whole.restore()
    wrong: list[str] = []
    for operation in islice(operations(application), part, None, PARTS):
        _ask(operation, whole, role, wrong)
    whole.restore()
    assert wrong == []


def _ask(operation: Any, whole: Whole, role: str, wrong: list[str]) -> None:
    @seed(20)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Case[Any]) -> None:
        for asked in [case, *_about_what_is_there(case, whole)]:
            answered = asked.call(headers={"Authorization": f"bearer {whole.callers[role].token}"})
            if fault := _fault(asked, answered):
                wrong.append(f"{fault}\n{asked.as_curl_command()[:2000]}")
            if asked.method != "GET" and answered.status_code < 300:
                whole.restore()

    ask()


def _about_what_is_there(case: Case[Any], whole: Whole) -> Iterator[Case[Any]]:
    """The same question about resources that exist, so that it gets further than "not found"."""
    try:
        address = whole.address(case.path)
    except KeyError:
        return
    names = case.path.split("/")
    values = dict(zip(names, address.split("/"), strict=True))
    parameters = {name[1:-1]: value for name, value in values.items() if name.startswith("{")}
    body = _named(case.body, whole) if isinstance(case.body, dict) else case.body
    if parameters or body != case.body:
        yield case.operation.Case(
            method=case.method,
            path_parameters=parameters,
            query=case.query,
            body=body,
            media_type=case.media_type,
        )


def _named(value: Any, whole: Whole, name: str = "") -> Any:
    """``{"app": {"data": {"guid": ...}}}`` of the app that there is."""
    if isinstance(value, dict):
        return {key: _named(item, whole, key if key in NAMED else name) for key, item in value.items()} | (
            {"guid": whole.guids[NAMED[name]]} if name and "guid" in value else {}
        )
    return value


def _fault(case: Case[Any], answered: Response) -> str:
    if answered.status_code >= 500:
        return f"{answered.status_code} {answered.text[:300]}"
    if answered.status_code < 400:
        return ""
    try:
        document = json.loads(answered.text)
        errors = document.get("errors", [document])
        shaped = all(
            error.keys() >= {"code", "title", "detail"} or error.keys() >= {"error", "error_description"}
            for error in errors
        )
    except (ValueError, TypeError, AttributeError, KeyError):
        shaped = False
    return "" if shaped else f"an error of another shape: {answered.status_code} {answered.text[:300]}"
